import { splitWords } from "../../search/words.ts";
import type { Expression, Term, TermField } from "../../search/query.ts";
import { foldText, squeeze } from "../../search/fold.ts";
import { matchesWhole, memberOfAttribute } from "../../search/match_term.ts";
import { PARAMETER } from "../../search/paths.ts";
import {
  isLongPath,
  partsOf,
  type QueryWord,
  type WordsQuery,
  wordsQuery,
} from "../../search/words_query.ts";
import type { Catalog, SlotFilter } from "./catalog.ts";
import {
  allOf,
  anyWord,
  type Column,
  type MatchExpression,
  NOTHING,
  ofParent,
  ofTypes,
  oneOf,
} from "./match_expression.ts";
import { parentHashOf } from "./segment_builder.ts";
import type { Meanings, Vocabulary } from "./vocabulary.ts";

/** How hard it is looked: each step is dearer than the one before, and finds what is worth less. */
export type Effort = "strict" | "fuzzy" | "letters" | "inside";

/** What candidates are found with. */
export interface CandidateSources {
  readonly catalog: Catalog;
  readonly vocabulary: Vocabulary;
}

/** Rows that one expression may yield. */
const ROWS_MAX_COUNT = 2_000;
/** Entities that are found at all: counts beyond are not exact. */
const SLOTS_MAX_COUNT = 10_000;
/** With so many entities found by better means, the dearer ones would add nothing to a page. */
const ENOUGH_COUNT = 1_000;
/** With so many routes found for a path it is no longer guessed which segments are parameters. */
const PATHS_ENOUGH_COUNT = 50;
/** Entities of one source that are looked at before the rest of any. */
const FIRST_COUNT = 100;
const NAME_AND_REST: readonly Column[] = ["name", "rest"];
const INSIDE_MIN_LENGTH = 3;

/** Finds the entities that an expression may match. */
export class CandidateFinder {
  readonly #sources: CandidateSources;
  readonly #filter: SlotFilter;
  /** Texts of the expressions that have been looked for. */
  readonly #done = new Set<string>();
  readonly #seen = new Set<number>();
  /** The best of each source, and then what is left of them. */
  readonly #first: number[] = [];
  readonly #rest: number[] = [];
  readonly #isLate: () => boolean;
  #isComplete = true;

  /** `isLate` is asked before each step: once it says so, nothing more is looked for. */
  constructor(sources: CandidateSources, filter: SlotFilter, isLate: () => boolean) {
    this.#sources = sources;
    this.#filter = filter;
    this.#isLate = isLate;
  }

  /** Entities that may match, by slot, in the order in which they should be looked at. */
  *found(): Generator<number> {
    yield* this.#first;
    yield* this.#rest;
  }

  /** False where there are more of them. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Adds what the expression may match, looked for so hard. */
  find(expression: Expression | undefined, effort: Effort): void {
    this.#find(expression, effort, undefined);
  }

