import { NAME_MAX_LENGTH } from "./segment_layout.ts";
import type { SortedTexts } from "./sorted_texts.ts";

/** So many names at one distance are enough: those further away are not looked for any more. */
const NEAR_ENOUGH_COUNT = 60;
/** Edits that are forgiven in the beginning of a longer name. */
const BEGINNING_EDITS_MAX = 2;
/** Further than anything that is asked for. */
const FAR = 100;
const WIDTH = NAME_MAX_LENGTH + 2;

/** Rows of the table, one for each letter of a name. A search has it for itself while it runs. */
const ROWS = new Uint8Array(WIDTH * (NAME_MAX_LENGTH + 1));
/** The fewest edits to any beginning of a name that is no longer than so. */
const BEGINNINGS = new Uint8Array(NAME_MAX_LENGTH + 1);

/**
 * Looks for names that are within some edits of what was typed, as a whole or with one of their
 * beginnings (optimal string alignment). Names are sorted, so what they share at their start is
 * compared once, and all names behind a start that is too far are passed over together.
 */
export class NearNames {
  /** By edits: the slots of names at that distance. */
  readonly whole: number[][] = [[], [], [], []];
  readonly beginnings: number[][] = [[], [], [], []];
  readonly #typed: Uint8Array;
  #wholeMax: number;
  #beginningMax: number;

  constructor(typed: Uint8Array, editsMax: number) {
    this.#typed = typed;
    this.#wholeMax = editsMax;
    this.#beginningMax = Math.min(editsMax, BEGINNING_EDITS_MAX);
  }

  /** Goes through sorted names. `slotOf` says to whom a name belongs, or nothing if it is passed over. */
  scan(
    { bytes, starts, count }: SortedTexts,
    shared: Uint8Array,
    slotOf: (name: number) => number | undefined,
  ): void {
    const typedLength = this.#typed.length;
    for (let at = 0; at <= typedLength; at += 1) ROWS[at] = at;
    BEGINNINGS[0] = FAR;
    // The length at which the name before was too far, whatever follows.
    let deadAt = FAR;
    for (let name = 0; name < count; name += 1) {
      const common = name === 0 ? 0 : (shared[name] ?? 0);
      if (common >= deadAt) {
        const beginning = BEGINNINGS[deadAt] ?? FAR;
        if (beginning <= this.#beginningMax) this.#take(this.beginnings, beginning, slotOf(name));
        // Nothing else comes of those that begin so, and they are most of all names.
        else while (name + 1 < count && (shared[name + 1] ?? 0) >= deadAt) name += 1;
        continue;
      }
      const start = starts[name] ?? 0;
      const length = (starts[name + 1] ?? 0) - start - 1;
      const max = Math.max(this.#wholeMax, this.#beginningMax);
      deadAt = FAR;
      for (let depth = common + 1; depth <= length && deadAt === FAR; depth += 1) {
        if (this.#row(bytes, start, depth, max) > max) deadAt = depth;
      }
      const reached = Math.min(deadAt, length);
      const isWhole = deadAt === FAR && Math.abs(length - typedLength) <= max;
      const whole = isWhole ? (ROWS[length * WIDTH + typedLength] ?? FAR) : FAR;
      const beginning = BEGINNINGS[reached] ?? FAR;
      if (whole <= this.#wholeMax) this.#take(this.whole, whole, slotOf(name));
      else if (beginning <= this.#beginningMax) {
        this.#take(this.beginnings, beginning, slotOf(name));
      }
    }
  }

  #take(lists: number[][], edits: number, slot: number | undefined): void {
    if (slot === undefined) return;
    const list = lists[edits];
    list?.push(slot);
    if ((list?.length ?? 0) < NEAR_ENOUGH_COUNT) return;
    if (lists === this.whole) this.#wholeMax = Math.min(this.#wholeMax, edits);
    else this.#beginningMax = Math.min(this.#beginningMax, edits);
  }

  /** Fills the row of a letter, within a band as wide as the edits allow; returns its least value. */
  #row(bytes: Uint8Array, start: number, depth: number, max: number): number {
    const typed = this.#typed;
    const low = Math.max(1, depth - max);
    const high = Math.min(typed.length, depth + max);
    BEGINNINGS[depth] = BEGINNINGS[depth - 1] ?? FAR;
    if (low > high) return FAR;
    const row = depth * WIDTH;
    const above = row - WIDTH;
    const letter = bytes[start + depth - 1];
    const letterBefore = depth > 1 ? bytes[start + depth - 2] : -1;
    let left = low === 1 && depth <= max ? depth : FAR;
    let best = left;
    ROWS[row + low - 1] = left;
    for (let at = low; at <= high; at += 1) {
      const other = typed[at - 1];
      let edits = (ROWS[above + at - 1] ?? FAR) + (letter === other ? 0 : 1);
      const more = (ROWS[above + at] ?? FAR) + 1;
      if (more < edits) edits = more;
      if (left + 1 < edits) edits = left + 1;
      if (at > 1 && letterBefore === other && letter === typed[at - 2]) {
        const exchanged = (ROWS[above - WIDTH + at - 2] ?? FAR) + 1;
        if (exchanged < edits) edits = exchanged;
      }
      ROWS[row + at] = edits;
      left = edits;
      if (edits < best) best = edits;
    }
    if (high < typed.length) ROWS[row + high + 1] = FAR;
    else if (left < (BEGINNINGS[depth] ?? FAR)) BEGINNINGS[depth] = left;
    return best;
  }
}
