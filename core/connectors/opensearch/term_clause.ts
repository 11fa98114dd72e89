import { WORD_MAX_LENGTH } from "../../search/entity_words.ts";
import { foldText, squeeze } from "../../search/fold.ts";
import { memberOfAttribute } from "../../search/match_term.ts";
import type { Pattern, Term } from "../../search/query.ts";
import { typeSpellings } from "../../search/type_names.ts";
import { splitWords } from "../../search/words.ts";
import {
  above,
  allOf,
  anyOf,
  beginsWith,
  type Clause,
  EVERYTHING,
  holdsLetters,
  idBeginsWith,
  NOTHING,
  terms,
  worth,
} from "./clauses.ts";

const POINTS = { whole: 1_000, id: 890, begins: 840, words: 700, inside: 400, rest: 1 } as const;

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const DAY_MS = 86_400_000;

const NAME = ["search.name"] as const;
const REST = ["search.rest"] as const;
const ANYWHERE = ["search.name", "search.rest"] as const;

/** What finds the entities that a term may mean: all of these, and perhaps some more. */
export function termClause({ field, pattern }: Term): Clause {
  if (field.name === "type") return typeClause(pattern);
  if (field.name === "id") return idClause("id", pattern);
  if (field.name === "any") return anyClause(pattern);
  if (field.name === "attribute") return attributeClause(field.key, pattern);
  if (field.name === "description") return wordsClause(openWords(pattern), REST);
  if (field.name === "label") {
    return allOf([wordsClause(wholeWords(field.key), REST), valueClause(pattern, REST)]);
  }
  return pattern.text === "" ? EVERYTHING : anyOf(nameClauses(pattern));
}

function typeClause({ text, isOpenAtStart, isOpenAtEnd }: Pattern): Clause {
  if (isOpenAtStart) return EVERYTHING;
  if (isOpenAtEnd) return idBeginsWith("type", text);
  return terms(
    "type",
    text.split(",").flatMap((type) => typeSpellings(type.trim())),
  );
}

/** A whole id or key is what begins so as well. */
function idClause(field: string, { text, isOpenAtStart }: Pattern): Clause {
  const last = text.split("/").at(-1) ?? "";
  return isOpenAtStart || last === "" ? EVERYTHING : idBeginsWith(field, last);
}

function nameClauses(pattern: Pattern): readonly Clause[] {
  const { text, isOpenAtStart, isQuoted } = pattern;
  const folded = foldText(text);
  const squeezed = squeeze(folded);
  const whole = worth(POINTS.whole, terms("name.keyword", [folded, `*${folded}`]));
  if (squeezed === "") return [whole, worth(POINTS.rest, EVERYTHING)];
  const joined = worth(POINTS.whole, terms("search.joined", [squeezed]));
  if (isOpenAtStart) return [whole, joined, insideClause(squeezed)];
  if (isQuoted) return [whole, joined, worth(POINTS.words, valueClause(pattern, NAME))];
  return [
    whole,
    joined,
    worth(POINTS.begins, beginsWith("search.joined", squeezed)),
    worth(POINTS.words, wordsClause(openWords(pattern), NAME)),
  ];
}

function anyClause(pattern: Pattern): Clause {
  const { text, isOpenAtStart, isQuoted } = pattern;
  if (text === "") return EVERYTHING;
  const squeezed = squeeze(foldText(text));
  const words = openWords(pattern);
  return anyOf([
    ...nameClauses(pattern),
    worth(POINTS.id, idClause("id", pattern)),
    worth(POINTS.rest, idBeginsWith("type", text)),
    words.begun === undefined ? NOTHING : worth(POINTS.words, wordsClause(words, ANYWHERE)),
    // A piece in quotes may begin within a word.
    isQuoted && squeezed !== "" ? insideClause(squeezed) : NOTHING,
    isOpenAtStart ? worth(POINTS.rest, EVERYTHING) : NOTHING,
  ]);
}

/** Names, hosts and paths that hold these letters, whatever separates them. */
function insideClause(squeezed: string): Clause {
  const holds = holdsLetters("search.grams", squeezed);
  return holds === NOTHING ? worth(POINTS.rest, EVERYTHING) : above(POINTS.inside, holds);
}

/** Members of a document, by what of them is indexed. */
const MEMBERS: Readonly<Record<string, (pattern: Pattern) => Clause>> = {
  ...members(["name", "custom_id", "instance_name", "prefix"], (pattern) =>
    valueClause(pattern, NAME),
  ),
  ...members(
    ["hosts", "paths", "labels", "tags", "methods", "protocols", "version", "description"],
    (pattern) => valueClause(pattern, REST),
  ),
  id: (pattern) => idClause("id", pattern),
  parent: (pattern) => idClause("parent", pattern),
  control_plane: (pattern) => idClause("control_plane", pattern),
  type: ({ text, isOpenAtStart }) => (isOpenAtStart ? EVERYTHING : idBeginsWith("type", text)),
  enabled: () => ({ exists: { field: "enabled" } }),
  created_at: (pattern) => timeClause("created_at", pattern),
  updated_at: (pattern) => timeClause("updated_at", pattern),
};

function members(
  names: readonly string[],
  clauseOf: (pattern: Pattern) => Clause,
): Record<string, (pattern: Pattern) => Clause> {
  return Object.fromEntries(names.map((name) => [name, clauseOf]));
}

function attributeClause(key: string, pattern: Pattern): Clause {
  const member = memberOfAttribute(key);
  return (Object.hasOwn(MEMBERS, member) ? MEMBERS[member]?.(pattern) : undefined) ?? NOTHING;
}

function timeClause(field: string, { text }: Pattern): Clause {
  const startMs = DAY.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(startMs)) return { exists: { field } };
  const [gte, lt] = [startMs, startMs + DAY_MS].map((ms) => new Date(ms).toISOString());
  return { range: { [field]: { gte, lt } } };
}

/** Words of which each is there as a whole, but for where the pattern is open. */
interface PatternWords {
  readonly whole: readonly string[];
  readonly begun: string | undefined;
}

/** A value that is as the pattern says as a whole. */
function valueClause(pattern: Pattern, fields: readonly string[]): Clause {
  const { text, isOpenAtStart, isOpenAtEnd } = pattern;
  const words = indexedWords(text).slice(isOpenAtStart ? 1 : 0);
  return wordsClause(isOpenAtEnd ? lastOpen(words) : wholeOf(words), fields);
}

/** The last word may only be begun. */
function openWords({ text, isOpenAtStart }: Pattern): PatternWords {
  return lastOpen(indexedWords(text).slice(isOpenAtStart ? 1 : 0));
}

function wholeWords(text: string): PatternWords {
  return wholeOf(indexedWords(text));
}

function wholeOf(words: readonly string[]): PatternWords {
  return { whole: words, begun: undefined };
}

function lastOpen(words: readonly string[]): PatternWords {
  return { whole: words.slice(0, -1), begun: words.at(-1) };
}

function indexedWords(text: string): readonly string[] {
  return splitWords(text).map((word) => word.text.slice(0, WORD_MAX_LENGTH));
}

function wordsClause({ whole, begun }: PatternWords, fields: readonly string[]): Clause {
  const clauses = whole.map((word) => anyOf(fields.map((field) => terms(field, [word]))));
  if (begun !== undefined) {
    clauses.push(anyOf(fields.map((field) => beginsWith(field, begun))));
  }
  return allOf(clauses);
}
