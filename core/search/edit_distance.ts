/** The longest text that is compared: a name of more letters is compared by its beginning. */
const LENGTH_MAX = 64;

/** Three rows of the table, used again and again: a search compares tens of thousands of words. */
const ROWS = [
  new Int32Array(LENGTH_MAX + 2),
  new Int32Array(LENGTH_MAX + 2),
  new Int32Array(LENGTH_MAX + 2),
] as const;

/**
 * How many edits make one text of the other: a letter more, less, or another one, or two neighbours
 * exchanged (optimal string alignment). More than `max` is `max + 1`.
 */
export function editDistance(a: string, b: string, max: number): number {
  if (a === b) return 0;
  if (Math.abs(a.length - b.length) > max) return max + 1;
  return align(a, b, max, false).edits;
}

/** The beginning of a text that is nearest to what was typed so far. */
export interface NearestPrefix {
  readonly edits: number;
  /** How long that beginning is, in UTF-16 units. */
  readonly length: number;
}

/** Like {@link editDistance}, to the nearest beginning of `text`. */
export function prefixDistance(typed: string, text: string, max: number): NearestPrefix {
  if (text.startsWith(typed)) return { edits: 0, length: typed.length };
  return align(typed, text.slice(0, typed.length + max), max, true);
}

/** Rows are letters of `typed`, columns those of `text`. */
function align(typed: string, text: string, max: number, isPrefix: boolean): NearestPrefix {
  const rows = Math.min(typed.length, LENGTH_MAX);
  const columns = Math.min(text.length, LENGTH_MAX);
  let before: Int32Array = ROWS[0];
  let previous: Int32Array = ROWS[1];
  let current: Int32Array = ROWS[2];
  for (let j = 0; j <= columns; j += 1) previous[j] = j;
  let best = 0;
  for (let i = 1; i <= rows; i += 1) {
    const letter = typed.charCodeAt(i - 1);
    const letterBefore = i > 1 ? typed.charCodeAt(i - 2) : -1;
    current[0] = i;
    best = i;
    for (let j = 1; j <= columns; j += 1) {
      const other = text.charCodeAt(j - 1);
      let edits = (previous[j - 1] ?? 0) + (letter === other ? 0 : 1);
      edits = Math.min(edits, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1);
      if (j > 1 && letterBefore === other && letter === text.charCodeAt(j - 2)) {
        edits = Math.min(edits, (before[j - 2] ?? 0) + 1);
      }
      current[j] = edits;
      if (edits < best) best = edits;
    }
    if (best > max) return { edits: max + 1, length: 0 };
    const free = before;
    before = previous;
    previous = current;
    current = free;
  }
  let length = columns;
  if (isPrefix) {
    for (let j = 0; j <= columns; j += 1) {
      if ((previous[j] ?? 0) < (previous[length] ?? 0)) length = j;
    }
  }
  return { edits: Math.min(previous[length] ?? 0, max + 1), length };
}

/** Edits that are forgiven in a text of so many letters. */
export function allowedEdits(length: number): number {
  if (length < 4) return 0;
  if (length < 8) return 1;
  return length < 15 ? 2 : 3;
}

/** Edits that are forgiven in a single word: three would make anything of anything. */
export function allowedWordEdits(length: number): number {
  return Math.min(allowedEdits(length), 2);
}
