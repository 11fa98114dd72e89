import { NAME_MAX_LENGTH } from "./catalog_delta.ts";

/** A name among the letters of the catalog. */
export interface LetterRange {
  readonly letters: Uint8Array;
  readonly start: number;
  readonly length: number;
}

/** Edits to a whole name, and to the nearest of its beginnings. */
export interface Nearness {
  readonly whole: number;
  readonly beginning: number;
}

const WIDTH = NAME_MAX_LENGTH * 2;
const FIRST = new Uint8Array(WIDTH);
const SECOND = new Uint8Array(WIDTH);
const THIRD = new Uint8Array(WIDTH);
const FAR = 100;

/**
 * Whether two letters of the beginning of what was typed stand together in the name, near to their
 * place: edits can have parted only so many of the pairs. It costs a tenth of a comparison and
 * spares most of them.
 */
export function sharesPair(
  typed: Uint8Array,
  { letters, start, length }: LetterRange,
  max: number,
): boolean {
  // One more than edits can part, for an exchange that parts two.
  const pairsCount = max + 2;
  if (typed.length < pairsCount * 2) return true;
  for (let pair = 0; pair < pairsCount * 2; pair += 2) {
    const [first, second] = [typed[pair], typed[pair + 1]];
    const last = Math.min(pair + max, length - 2);
    for (let at = Math.max(0, pair - max); at <= last; at += 1) {
      if (letters[start + at] === first && letters[start + at + 1] === second) return true;
    }
  }
  return false;
}

/**
 * Optimal string alignment on letters, within a band as wide as the edits allow. Undefined where
 * neither the name nor a beginning of it is within `max` edits.
 */
export function nearness(
  typed: Uint8Array,
  { letters, start, length }: LetterRange,
  max: number,
): Nearness | undefined {
  const rows = typed.length;
  const columns = Math.min(length, rows + max);
  let [before, previous, current] = [FIRST, SECOND, THIRD];
  for (let j = 0; j <= Math.min(columns, max); j += 1) previous[j] = j;
  if (max < columns) previous[max + 1] = FAR;
  for (let i = 1; i <= rows; i += 1) {
    const low = Math.max(1, i - max);
    const high = Math.min(columns, i + max);
    if (low > high) return undefined;
    const letter = typed[i - 1];
    current[low - 1] = low === 1 ? i : FAR;
    let best = low === 1 ? i : FAR;
    for (let j = low; j <= high; j += 1) {
      const other = letters[start + j - 1];
      let edits = (previous[j - 1] ?? 0) + (letter === other ? 0 : 1);
      const above = (previous[j] ?? 0) + 1;
      if (above < edits) edits = above;
      const left = (current[j - 1] ?? 0) + 1;
      if (left < edits) edits = left;
      if (i > 1 && j > 1 && typed[i - 2] === other && letter === letters[start + j - 2]) {
        const exchanged = (before[j - 2] ?? 0) + 1;
        if (exchanged < edits) edits = exchanged;
      }
      current[j] = edits;
      if (edits < best) best = edits;
    }
    if (high < columns) current[high + 1] = FAR;
    if (best > max) return undefined;
    const free = before;
    before = previous;
    previous = current;
    current = free;
  }
  let beginning = FAR;
  for (let j = Math.max(0, rows - max); j <= columns; j += 1) {
    if ((previous[j] ?? FAR) < beginning) beginning = previous[j] ?? FAR;
  }
  const whole = columns === length ? (previous[columns] ?? FAR) : FAR;
  return beginning > max ? undefined : { whole, beginning };
}
