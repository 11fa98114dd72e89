import type { EntityDocument } from "../konnect/entity_document.ts";
import { foldText, squeeze } from "./fold.ts";
import type { Pattern, Term } from "./query.ts";
import type { Ranking } from "./score_words.ts";
import type { SearchableEntity, SearchableText } from "./searchable_entity.ts";
import { type Tier, TIERS } from "./tiers.ts";
import { isSameType } from "./type_names.ts";
import { splitWords } from "./words.ts";

/** An id is told by so many of its first characters. */
const ID_PREFIX_MIN_LENGTH = 4;

/** Names of attributes in Konnect's own search that are called otherwise in the document. */
const ATTRIBUTES: Readonly<Record<string, keyof EntityDocument>> = {
  control_plane_id: "control_plane",
  host: "hosts",
  hostname: "name",
  username: "name",
  target: "name",
  path: "paths",
  method: "methods",
  protocol: "protocols",
  service_id: "parent",
  parent_id: "parent",
};

/** The member of the document that `@ATTRIBUTE:` looks at. There may be no such member. */
export function memberOfAttribute(key: string): string {
  return (Object.hasOwn(ATTRIBUTES, key) ? ATTRIBUTES[key] : undefined) ?? key;
}

/** A part of a query that is meant exactly, prepared for being compared with many entities. */
export class TermScorer {
  readonly #term: Term;
  readonly #test: PatternTest;

  constructor(term: Term) {
    this.#term = term;
    this.#test = new PatternTest(term);
  }

  /** Undefined where the entity is not so. In a `NOT`, words count only as a whole. */
  score(entity: SearchableEntity, isStrict: boolean): Ranking | undefined {
    const { document, names } = entity;
    const { field } = this.#term;
    if (field.name === "type") {
      return this.#isType(document.type) ? filter("type", document.type) : undefined;
    }
    if (field.name === "id") return this.#isId(entity) ? filter("id", document.id) : undefined;
    if (field.name === "name") return this.#best(names, NAME_TIERS, isStrict);
    if (field.name === "label") return this.#label(entity, field.key);
    if (field.name === "attribute") return this.#attribute(document, field.key);
    if (field.name === "any") return this.#any(entity, isStrict);
    const descriptions = entity.others.filter((text) => text.field === "description");
    return this.#best(descriptions, FIELD_TIERS, isStrict);
  }

  #any(entity: SearchableEntity, isStrict: boolean): Ranking | undefined {
    const { names, hosts, paths, labels, others, document } = entity;
    const found = this.#best(names, NAME_TIERS, isStrict);
    if (found) return found;
    if (this.#test.isEqual(document.id) || this.#test.isEqual(entity.key)) {
      return filter("id", document.id);
    }
    return (
      this.#best([...hosts, ...paths], FIELD_TIERS, isStrict) ??
      this.#best([...labels, ...others], FIELD_TIERS, isStrict) ??
      (this.#test.isEqual(document.type) ? filter("type", document.type) : undefined)
    );
  }

  #best(
    texts: readonly SearchableText[],
    tiers: Readonly<Record<PatternMatch, Tier>>,
    isStrict: boolean,
  ): Ranking | undefined {
    let best: Ranking | undefined;
    for (const text of texts) {
      const match = this.#test.match(text, isStrict);
      if (!match) continue;
      const tier = tiers[match];
      const found = { score: TIERS[tier], tier, field: text.field, match: text.text, edits: 0 };
      if (!best || found.score > best.score) best = found;
    }
    return best;
  }

  #isType(type: string): boolean {
    const { text, isOpenAtStart, isOpenAtEnd } = this.#term.pattern;
    if (isOpenAtStart || isOpenAtEnd) return this.#test.isEqual(type);
    return text.split(",").some((asked) => isSameType(type, asked.trim()));
  }

  #isId({ key, document: { id } }: SearchableEntity): boolean {
    if (this.#test.isEqual(id) || this.#test.isEqual(key)) return true;
    const { text, isQuoted } = this.#term.pattern;
    const isLongEnough = !isQuoted && text.length >= ID_PREFIX_MIN_LENGTH;
    return isLongEnough && id.toLowerCase().startsWith(text.toLowerCase());
  }

  #label({ labels }: SearchableEntity, key: string): Ranking | undefined {
    const asked = foldText(key);
    for (const { folded, text, field } of labels) {
      const value = folded.startsWith(asked) ? folded.slice(asked.length) : "";
      if (!/^[=:]/.test(value) || !this.#test.isEqual(value.slice(1))) continue;
      return { score: TIERS.filter, tier: "filter", field, match: text, edits: 0 };
    }
    return undefined;
  }

  #attribute(document: EntityDocument, key: string): Ranking | undefined {
    const member = memberOfAttribute(key);
    const values: Readonly<Record<string, unknown>> = { ...document };
    const value = Object.hasOwn(values, member) ? values[member] : undefined;
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item === undefined) continue;
      const text = String(item);
      if (this.#test.isEqual(text) || this.#test.isDayOf(text)) return filter(key, text);
    }
    return undefined;
  }
}

