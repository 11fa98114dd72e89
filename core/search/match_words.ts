import { editDistance, prefixDistance } from "./edit_distance.ts";
import { areSynonyms } from "./synonyms.ts";
import type { QueryWord } from "./words_query.ts";
import type { Word } from "./words.ts";

/** How a word that was typed lies to a word of an entity. */
export interface WordMatch {
  readonly kind: "exact" | "synonym" | "prefix" | "typo" | "prefix_typo";
  /** Edits in it. */
  readonly edits: number;
  /** 0 for the very word; what is taken off a score, between 0 and 1 without edits. */
  readonly cost: number;
  /** How much of the word was meant, in UTF-16 units from its start. */
  readonly length: number;
}

const SYNONYM_COST = 0.15;
/** Shorter words are not the beginning of a typo: they would be of any. */
const PREFIX_TYPO_MIN_LENGTH = 4;

/**
 * Compares words that were typed with words of entities, and remembers: the same words come again
 * and again. One for each query.
 */
export class WordMatcher {
  readonly #words: readonly QueryWord[];
  readonly #known: readonly Map<string, WordMatch | null>[];

  constructor(words: readonly QueryWord[]) {
    this.#words = words;
    this.#known = words.map(() => new Map());
  }

  get count(): number {
    return this.#words.length;
  }

  /** Compares the word at this place of the query. */
  match(index: number, word: Word): WordMatch | undefined {
    const known = this.#known[index];
    const remembered = known?.get(word.text);
    if (remembered !== undefined) return remembered ?? undefined;
    const asked = this.#words[index];
    const found = asked && best(asked, word);
    known?.set(word.text, found ?? null);
    return found;
  }
}

function best(asked: QueryWord, { text, digraph }: Word): WordMatch | undefined {
  const matches = [compare(asked.text, text, asked)];
  if (digraph !== undefined) matches.push(compare(asked.text, digraph, asked));
  if (asked.digraph !== undefined) matches.push(compare(asked.digraph, text, asked));
  return matches.reduce((a, b) => (b && (!a || b.cost < a.cost) ? b : a));
}

function compare(typed: string, word: string, { editsMax }: QueryWord): WordMatch | undefined {
  if (typed === word) return { kind: "exact", edits: 0, cost: 0, length: word.length };
  if (areSynonyms(typed, word)) {
    return { kind: "synonym", edits: 0, cost: SYNONYM_COST, length: word.length };
  }
  if (word.startsWith(typed)) {
    const cost = 0.25 + 0.5 * (1 - typed.length / word.length);
    return { kind: "prefix", edits: 0, cost, length: typed.length };
  }
  if (editsMax === 0 || typed.length < PREFIX_TYPO_MIN_LENGTH) return undefined;
  const edits = editDistance(typed, word, editsMax);
  if (edits <= editsMax) return { kind: "typo", edits, cost: edits, length: word.length };
  const prefix = prefixDistance(typed, word, editsMax);
  if (prefix.edits > editsMax) return undefined;
  const cost = prefix.edits + 0.25 + 0.5 * (1 - prefix.length / word.length);
  return { kind: "prefix_typo", edits: prefix.edits, cost, length: prefix.length };
}

/** How the words of a query lie in those of a text. */
export interface Alignment {
  readonly order: "contiguous" | "in_order" | "any_order";
  /** The word of the text that each word of the query stands for. */
  readonly at: readonly number[];
  readonly cost: number;
  readonly edits: number;
  /** Whether each word is there as a whole: none only begun. */
  readonly isWhole: boolean;
  /** Whether each word is there as it was typed: none by another form. */
  readonly isLiteral: boolean;
}

/** The best way to find all words of the query in a text, or undefined where one is missing. */
export function alignWords(
  matcher: WordMatcher,
  words: readonly Word[],
  from = 0,
): Alignment | undefined {
  if (matcher.count === 0 || matcher.count > words.length - from) return undefined;
  if (!hasAllWords(matcher, words, from)) return undefined;
  return (
    contiguous(matcher, words, from) ??
    inOrder(matcher, words, from) ??
    anyOrder(matcher, words, from)
  );
}

/** Most texts lack a word, and that is soon seen. */
function hasAllWords(matcher: WordMatcher, words: readonly Word[], from: number): boolean {
  for (let index = 0; index < matcher.count; index += 1) {
    let isThere = false;
    for (let at = from; at < words.length && !isThere; at += 1) {
      const word = words[at];
      isThere = word !== undefined && matcher.match(index, word) !== undefined;
    }
    if (!isThere) return false;
  }
  return true;
}

function contiguous(
  matcher: WordMatcher,
  words: readonly Word[],
  from: number,
): Alignment | undefined {
  let found: Alignment | undefined;
  for (let start = from; start + matcher.count <= words.length; start += 1) {
    const first = words[start];
    if (!first || !matcher.match(0, first)) continue;
    const at = Array.from({ length: matcher.count }, (_, index) => start + index);
    const alignment = measure(matcher, words, at, "contiguous");
    if (alignment && (!found || alignment.cost < found.cost)) found = alignment;
  }
  return found;
}

/** Each word at the best place behind the one before it. */
function inOrder(
  matcher: WordMatcher,
  words: readonly Word[],
  from: number,
): Alignment | undefined {
  const at: number[] = [];
  for (let index = 0, next = from; index < matcher.count; index += 1) {
    // The words behind this one need places as well.
    const end = words.length - (matcher.count - index - 1);
    const place = bestPlace(matcher, index, words, { from: next, end });
    if (place === undefined) return undefined;
    at.push(place);
    next = place + 1;
  }
  return measure(matcher, words, at, "in_order");
}

/** The words that fit fewest places first would be exact; by their order is nearly as good. */
function anyOrder(
  matcher: WordMatcher,
  words: readonly Word[],
  from: number,
): Alignment | undefined {
  const taken = new Set<number>();
  const at: number[] = [];
  for (let index = 0; index < matcher.count; index += 1) {
    const place = bestPlace(matcher, index, words, { from, end: words.length, taken });
    if (place === undefined) return undefined;
    taken.add(place);
    at.push(place);
  }
  return measure(matcher, words, at, "any_order");
}

function bestPlace(
  matcher: WordMatcher,
  index: number,
  words: readonly Word[],
  { from, end, taken }: { from: number; end: number; taken?: ReadonlySet<number> },
): number | undefined {
  let place: number | undefined;
  let cost = Infinity;
  for (let at = from; at < end; at += 1) {
    const word = words[at];
    const match = word && !taken?.has(at) ? matcher.match(index, word) : undefined;
    if (match && match.cost < cost) [place, cost] = [at, match.cost];
  }
  return place;
}

function measure(
  matcher: WordMatcher,
  words: readonly Word[],
  at: readonly number[],
  order: Alignment["order"],
): Alignment | undefined {
  let cost = 0;
  let edits = 0;
  let isWhole = true;
  let isLiteral = true;
  for (const [index, place] of at.entries()) {
    const word = words[place];
    const match = word && matcher.match(index, word);
    if (!match) return undefined;
    cost += match.cost;
    edits += match.edits;
    if (match.kind === "prefix" || match.kind === "prefix_typo") isWhole = false;
    if (match.kind === "synonym") isLiteral = false;
  }
  return { order, at, cost, edits, isWhole, isLiteral };
}
