import { KNOWN_TYPES } from "../konnect/entity_types.ts";
import { allowedEdits, allowedWordEdits } from "./edit_distance.ts";
import { cleanText, foldDigraphs, foldText, squeeze } from "./fold.ts";
import { hostLabels } from "./hosts.ts";
import { type Path, parsePath } from "./paths.ts";
import { typesOfWords } from "./type_names.ts";
import { splitWords } from "./words.ts";

/** A word that was typed. */
export interface QueryWord {
  readonly text: string;
  /** With umlauts spelled out, where that differs. */
  readonly digraph: string | undefined;
  /** Edits that are forgiven; none in a number. */
  readonly editsMax: number;
}

/** Plain words of a query, prepared for being compared with many entities. */
export interface WordsQuery {
  readonly folded: string;
  /** Folded, without separators; a second one where umlauts can be spelled out. */
  readonly squeezed: readonly string[];
  readonly words: readonly QueryWord[];
  /** Edits that are forgiven in the text as a whole. */
  readonly editsMax: number;
  /** Words that name a type, and what is left without them. */
  readonly typed: readonly TypedWords[];
  /** A host, or the beginning of one: words with dots between. */
  readonly hostLabels: readonly string[];
  readonly path: PathQuery | undefined;
  /** The beginning of an id, or a whole one; also the last part of a key. */
  readonly id: string | undefined;
}

export interface TypedWords {
  readonly types: readonly string[];
  readonly words: readonly QueryWord[];
}

/** A path, with what stood around it: `GET https://api.example/v1/x?y=1`. */
export interface PathQuery {
  readonly path: Path;
  readonly hostLabels: readonly string[];
  readonly method: string | undefined;
}

/** What people wrap a text in, or leave behind it. */
const WRAPPING = /^[\s"'`´‘’“”„«»‹›()[\]<>,;!?]+|[\s"'`´‘’“”„«»‹›()[\]<>,;!?]+$/gu;
/** Braces, which are parts of path templates as well. */
const BRACED = /^\{([^{}/]*)\}$/u;
const URL =
  /^(?:(?<method>[a-z]{3,7})\s+)?(?:[a-z][a-z+.-]*:\/\/)?(?<host>[^/\s?#]*)(?<path>\/[^\s?#]*)?(?:[?#]\S*)?$/u;
const SCHEME = /^[a-z][a-z+.-]*:\/\//iu;
const METHODS = new Set("get head post put patch delete options trace connect".split(" "));
const ID = /^[0-9a-z][0-9a-z_-]{3,}$/u;
const WORDS_MAX_COUNT = 16;
/** Words of a query that are combined to names. */
const COMBINED_WORDS_MAX_COUNT = 8;

/** Prepares plain words of a query. */
export function wordsQuery(text: string): WordsQuery {
  const clean = cleanText(text).replace(WRAPPING, "").replace(BRACED, "$1");
  const folded = foldText(clean);
  const digraphs = foldDigraphs(clean);
  const squeezed = squeeze(folded);
  // What stands before the host of a URL is no word of any entity.
  const plain = clean.replace(SCHEME, "");
  const words = splitWords(plain).slice(0, WORDS_MAX_COUNT).map(queryWord);
  return {
    folded,
    squeezed: digraphs === undefined ? [squeezed] : [squeezed, squeeze(digraphs)],
    words,
    editsMax: allowedEdits(squeezed.length),
    typed: typedWords(clean, words),
    hostLabels: hostLabelsOf(folded),
    path: pathQuery(folded),
    id: idOf(folded),
  };
}

function queryWord({ text, digraph }: { text: string; digraph?: string }): QueryWord {
  const isNumber = /^\p{N}+$/u.test(text);
  return { text, digraph, editsMax: isNumber ? 0 : allowedWordEdits(text.length) };
}

/** A type stands before or behind the rest, with a space between: `service payments`. */
function typedWords(clean: string, words: readonly QueryWord[]): readonly TypedWords[] {
  const pieces = clean.split(/\s+/u);
  if (pieces.length < 2) return [];
  const found: TypedWords[] = [];
  for (const count of [1, 2]) {
    if (words.length <= count) continue;
    const isFirstApart = splitWords(pieces.slice(0, count).join(" ")).length === count;
    const isLastApart = splitWords(pieces.slice(-count).join(" ")).length === count;
    if (isFirstApart) found.push(...typedBy(words.slice(0, count), words.slice(count)));
    if (isLastApart) found.push(...typedBy(words.slice(-count), words.slice(0, -count)));
  }
  return found;
}

function typedBy(names: readonly QueryWord[], words: readonly QueryWord[]): TypedWords[] {
  const types = typesOfWords(
    names.map(({ text }) => text),
    KNOWN_TYPES,
  );
  return types.length === 0 ? [] : [{ types, words }];
}

function hostLabelsOf(folded: string): readonly string[] {
  // A URL of a host alone is that host.
  const host = folded.replace(SCHEME, "").replace(/\/$/u, "");
  if (/[\s/]/u.test(host) || !host.includes(".")) return [];
  return hostLabels(host);
}

function pathQuery(folded: string): PathQuery | undefined {
  if (!folded.includes("/") || folded.startsWith("c/")) return undefined;
  const { method, host = "", path = "" } = URL.exec(folded)?.groups ?? {};
  if (method !== undefined && !METHODS.has(method)) return undefined;
  // Without a slash before it, what looks like a host may be the first segment: v3/orders.
  const isHost = host.includes(".") || host.includes(":");
  const typed = isHost ? path : `${host}${path}`;
  const parsed = parsePath(typed);
  if (parsed.segments.length === 0) return undefined;
  return { path: parsed, hostLabels: isHost ? hostLabels(host.replace(/:\d+$/u, "")) : [], method };
}

function idOf(folded: string): string | undefined {
  const id = folded.startsWith("c/") ? folded : folded.replace(/^\{|\}$/gu, "");
  return ID.test(id) || folded.startsWith("c/") ? id : undefined;
}

/** Whether the query is a path whose words say little each: it is looked for by its segments. */
export function isLongPath({ path }: WordsQuery): boolean {
  return path !== undefined && (path.hostLabels.length > 0 || path.path.segments.length > 1);
}

/** Names that the query may hold beside words that nothing has: each run of its words. */
export function partsOf({ words }: WordsQuery): readonly string[] {
  const texts = words.slice(0, COMBINED_WORDS_MAX_COUNT).map(({ text }) => text);
  const parts: string[] = [];
  for (let start = 0; start < texts.length; start += 1) {
    for (let end = start + 1; end <= texts.length; end += 1) {
      if (end - start < words.length) parts.push(texts.slice(start, end).join(""));
    }
  }
  return parts;
}