  #find(
    expression: Expression | undefined,
    effort: Effort,
    condition: MatchExpression | undefined,
  ): void {
    if (expression === undefined) return this.#everything(condition);
    switch (expression.kind) {
      case "words":
        return this.#words(wordsQuery(expression.text), effort, condition);
      case "term":
        return this.#term(expression, condition);
      case "not":
        return this.#everything(condition);
      case "any":
        for (const part of expression.parts) this.#find(part, effort, condition);
        return;
      case "all": {
        const words = expression.parts.find(({ kind }) => kind === "words" || kind === "any");
        const others = expression.parts.filter((part) => part !== words);
        const narrowed = allOf([condition, ...others.map((part) => this.#conditionOf(part))]);
        if (words) return this.#find(words, effort, narrowed);
        const names = others.find((part) => part.kind === "term" && narrowed === condition);
        if (names) return this.#find(names, effort, condition);
        return this.#everything(narrowed);
      }
    }
  }

  /** What the catalog knows of an expression: all that match fulfil it. Undefined for nothing. */
  #conditionOf(expression: Expression): MatchExpression | undefined {
    if (expression.kind === "term") return this.#termCondition(expression);
    if (expression.kind === "not" || expression.kind === "words") return undefined;
    const parts = expression.parts.map((part) => this.#conditionOf(part));
    return expression.kind === "all" ? allOf(parts) : oneOf(parts);
  }

  #termCondition({ field, pattern }: Term): MatchExpression | undefined {
    const { isOpenAtStart, isOpenAtEnd, text } = pattern;
    if (field.name === "type") {
      if (!isOpenAtStart && !isOpenAtEnd) {
        return ofTypes(text.split(",").map((type) => type.trim()));
      }
      const { names } = this.#sources.catalog.typeNames;
      return ofTypes(names.filter((name) => matchesWhole(pattern, name)));
    }
    if (isOfParent(field) && !isOpenAtStart && !isOpenAtEnd) {
      return ofParent(parentHashOf(text));
    }
    const columns = columnsOf(field);
    if (!columns) return undefined;
    const words = splitWords(text);
    const [first, last] = [words[0], words.at(-1)];
    return allOf(
      words.map((word) => {
        const { vocabulary } = this.#sources;
        const isPart = isOpenAtStart && word === first && word.start === 0;
        if (isPart) {
          return anyWord(vocabulary.holding(word.text), undefined, columns) ?? undefined;
        }
        const isOpen = word === last && !pattern.isQuoted && field.name !== "label";
        if (isOpen || (isOpenAtEnd && word === last)) {
          return anyWord([word.text], word.text, columns);
        }
        return anyWord([word.text], undefined, columns);
      }),
    );
  }

  #term(term: Term, condition: MatchExpression | undefined): void {
    const { field, pattern } = term;
    const { catalog } = this.#sources;
    const text = squeeze(foldText(pattern.text));
    if (field.name === "id" || field.name === "any") {
      const id = pattern.text.toLowerCase().split("/").at(-1) ?? "";
      if (id.length >= 4) this.#add(catalog.withIdHead(id, this.#filter));
    }
    if ((field.name === "name" || field.name === "any") && text !== "") {
      const { whole, beginnings } = catalog.beginningWith(text, this.#filter);
      this.#add(whole);
      this.#add(this.#shortest(beginnings));
      if (pattern.isOpenAtStart) this.#add(catalog.holding(text, this.#filter));
    }
    const own = this.#termCondition(term);
    const isSearched = own !== undefined || field.name === "attribute" || text === "";
    if (field.name === "id" && !pattern.isOpenAtStart) return;
    if (isSearched || pattern.isOpenAtStart) this.#everything(allOf([condition, own]));
  }

  #words(query: WordsQuery, effort: Effort, condition: MatchExpression | undefined): void {
    if (query.words.length === 0) return;
    if (effort === "strict") this.#strict(query, condition);
    else if (effort === "fuzzy") this.#fuzzy(query, condition);
    else if (effort === "letters") this.#letters(query);
    else this.#inside(query, condition);
  }

  #strict(query: WordsQuery, condition: MatchExpression | undefined): void {
    const { catalog, vocabulary } = this.#sources;
    const named = query.squeezed.map((text) => catalog.beginningWith(text, this.#filter));
    for (const { whole } of named) this.#add(whole);
    if (query.id !== undefined) {
      this.#add(catalog.withIdHead(query.id.split("/").at(-1) ?? "", this.#filter));
    }
    const meanings = query.words.map((word) => vocabulary.strict(word));
    for (const { words, types } of query.typed) {
      const typed = allOf(words.map((word) => wordCondition(vocabulary.strict(word), ["name"])));
      this.#matching(allOf([typed, ofTypes(types), condition]));
    }
    for (const { beginnings } of named) this.#add(this.#shortest(beginnings));
    if (isLongPath(query)) {
      return this.#paths(query, (word) => vocabulary.strict(word), condition);
    }
    this.#inColumns(meanings, condition);
    this.#paths(query, (word) => vocabulary.strict(word), condition);
  }

  #fuzzy(query: WordsQuery, condition: MatchExpression | undefined): void {
    const { vocabulary } = this.#sources;
    // A single word may be several that were joined, which no vocabulary tells.
    if (query.words.length === 1) this.#letters(query);
    const fuzzy = new Map<string, Meanings>();
    const meaningOf = (word: QueryWord): Meanings => {
      const known = fuzzy.get(word.text) ?? vocabulary.fuzzy(word);
      fuzzy.set(word.text, known);
      return known;
    };
    for (const { words, types } of query.typed) {
      const typed = allOf(words.map((word) => wordCondition(meaningOf(word), ["name"])));
      this.#matching(allOf([typed, ofTypes(types), condition]));
    }
    if (!isLongPath(query)) this.#inColumns(query.words.map(meaningOf), condition);
    this.#paths(query, meaningOf, condition);
  }

  /** Names by all their letters, whatever separates them; and names among other words. */
  #letters(query: WordsQuery): void {
    const { catalog } = this.#sources;
    if (query.editsMax > 0 && !this.#isTooLate()) {
      const near = query.squeezed.map((text) =>
        catalog.near(text, { editsMax: query.editsMax, filter: this.#filter }),
      );
      for (const edits of [0, 1, 2, 3]) {
        for (const { whole, beginnings } of near) {
          this.#add(whole[edits] ?? []);
          this.#add(this.#shortest(beginnings[edits] ?? []));
        }
      }
    }
    this.#add(catalog.amongst(partsOf(query), this.#filter));
  }

  /** All words in the names, and then in any column. */
  #inColumns(meanings: readonly Meanings[], condition: MatchExpression | undefined): void {
    for (const columns of [["name"], NAME_AND_REST] as const) {
      if (this.#seen.size >= ENOUGH_COUNT) {
        this.#isComplete = false;
        return;
      }
      this.#matching(
        allOf([...meanings.map((meaning) => wordCondition(meaning, columns)), condition]),
      );
    }
  }

  #inside(query: WordsQuery, condition: MatchExpression | undefined): void {
    const [text = ""] = query.squeezed;
    if (text.length < INSIDE_MIN_LENGTH) return;
    const { catalog, vocabulary } = this.#sources;
    this.#add(catalog.holding(text, this.#filter));
    this.#matching(allOf([anyWord(vocabulary.holding(text), undefined, NAME_AND_REST), condition]));
  }

  /**
   * Routes that a path may be of. A segment of a concrete path may be a parameter of the template,
   * so each of them is left out once.
   */
  #paths(
    query: WordsQuery,
    meaningOf: (word: QueryWord) => Meanings,
    condition: MatchExpression | undefined,
  ): void {
    const { path } = query;
    if (!path) return;
    const literals = path.path.segments.filter((segment) => !segment.includes(PARAMETER));
    const segments = literals.map((segment) =>
      allOf(wordsQuery(segment).words.map((word) => wordCondition(meaningOf(word), NAME_AND_REST))),
    );
    const host = allOf(
      path.hostLabels.flatMap((label) =>
        wordsQuery(label).words.map((word) => anyWord([word.text], undefined, NAME_AND_REST)),
      ),
    );
    const hosts = host === undefined ? [undefined] : [host, undefined];
    let count = 0;
    for (const ofHost of hosts) {
      count += this.#matching(allOf([...segments, ofHost, condition]));
      if (count >= PATHS_ENOUGH_COUNT) return;
      if (segments.length < 2) continue;
      for (const left of segments) {
        const others = segments.filter((part) => part !== left);
        count += this.#matching(allOf([...others, ofHost, condition]));
      }
      if (count >= PATHS_ENOUGH_COUNT) return;
    }
  }

  #everything(condition: MatchExpression | undefined): void {
    if (condition !== undefined) {
      this.#matching(condition);
      return;
    }
    const slots = this.#sources.catalog.shortest(this.#filter, SLOTS_MAX_COUNT);
    if (slots.length === SLOTS_MAX_COUNT) this.#isComplete = false;
    this.#add(slots);
  }

  /** Adds what fulfils an expression, and returns how many rows did. */
  #matching(expression: MatchExpression | undefined): number {
    if (expression === undefined || expression === NOTHING) return 0;
    if (this.#done.has(expression.text) || this.#isTooLate()) return 0;
    this.#done.add(expression.text);
    const slots = this.#sources.catalog.match(expression, this.#filter, ROWS_MAX_COUNT);
    if (slots.length === ROWS_MAX_COUNT) this.#isComplete = false;
    this.#add(this.#shortest(slots));
    return slots.length;
  }

  #isTooLate(): boolean {
    if (!this.#isLate()) return false;
    this.#isComplete = false;
    return true;
  }

  #add(slots: readonly number[]): void {
    for (let index = 0; index < slots.length; index += 1) {
      const slot = slots[index] ?? 0;
      if (this.#seen.has(slot)) continue;
      if (index >= FIRST_COUNT && this.#seen.size >= SLOTS_MAX_COUNT) {
        this.#isComplete = false;
        return;
      }
      this.#seen.add(slot);
      (index < FIRST_COUNT ? this.#first : this.#rest).push(slot);
    }
  }

  /** The shorter name first. By counting, since there may be a million of them. */
  #shortest(slots: readonly number[]): readonly number[] {
    const { catalog } = this.#sources;
    const byLength: number[][] = [];
    for (const slot of slots) (byLength[catalog.nameLengthOf(slot)] ??= []).push(slot);
    return byLength.flat();
  }
}

function wordCondition(
  { words, prefix }: Meanings,
  columns: readonly Column[],
): MatchExpression | undefined {
  return anyWord(words, prefix, columns);
}

/** Whether a term asks for what belongs to an entity: `@parent:`, or as Konnect calls it. */
function isOfParent(field: TermField): boolean {
  return field.name === "attribute" && memberOfAttribute(field.key) === "parent";
}

function columnsOf({ name }: TermField): readonly Column[] | undefined {
  if (name === "name") return ["name"];
  if (name === "label" || name === "description") return ["rest"];
  return name === "any" ? NAME_AND_REST : undefined;
}
