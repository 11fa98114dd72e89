import { WORD_MAX_LENGTH } from "../../search/entity_words.ts";
import { PARAMETER } from "../../search/paths.ts";
import type { Expression, Term } from "../../search/query.ts";
import { synonymsOf } from "../../search/synonyms.ts";
import { typeSpellings } from "../../search/type_names.ts";
import { type QueryWord, type WordsQuery, wordsQuery } from "../../search/words_query.ts";
import {
  above,
  allOf,
  anyOf,
  beginsWith,
  holdsLetters,
  type Clause,
  EVERYTHING,
  idBeginsWith,
  near,
  not,
  NOTHING,
  sharesTrigrams,
  trigramsCount,
  someOf,
  terms,
  where,
  worth,
} from "./clauses.ts";
import { termClause } from "./term_clause.ts";

/**
 * How hard it is looked: for what was typed and begins so, or for typos and pieces of words as
 * well.
 */
export type Effort = "strict" | "loose";

/** The points of the ways to be found. They only say who is compared first where many are found. */
const POINTS = {
  name: 1_000,
  joined: 960,
  value: 940,
  id: 890,
  typed: 870,
  path: 865,
  prefix: 840,
  words: 700,
  pathPart: 640,
  anywhere: 500,
  reference: 450,
  typo: 400,
  typedTypo: 380,
  wordsTypo: 340,
  amongst: 320,
  anywhereTypo: 260,
  pathTypo: 240,
  inside: 200,
  letters: 60,
} as const;

const ID_MIN_LENGTH = 4;
const REFERENCE_MIN_LENGTH = 8;

/** Shorter words are not the beginning of a typo. */
const PREFIX_TYPO_MIN_LENGTH = 4;
/** Words of a query that may have typos. */
const FUZZY_WORDS_MAX_COUNT = 8;
/** Words of a query that are combined to names. */
const COMBINED_WORDS_MAX_COUNT = 8;
/** Below so many letters, what shares some of their trigrams is anything. */
const LETTERS_MIN_LENGTH = 6;
/** The share of trigrams that is left where so many edits are forgiven. */
const LETTERS_SHARE = 0.45;
const PATH_SEGMENTS_MAX_COUNT = 12;

/** What finds the entities that an expression may match, those that match best first. */
export function candidateQuery(expression: Expression | undefined, effort: Effort): Clause {
  if (expression === undefined) return EVERYTHING;
  switch (expression.kind) {
    case "words":
      return wordsClause(wordsQuery(expression.text), effort);
    case "term":
      return termClause(expression);
    case "not":
      return notClause(expression.part);
    case "any":
      return anyOf(expression.parts.map((part) => candidateQuery(part, effort)));
    case "all":
      return allOf(expression.parts.map((part) => candidateQuery(part, effort)));
  }
}

/** Whether the query of an expression finds exactly what matches. */
export function isExact(expression: Expression | undefined): boolean {
  if (expression === undefined) return true;
  if (expression.kind === "term") return isPlainType(expression) || isEveryThing(expression);
  if (expression.kind === "not") return isExact(expression.part);
  return "parts" in expression && expression.parts.every(isExact);
}

/** Takes away only what is sure to match; the rest is compared. */
function notClause(part: Expression): Clause {
  return isExact(part) ? not(candidateQuery(part, "strict")) : EVERYTHING;
}

function isPlainType({ field, pattern }: Term): boolean {
  return field.name === "type" && !pattern.isOpenAtStart && !pattern.isOpenAtEnd;
}

function isEveryThing({ field, pattern }: Term): boolean {
  return field.name === "any" && pattern.text === "";
}

function wordsClause(query: WordsQuery, effort: Effort): Clause {
  if (query.words.length === 0) return NOTHING;
  const strict = strictClauses(query);
  return anyOf(effort === "strict" ? strict : [...strict, ...looseClauses(query)]);
}

function strictClauses(query: WordsQuery): readonly Clause[] {
  const { folded, squeezed, words, typed } = query;
  const inName = words.map((word) => strictWord(word, "search.name"));
  const isPath = isLongPath(query);
  return [
    worth(POINTS.name, terms("name.keyword", [folded])),
    worth(POINTS.joined, terms("search.joined", squeezed)),
    ...["hosts.keyword", "paths.keyword", "labels", "tags"].map((field) =>
      worth(POINTS.value, terms(field, [folded])),
    ),
    ...idClauses(query),
    ...typed.map(({ types, words: others }) =>
      above(POINTS.typed, where(inNameAll(others, strictWord), typeClause(types))),
    ),
    ...squeezed.map((text) => worth(POINTS.prefix, beginsWith("search.joined", text))),
    worth(POINTS.prefix, beginsWith("hosts.keyword", folded)),
    above(POINTS.words, allOf(inName)),
    ...(isPath ? [] : [above(POINTS.anywhere, anywhere(words, strictWord))]),
    ...pathClauses(query, strictWord, [POINTS.path, POINTS.pathPart]),
  ];
}

