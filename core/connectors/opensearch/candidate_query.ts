import { WORD_MAX_LENGTH } from "../../search/entity_words.ts";
import { PARAMETER } from "../../search/paths.ts";
import type { Expression, Term } from "../../search/query.ts";
import { synonymsOf } from "../../search/synonyms.ts";
import { typeSpellings } from "../../search/type_names.ts";
import {
  isLongPath,
  partsOf,
  type QueryWord,
  type WordsQuery,
  wordsQuery,
} from "../../search/words_query.ts";
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
import { JOINED_BEGINNINGS } from "./mapping.ts";
import { termClause } from "./term_clause.ts";

/**
 * How hard it is looked: for what was typed and what begins so; for a typo and pieces of words; for
 * two typos in a short text, which costs as much as all the rest. Of plain words by themselves each
 * effort finds mostly what the others do not.
 */
export type Effort = "strict" | "loose" | "far";

/** The points of the ways to be found. They only say who is compared first where many are found. */
const POINTS = {
  name: 1_000,
  joined: 960,
  value: 940,
  id: 890,
  typed: 870,
  url: 885,
  template: 868,
  path: 865,
  prefix: 840,
  words: 700,
  pathPart: 640,
  reference: 450,
  typo: 400,
  typedTypo: 380,
  amongst: 320,
  anywhere: 260,
  pathTypo: 240,
  letters: 60,
} as const;

const ID_MIN_LENGTH = 4;
const REFERENCE_MIN_LENGTH = 8;

/** Words of a query that may have typos. */
const FUZZY_WORDS_MAX_COUNT = 6;
/** Edits by which single words are found; a second one costs much, and trigrams find it as well. */
const WORD_EDITS_MAX_COUNT = 1;
/** Below so many letters, what shares some of their trigrams is anything. */
const LETTERS_MIN_LENGTH = 6;
/** The share of trigrams that is left where so many edits are forgiven. */
const LETTERS_SHARE = 0.45;
const PATH_SEGMENTS_MAX_COUNT = 12;
/** Two typos leave few letters of a shorter text in a row. */
const FAR_MAX_LENGTH = 13;

/** What finds the entities that an expression may match, those that match best first. */
export function candidateQuery(expression: Expression | undefined, effort: Effort): Clause {
  if (expression?.kind !== "words") return wholeQuery(expression, effort);
  return CLAUSES[effort](distinctWords(expression.text));
}

/** A word that is repeated finds nothing else the second time, and costs as much. */
function distinctWords(text: string): WordsQuery {
  const query = wordsQuery(text);
  const texts = query.words.map((word) => word.text);
  return { ...query, words: query.words.filter((word, at) => texts.indexOf(word.text) === at) };
}

const CLAUSES = { strict: strictClause, loose: looseClause, far: farClause } as const;

/** Efforts that may find what the strict one does not. Words among conditions have one for all. */
export function harderEfforts(expression: Expression | undefined): readonly Effort[] {
  if (!hasWords(expression)) return [];
  const isFar = expression?.kind === "words" && candidateQuery(expression, "far") !== NOTHING;
  return isFar ? ["loose", "far"] : ["loose"];
}

/** There is nothing to be loose about without plain words. */
function hasWords(expression: Expression | undefined): boolean {
  if (expression === undefined || expression.kind === "not") return false;
  if ("parts" in expression) return expression.parts.some(hasWords);
  return expression.kind === "words";
}

