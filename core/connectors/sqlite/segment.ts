import type { Column, MatchExpression, MatchWords } from "./match_expression.ts";
import { markPostings } from "./postings.ts";
import { LISTS_PER_WORD, type SegmentColumns } from "./segment_layout.ts";
import type { SortedTexts } from "./sorted_texts.ts";

/** Which entities count. A number that stands for a type or control plane indexes the arrays. */
export interface SlotFilter {
  readonly types: Uint8Array | undefined;
  readonly controlPlanes: Uint8Array | undefined;
}

/** What a segment's own numbers of types and control planes stand for. */
export interface Numbering {
  typeNumber(name: string): number;
  controlPlaneNumber(name: string): number;
}

/** A part of the catalog, as a searcher keeps it: some 80 bytes an entity. */
export class Segment {
  /** Of the row that it was read from. */
  readonly rowId: number;
  /** What its slots are counted from among those of all segments. */
  base = 0;
  readonly removed: Uint32Array;
  readonly ids: Uint32Array;
  readonly idHeads: Uint32Array;
  /** Numbers of the catalog, no longer those of the segment. */
  readonly types: Uint32Array;
  readonly controlPlanes: Uint32Array;
  readonly nameLengths: Uint8Array;
  readonly names: SortedTexts;
  readonly nameSlots: Uint32Array;
  readonly shared: Uint8Array;
  /** A bit for each slot: whether the entity is still there. */
  readonly alive: Int32Array;
  readonly #parents: Uint32Array;
  readonly #words: SortedTexts;
  readonly #postingStarts: Uint32Array;
  readonly #postings: Uint8Array;

  constructor(rowId: number, columns: SegmentColumns, numbering: Numbering) {
    this.rowId = rowId;
    this.removed = columns.removed;
    this.ids = columns.ids;
    this.idHeads = columns.idHeads;
    this.types = columns.types;
    this.controlPlanes = columns.controlPlanes;
    this.nameLengths = columns.nameLengths;
    this.names = columns.names;
    this.nameSlots = columns.nameSlots;
    this.shared = columns.shared;
    this.#parents = columns.parents;
    this.#words = columns.words;
    this.#postingStarts = columns.postingStarts;
    this.#postings = columns.postings;
    renumber(
      this.types,
      columns.typeNames.map((name) => numbering.typeNumber(name)),
    );
    renumber(
      this.controlPlanes,
      columns.controlPlaneNames.map((name) => numbering.controlPlaneNumber(name)),
    );
    this.alive = bitsFor(this.count).fill(-1);
    const beyond = this.count & 31;
    if (beyond > 0) this.alive[this.alive.length - 1] = (1 << beyond) - 1;
  }

  get count(): number {
    return this.ids.length;
  }

  get firstId(): number {
    return this.ids[0] ?? 0;
  }

  get lastId(): number {
    return this.ids[this.count - 1] ?? 0;
  }

  slotOf(id: number): number | undefined {
    const slot = firstNotBelow(this.ids, id);
    return this.ids[slot] === id ? slot : undefined;
  }

  kill(id: number): void {
    const slot = this.slotOf(id);
    if (slot === undefined) return;
    this.alive[slot >>> 5] = (this.alive[slot >>> 5] ?? 0) & ~(1 << (slot & 31));
  }

  /** Whether an entity is there and passes a filter. */
  passes(slot: number, { types, controlPlanes }: SlotFilter): boolean {
    if (((this.alive[slot >>> 5] ?? 0) & (1 << (slot & 31))) === 0) return false;
    if (types && types[this.types[slot] ?? 0] !== 1) return false;
    return !controlPlanes || controlPlanes[this.controlPlanes[slot] ?? 0] === 1;
  }

  /** A bit for each slot whose entity fulfils an expression, whether it is still there or not. */
  fulfilling(
    expression: MatchExpression,
    typesOf: (types: readonly string[]) => Uint8Array,
  ): Int32Array {
    if (expression.kind === "all") return this.#allOf(expression.parts, typesOf);
    const bits = bitsFor(this.count);
    if (expression.kind === "words") this.#markWords(bits, expression);
    else if (expression.kind === "types") markNumbers(bits, this.types, typesOf(expression.types));
    else if (expression.kind === "parent") markEqual(bits, this.#parents, expression.hash);
    else {
      for (const part of expression.parts) {
        const other = this.fulfilling(part, typesOf);
        for (let at = 0; at < bits.length; at += 1) bits[at] = (bits[at] ?? 0) | (other[at] ?? 0);
      }
    }
    return bits;
  }

  #allOf(
    parts: readonly MatchExpression[],
    typesOf: (types: readonly string[]) => Uint8Array,
  ): Int32Array {
    let bits: Int32Array | undefined;
    for (const part of parts) {
      const other = this.fulfilling(part, typesOf);
      let some = 0;
      for (let at = 0; at < other.length; at += 1) {
        const both = bits ? (bits[at] ?? 0) & (other[at] ?? 0) : (other[at] ?? 0);
        other[at] = both;
        some |= both;
      }
      bits = other;
      if (some === 0) break;
    }
    return bits ?? bitsFor(this.count);
  }

  #markWords(bits: Int32Array, { words, prefix, columns }: MatchWords): void {
    for (const word of words) {
      const index = this.#words.firstFrom(word);
      if (this.#words.isEqual(index, word)) this.#markWord(bits, index, columns);
    }
    if (prefix === undefined) return;
    const first = this.#words.firstFrom(prefix);
    const end = this.#words.endOfPrefix(prefix, first);
    for (let index = first; index < end; index += 1) this.#markWord(bits, index, columns);
  }

  #markWord(bits: Int32Array, index: number, columns: readonly Column[]): void {
    for (const column of columns) {
      const at = index * LISTS_PER_WORD + (column === "name" ? 0 : 1);
      const [start = 0, end = 0] = [this.#postingStarts[at], this.#postingStarts[at + 1]];
      markPostings(bits, this.#postings, start, end);
    }
  }
}

function bitsFor(count: number): Int32Array {
  return new Int32Array((count + 31) >>> 5);
}

/** Makes numbers of the segment those of the catalog, in place. */
function renumber(column: Uint32Array, numbers: readonly number[]): void {
  for (let slot = 0; slot < column.length; slot += 1) {
    column[slot] = numbers[column[slot] ?? 0] ?? 0;
  }
}

function markNumbers(bits: Int32Array, column: Uint32Array, marks: Uint8Array): void {
  for (let slot = 0; slot < column.length; slot += 1) {
    if (marks[column[slot] ?? 0] === 1) mark(bits, slot);
  }
}

function markEqual(bits: Int32Array, column: Uint32Array, value: number): void {
  for (let slot = 0; slot < column.length; slot += 1) {
    if (column[slot] === value) mark(bits, slot);
  }
}

function mark(bits: Int32Array, slot: number): void {
  bits[slot >>> 5] = (bits[slot >>> 5] ?? 0) | (1 << (slot & 31));
}

/** The place of the first number that is not below this one, among rising ones. */
export function firstNotBelow(rising: Uint32Array, value: number): number {
  let [low, high] = [0, rising.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rising[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