function looseClauses(query: WordsQuery): readonly Clause[] {
  const { squeezed, words, typed, editsMax } = query;
  const [text = ""] = squeezed;
  const fuzzy = (word: QueryWord, field: WordField): Clause =>
    words.indexOf(word) < FUZZY_WORDS_MAX_COUNT ? fuzzyWord(word, field) : strictWord(word, field);
  return [
    ...squeezed.map((own) => worth(POINTS.typo, near("search.joined", own, editsMax))),
    ...typed.map(({ types, words: others }) =>
      above(POINTS.typedTypo, where(inNameAll(others, fuzzy), typeClause(types))),
    ),
    above(POINTS.wordsTypo, inNameAll(words, fuzzy)),
    worth(POINTS.amongst, terms("search.joined", partsOf(query))),
    ...(isLongPath(query) ? [] : [above(POINTS.anywhereTypo, anywhere(words, fuzzy))]),
    ...pathClauses(query, fuzzy, [POINTS.pathTypo, POINTS.pathTypo]),
    above(POINTS.inside, holdsLetters("search.grams", text)),
    lettersClause(query),
  ];
}

/** Names of which the query has most letters, whatever separates them and however many edits. */
function lettersClause({ squeezed: [text = ""], editsMax }: WordsQuery): Clause {
  if (text.length < LETTERS_MIN_LENGTH || editsMax === 0) return NOTHING;
  const minCount = Math.max(2, Math.ceil(trigramsCount(text) * LETTERS_SHARE));
  return above(POINTS.letters, sharesTrigrams("search.grams", text, minCount));
}


function idClauses({ id }: WordsQuery): readonly Clause[] {
  const last = id?.split("/").at(-1) ?? "";
  if (id === undefined || last.length < ID_MIN_LENGTH) return [];
  const own = worth(POINTS.id, idBeginsWith("id", last));
  if (last.length < REFERENCE_MIN_LENGTH) return [own];
  const references = [idBeginsWith("parent", last), idBeginsWith("control_plane", last)];
  return [own, ...references.map((clause) => worth(POINTS.reference, clause))];
}

type WordField = "search.name" | "search.rest";
type WordClause = (word: QueryWord, field: WordField) => Clause;

/** The word itself over its other forms over what begins with it. */
function strictWord({ text, digraph }: QueryWord, field: WordField): Clause {
  const typed = digraph === undefined ? [text] : [text, digraph];
  const spellings = typed.map((spelling) => spelling.slice(0, WORD_MAX_LENGTH));
  const synonyms = spellings.flatMap((spelling) => synonymsOf(spelling));
  return anyOf([
    worth(4, terms(field, spellings)),
    worth(3, terms(field, synonyms)),
    ...spellings.map((spelling) => worth(2, beginsWith(field, spelling))),
  ]);
}

function fuzzyWord(word: QueryWord, field: WordField): Clause {
  const { text, editsMax } = word;
  const isBegun = field === "search.name" && text.length >= PREFIX_TYPO_MIN_LENGTH;
  return anyOf([
    strictWord(word, field),
    worth(1, near(field, text, editsMax)),
    isBegun ? worth(0.5, near("search.name.begin", text, editsMax)) : NOTHING,
  ]);
}

function inNameAll(words: readonly QueryWord[], clauseOf: WordClause): Clause {
  return allOf(words.map((word) => clauseOf(word, "search.name")));
}

/** Each word in some field. */
function anywhere(words: readonly QueryWord[], clauseOf: WordClause): Clause {
  return allOf(words.map((word) => inAnyField(word, clauseOf)));
}

function inAnyField(word: QueryWord, clauseOf: WordClause): Clause {
  return anyOf([clauseOf(word, "search.name"), clauseOf(word, "search.rest")]);
}

/**
 * Routes that a path may be of. A segment of a concrete path may be a parameter of the template, so
 * one of them may be missing.
 */
function pathClauses(
  { path }: WordsQuery,
  clauseOf: WordClause,
  [whole, part]: readonly [whole: number, part: number],
): readonly Clause[] {
  if (!path) return [];
  const literals = path.path.segments.filter((segment) => !segment.includes(PARAMETER));
  const segments = literals.slice(0, PATH_SEGMENTS_MAX_COUNT).map((segment) => {
    return anywhere(wordsQuery(segment).words, clauseOf);
  });
  const hostWords = path.hostLabels.flatMap((label) => wordsQuery(label).words);
  const host = hostWords.map(({ text }) => terms("search.rest", [text]));
  const clauses = [above(whole, allOf(segments))];
  if (host.length > 0) clauses.push(above(whole + 20, allOf([...segments, ...host])));
  if (segments.length >= 2) clauses.push(above(part, someOf(segments, segments.length - 1)));
  return segments.length === 0 ? [above(part, allOf(host))] : clauses;
}

function typeClause(types: readonly string[]): Clause {
  return terms("type", types.flatMap(typeSpellings));
}

/** A path whose words say little each: it is looked for by its segments. */
function isLongPath({ path }: WordsQuery): boolean {
  return path !== undefined && (path.hostLabels.length > 0 || path.path.segments.length > 1);
}

/** Names that the query may hold beside words that nothing has: each run of its words. */
function partsOf({ words }: WordsQuery): readonly string[] {
  const texts = words.slice(0, COMBINED_WORDS_MAX_COUNT).map(({ text }) => text);
  const parts: string[] = [];
  for (let start = 0; start < texts.length; start += 1) {
    for (let end = start + 1; end <= texts.length; end += 1) {
      if (end - start < words.length) parts.push(texts.slice(start, end).join(""));
    }
  }
  return parts;
}