/** Beside other conditions, words that were typed right stay with those that were not. */
function wholeQuery(expression: Expression | undefined, effort: Effort): Clause {
  if (expression === undefined) return EVERYTHING;
  if (expression.kind === "term") return termClause(expression);
  if (expression.kind === "not") return notClause(expression.part);
  if (expression.kind === "words") {
    const query = distinctWords(expression.text);
    const strict = strictClause(query);
    return effort === "strict" ? strict : anyOf([strict, looseClause(query), farClause(query)]);
  }
  const parts = expression.parts.map((part) => wholeQuery(part, effort));
  return expression.kind === "any" ? anyOf(parts) : allOf(parts);
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

function strictClause(query: WordsQuery): Clause {
  const { folded, squeezed, words, typed } = query;
  if (words.length === 0) return NOTHING;
  return anyOf([
    worth(POINTS.name, terms("name.keyword", [folded])),
    worth(POINTS.joined, terms("search.joined", squeezed)),
    ...["hosts.keyword", "paths.keyword", "labels", "tags"].map((field) =>
      worth(POINTS.value, terms(field, [folded])),
    ),
    ...idClauses(query),
    ...typed.map(({ types, words: others }) =>
      above(POINTS.typed, where(allOf(others.map(inName)), typeClause(types))),
    ),
    ...squeezed.map((text) => worth(POINTS.prefix, joinedBegins(text))),
    worth(POINTS.prefix, beginsWith("hosts.keyword", folded)),
    above(POINTS.words, allOf(words.map(inName))),
    ...pathClauses(query),
    // What a single word finds in names is found above.
    ...anywhere(query, words.length > 1 ? strictAnywhere : strictInRest),
  ]);
}

/** What else is looked for. It finds what was meant without typos once more. */
function looseClause(query: WordsQuery): Clause {
  const { squeezed, words, editsMax } = query;
  if (words.length === 0) return NOTHING;
  const fuzzy = (word: QueryWord): Clause =>
    words.indexOf(word) < FUZZY_WORDS_MAX_COUNT ? fuzzyAnywhere(word) : strictAnywhere(word);
  return anyOf([
    ...squeezed.map((own) => worth(POINTS.typo, nearJoined(own, Math.min(editsMax, 1)))),
    ...typedTypoClauses(query),
    worth(POINTS.amongst, terms("search.joined", partsOf(query))),
    ...anywhere(query, fuzzy),
    ...pathTypoClauses(query),
    lettersClause(query),
  ]);
}

/** Longer texts with two typos have enough letters in common with what was meant. */
function farClause({ squeezed, words, editsMax }: WordsQuery): Clause {
  const isShort = (squeezed[0] ?? "").length <= FAR_MAX_LENGTH;
  if (words.length === 0 || editsMax < 2 || !isShort) return NOTHING;
  return anyOf(squeezed.map((own) => worth(POINTS.typo, nearJoined(own, 2))));
}

/** Names that a text with typos may be the beginning of, or the whole. */
function nearJoined(text: string, editsMax: number): Clause {
  return near("search.joined.begin", firstLetters(text, JOINED_BEGINNINGS.max), editsMax);
}

function joinedBegins(text: string): Clause {
  const isIndexed = firstLetters(text, JOINED_BEGINNINGS.max) === text;
  return isIndexed ? terms("search.joined.begin", [text]) : beginsWith("search.joined", text);
}

/** OpenSearch counts characters, not UTF-16 units. */
function firstLetters(text: string, maxCount: number): string {
  return text.length <= maxCount ? text : Array.from(text).slice(0, maxCount).join("");
}

/** A type is among the words of an entity as well, unless it goes by another name. */
function typedTypoClauses({ words, typed }: WordsQuery): readonly Clause[] {
  const others = typed.filter(({ types, words: left }) => {
    const [name, ...more] = words.filter((word) => !left.includes(word));
    return more.length > 0 || !synonymsOf(name?.text ?? "").some((form) => types.includes(form));
  });
  return others.map(({ types, words: left }) => {
    return above(POINTS.typedTypo, where(allOf(left.map(fuzzyInName)), typeClause(types)));
  });
}

/**
 * Names, hosts and paths that hold the query, whatever separates their letters; where edits are
 * forgiven, also those that have many of its letters.
 */
function lettersClause({ squeezed: [text = ""], editsMax }: WordsQuery): Clause {
  const isFuzzy = text.length >= LETTERS_MIN_LENGTH && editsMax > 0;
  if (!isFuzzy) return above(POINTS.letters, holdsLetters("search.grams", text));
  const minCount = Math.max(2, Math.ceil(trigramsCount(text) * LETTERS_SHARE));
  return above(POINTS.letters, sharesTrigrams("search.grams", text, minCount));
}

function idClauses({ id }: WordsQuery): readonly Clause[] {
  const last = id?.split("/").at(-1) ?? "";
  if (id === undefined || last.length < ID_MIN_LENGTH) return [];
  const own = worth(POINTS.id, idBeginsWith("id", last));
  if (last.length < REFERENCE_MIN_LENGTH) return [own];
  const references = [beginsWith("parent", last), beginsWith("control_plane", last)];
  return [own, ...references.map((clause) => worth(POINTS.reference, clause))];
}

/** The word itself over its other forms over what begins with it. */
function inName(word: QueryWord): Clause {
  const spellings = spellingsOf(word);
  return anyOf([
    worth(8, terms("search.name", spellings)),
    worth(7, terms("search.name", spellings.flatMap(synonymsOf))),
    ...spellings.map((spelling) => worth(6, beginsWith("search.name", spelling))),
  ]);
}

function strictAnywhere(word: QueryWord): Clause {
  return anyOf([inName(word), strictInRest(word)]);
}

function strictInRest(word: QueryWord): Clause {
  const spellings = spellingsOf(word);
  return anyOf([
    worth(4, terms("search.rest", spellings.flatMap(synonymsOf))),
    ...spellings.map((spelling) => worth(3, beginsWith("search.rest", spelling))),
  ]);
}

/** Each `fuzzy` costs as much as all that is not, so there is one for each word and field. */
function fuzzyAnywhere(word: QueryWord): Clause {
  const { text, editsMax } = word;
  return anyOf([
    strictAnywhere(word),
    nearName(word),
    worth(0.5, near("search.rest", text, Math.min(editsMax, WORD_EDITS_MAX_COUNT))),
  ]);
}

function fuzzyInName(word: QueryWord): Clause {
  return anyOf([inName(word), nearName(word)]);
}

/** What a word is the beginning of, with a typo, is found by the letters of the query. */
function nearName({ text, editsMax }: QueryWord): Clause {
  return worth(1, near("search.name", text, Math.min(editsMax, WORD_EDITS_MAX_COUNT)));
}

function spellingsOf({ text, digraph }: QueryWord): readonly string[] {
  const spellings = digraph === undefined ? [text] : [text, digraph];
  return spellings.map((spelling) => spelling.slice(0, WORD_MAX_LENGTH));
}

type WordClause = (word: QueryWord) => Clause;

/** Each word in some field. The words of a long path say little each: it has segments. */
function anywhere(query: WordsQuery, clauseOf: WordClause): readonly Clause[] {
  return isLongPath(query) ? [] : [above(POINTS.anywhere, allOf(query.words.map(clauseOf)))];
}

/**
 * Routes that a path may be of. A segment of a concrete path may be a parameter of the template, so
 * one of them may be missing.
 */
function pathClauses(query: WordsQuery): readonly Clause[] {
  const { path } = query;
  if (!path) return [];
  const segments = segmentClauses(query, strictAnywhere);
  const hostWords = path.hostLabels.flatMap((label) => wordsQuery(label).words);
  const host = hostWords.map(({ text }) => terms("search.rest", [text]));
  if (segments.length === 0) return host.length === 0 ? [] : [above(POINTS.pathPart, allOf(host))];
  const isTemplate = path.path.segments.includes(PARAMETER);
  return [
    above(POINTS.path, allOf(segments)),
    // Of many routes that it may be of, those whose parameters are called as they were typed.
    isTemplate ? above(POINTS.template, allOf(query.words.map(strictAnywhere))) : NOTHING,
    host.length === 0 ? NOTHING : above(POINTS.url, allOf([...segments, ...host])),
    segments.length < 2 ? NOTHING : above(POINTS.pathPart, someOf(segments, segments.length - 1)),
  ];
}

function pathTypoClauses(query: WordsQuery): readonly Clause[] {
  let wordsCount = 0;
  const segments = segmentClauses(query, (word) => {
    wordsCount += 1;
    return wordsCount <= FUZZY_WORDS_MAX_COUNT ? fuzzyAnywhere(word) : strictAnywhere(word);
  });
  if (segments.length === 0) return [];
  return [above(POINTS.pathTypo, someOf(segments, Math.max(1, segments.length - 1)))];
}

function segmentClauses({ path }: WordsQuery, clauseOf: WordClause): readonly Clause[] {
  const segments = path?.path.segments.filter((segment) => !segment.includes(PARAMETER)) ?? [];
  return [...new Set(segments)]
    .slice(0, PATH_SEGMENTS_MAX_COUNT)
    .map((segment) => allOf(wordsQuery(segment).words.map(clauseOf)));
}

function typeClause(types: readonly string[]): Clause {
  return terms("type", types.flatMap(typeSpellings));
}
