import { WordMatcher } from "./match_words.ts";
import type { Expression } from "./query.ts";
import type { SearchableEntity, SearchableText } from "./searchable_entity.ts";
import type { Ranking } from "./score_words.ts";
import type { Highlight } from "./searcher.ts";
import type { Word } from "./words.ts";
import { wordsQuery, type WordsQuery } from "./words_query.ts";

type Range = readonly [start: number, end: number];

/** Values of one entity that are marked. */
const HIGHLIGHTS_MAX_COUNT = 8;

/** Marks what a query found. One for each query. */
export class Highlighter {
  readonly #queries: readonly { query: WordsQuery; matcher: WordMatcher }[];

  constructor(expression: Expression | undefined) {
    this.#queries = textsOf(expression).map((text) => {
      const query = wordsQuery(text);
      return { query, matcher: new WordMatcher(query.words) };
    });
  }

  /** What to mark in an entity: what it was found by first. */
  highlights(entity: SearchableEntity, { field, match }: Ranking): readonly Highlight[] {
    if (this.#queries.length === 0) return [];
    const { names, hosts, paths, labels, others, document } = entity;
    const texts: SearchableText[] = [...names, ...hosts, ...paths, ...labels, ...others];
    const found = texts
      .filter(({ field: own, text }, index) => {
        return texts.findIndex((other) => other.field === own && other.text === text) === index;
      })
      .map((text) => ({ field: text.field, text: text.text, ranges: this.#ranges(text) }))
      .filter(({ ranges }) => ranges.length > 0);
    const isFirst = (text: { field: string; text: string }): boolean => {
      return text.field === field && text.text === match;
    };
    if (field === "id") {
      const { id } = document;
      const typed =
        this.#queries.map(({ query }) => query.id ?? "").find((own) => own !== "") ?? "";
      const isWhole = !id.toLowerCase().startsWith(typed);
      found.unshift({ field, text: id, ranges: [[0, isWhole ? id.length : typed.length]] });
    }
    const sorted = found.toSorted((a, b) => Number(isFirst(b)) - Number(isFirst(a)));
    return sorted.slice(0, HIGHLIGHTS_MAX_COUNT);
  }

  #ranges(text: SearchableText): readonly Range[] {
    return mergedRanges(
      this.#queries.flatMap(({ query, matcher }) => {
        const joined = joinedRange(query, text);
        return joined ? [joined] : wordRanges(matcher, text.words);
      }),
    );
  }
}

/** The words that a person typed and wants to see again, not those that are taken away. */
function textsOf(expression: Expression | undefined): readonly string[] {
  if (expression === undefined) return [];
  if (expression.kind === "not") return [];
  if (expression.kind === "words") return [expression.text];
  if (expression.kind !== "term") return expression.parts.flatMap(textsOf);
  return expression.field.name === "type" ? [] : [expression.pattern.text];
}

/** Where the letters that were typed stand together, whatever separates them. */
function joinedRange(
  { squeezed }: WordsQuery,
  { words, squeezed: own }: SearchableText,
): Range | undefined {
  const [typed = ""] = squeezed;
  const at = typed === "" ? -1 : (own[0]?.indexOf(typed) ?? -1);
  if (at < 0) return undefined;
  let before = 0;
  let start: number | undefined;
  for (const word of words) {
    const { length } = word.text;
    if (start === undefined && at < before + length) start = word.start + scaled(word, at - before);
    if (start !== undefined && at + typed.length <= before + length) {
      return [start, word.start + scaled(word, at + typed.length - before)];
    }
    before += length;
  }
  return undefined;
}

function wordRanges(matcher: WordMatcher, words: readonly Word[]): readonly Range[] {
  const ranges: Range[] = [];
  for (let index = 0; index < matcher.count; index += 1) {
    for (const word of words) {
      const match = matcher.match(index, word);
      if (match) ranges.push([word.start, word.start + scaled(word, match.length)]);
    }
  }
  return ranges;
}

/** A place in the folded word as one in the text: they differ in length where letters fold to two. */
function scaled({ text, start, end }: Word, place: number): number {
  return place >= text.length ? end - start : Math.min(place, end - start);
}

function mergedRanges(ranges: readonly Range[]): readonly Range[] {
  const merged: [number, number][] = [];
  for (const [start, end] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

/** A value with what is marked in brackets. */
export function markedText({ text, ranges }: Highlight): string {
  let marked = "";
  let last = 0;
  for (const [start, end] of ranges) {
    marked += `${text.slice(last, start)}[${text.slice(start, end)}]`;
    last = end;
  }
  return marked + text.slice(last);
}