/** Whether a pattern describes the whole of a value, without regard to case and accents. */
export function matchesWhole(pattern: Pattern, value: string): boolean {
  return isWhole(foldText(value), foldText(pattern.text), pattern);
}

function isWhole(value: string, folded: string, { isOpenAtStart, isOpenAtEnd }: Pattern): boolean {
  if (isOpenAtStart && isOpenAtEnd) return value.includes(folded);
  if (isOpenAtStart) return value.endsWith(folded);
  return isOpenAtEnd ? value.startsWith(folded) : value === folded;
}

type PatternMatch = "equal" | "begins" | "words" | "inside";

const NAME_TIERS: Readonly<Record<PatternMatch, Tier>> = {
  equal: "exact_name",
  begins: "name_prefix",
  words: "name_words",
  inside: "inside_word",
};

const FIELD_TIERS: Readonly<Record<PatternMatch, Tier>> = {
  equal: "label",
  begins: "label_word",
  words: "field_words",
  inside: "inside_word",
};

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Compares a pattern with values, without regard to case and accents. */
class PatternTest {
  readonly #pattern: Pattern;
  readonly #folded: string;
  readonly #squeezed: string;
  readonly #words: readonly string[];
  /** With the wildcards as characters: names may begin with one, `*.example.com`. */
  readonly #typed: string;

  readonly #isSelected: boolean;

  constructor({ pattern, field }: Term) {
    const { text, isOpenAtStart, isOpenAtEnd } = pattern;
    this.#pattern = pattern;
    this.#isSelected = field.name !== "any";
    this.#folded = foldText(text);
    this.#squeezed = squeeze(this.#folded);
    this.#words = splitWords(text).map((word) => word.text);
    this.#typed = `${isOpenAtStart ? "*" : ""}${this.#folded}${isOpenAtEnd && text !== "" ? "*" : ""}`;
  }

  /** Whether the whole value is as the pattern says. */
  isEqual(value: string): boolean {
    return isWhole(foldText(value), this.#folded, this.#pattern);
  }

  /** A date without a time means that day. */
  isDayOf(value: string): boolean {
    return DAY.test(this.#pattern.text) && value.startsWith(`${this.#pattern.text}T`);
  }

  /** How the pattern lies in a text of words. */
  match(text: SearchableText, isStrict: boolean): PatternMatch | undefined {
    const { isOpenAtStart, isOpenAtEnd, isQuoted } = this.#pattern;
    if (text.folded === this.#typed || text.folded === this.#folded) return "equal";
    if (isOpenAtStart || isOpenAtEnd) return this.#wildcard(text);
    if (isQuoted) return this.#phrase(text);
    if (this.#squeezed !== "" && text.squeezed.includes(this.#squeezed)) return "equal";
    const hasWords = this.#hasWords(text, isStrict);
    if (isStrict) return hasWords ? "words" : undefined;
    const begins =
      this.#squeezed !== "" && text.squeezed.some((own) => own.startsWith(this.#squeezed));
    if (begins) return "begins";
    return hasWords ? "words" : undefined;
  }

  #wildcard(text: SearchableText): PatternMatch | undefined {
    if (text.folded.startsWith(this.#folded) && this.#pattern.isOpenAtEnd) return "begins";
    if (this.isEqual(text.text)) return "words";
    return this.#typed.startsWith("*") && text.folded.startsWith(this.#typed)
      ? "begins"
      : undefined;
  }

  /** A quote behind a selector means the whole value, by itself a piece of one. */
  #phrase({ folded }: SearchableText): PatternMatch | undefined {
    if (this.#isSelected) return undefined;
    if (folded.startsWith(this.#folded)) return "begins";
    const at = folded.indexOf(this.#folded);
    if (at < 0) return undefined;
    return /[\p{L}\p{N}]/u.test(folded[at - 1] ?? "") ? "inside" : "words";
  }

  /** One word after the other; the last one may be only begun unless it is strict. */
  #hasWords({ words }: SearchableText, isStrict: boolean): boolean {
    const { length } = this.#words;
    if (length === 0) return false;
    for (let start = 0; start + length <= words.length; start += 1) {
      const isHere = this.#words.every((asked, index) => {
        const word = words[start + index];
        const isOpen = !isStrict && index === length - 1;
        return isOpen
          ? word?.text.startsWith(asked)
          : word?.text === asked || word?.digraph === asked;
      });
      if (isHere) return true;
    }
    return false;
  }
}

function filter(field: string, match: string): Ranking {
  return { score: TIERS.filter, tier: "filter", field, match, edits: 0 };
}
