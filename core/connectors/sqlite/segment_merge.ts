import { PostingsWriter, readPostings } from "./postings.ts";
import { sharedLengths } from "./segment_builder.ts";
import { encodeSegment, LISTS_PER_WORD, type SegmentColumns } from "./segment_layout.ts";
import { SortedTexts, TEXT_END } from "./sorted_texts.ts";

/**
 * Makes one segment of several that follow each other. What was added and removed among them is
 * left out. What was removed later than the last merge that it takes part in stays.
 */
export function mergeSegments(segments: readonly SegmentColumns[]): Uint8Array {
  const { places, kept, removed } = keptEntities(segments);
  const typeNames = new Map<string, number>();
  const controlPlaneNames = new Map<string, number>();
  const columns = {
    ids: new Uint32Array(kept),
    idHeads: new Uint32Array(kept),
    types: new Uint32Array(kept),
    controlPlanes: new Uint32Array(kept),
    parents: new Uint32Array(kept),
    nameLengths: new Uint8Array(kept),
  };
  for (const [number, segment] of segments.entries()) {
    const types = segment.typeNames.map((name) => numberOf(typeNames, name));
    const planes = segment.controlPlaneNames.map((name) => numberOf(controlPlaneNames, name));
    const slots = places[number] ?? new Int32Array();
    for (let slot = 0; slot < slots.length; slot += 1) {
      const place = slots[slot] ?? -1;
      if (place < 0) continue;
      columns.ids[place] = segment.ids[slot] ?? 0;
      columns.idHeads[place] = segment.idHeads[slot] ?? 0;
      columns.types[place] = types[segment.types[slot] ?? 0] ?? 0;
      columns.controlPlanes[place] = planes[segment.controlPlanes[slot] ?? 0] ?? 0;
      columns.parents[place] = segment.parents[slot] ?? 0;
      columns.nameLengths[place] = segment.nameLengths[slot] ?? 0;
    }
  }
  return encodeSegment({
    removed,
    ...columns,
    ...mergeNames(segments, places),
    ...mergeWords(segments, places),
    typeNames: [...typeNames.keys()],
    controlPlaneNames: [...controlPlaneNames.keys()],
  });
}

interface Kept {
  /** By segment and slot: the slot that an entity gets, or -1 for one that is gone. */
  readonly places: readonly Int32Array[];
  readonly kept: number;
  /** What was taken away from segments before these. */
  readonly removed: Uint32Array;
}

function keptEntities(segments: readonly SegmentColumns[]): Kept {
  const removed = new Set<number>();
  for (const segment of segments) for (const id of segment.removed) removed.add(id);
  let kept = 0;
  const places = segments.map(({ ids }) => {
    const slots = new Int32Array(ids.length);
    for (let slot = 0; slot < ids.length; slot += 1) {
      // Who is removed here has been seen, and nobody after these segments asks for it.
      const isGone = removed.size > 0 && removed.delete(ids[slot] ?? 0);
      slots[slot] = isGone ? -1 : kept++;
    }
    return slots;
  });
  return { places, kept, removed: Uint32Array.from(removed).toSorted() };
}

function numberOf(numbers: Map<string, number>, name: string): number {
  const number = numbers.get(name) ?? numbers.size;
  if (number === numbers.size) numbers.set(name, number);
  return number;
}

function mergeNames(segments: readonly SegmentColumns[], places: readonly Int32Array[]) {
  const lists = segments.map(({ names }) => names);
  const texts = new TextsWriter(lists);
  const slots: number[] = [];
  for (const { list, index } of inOrder(lists)) {
    const place = places[list]?.[segments[list]?.nameSlots[index] ?? 0] ?? -1;
    if (place < 0) continue;
    texts.add(list, index);
    slots.push(place);
  }
  const names = texts.finish();
  return { names, nameSlots: Uint32Array.from(slots), shared: sharedLengths(names) };
}

function mergeWords(segments: readonly SegmentColumns[], places: readonly Int32Array[]) {
  const lists = segments.map(({ words }) => words);
  const isWhole = places.map((slots) => !slots.includes(-1));
  const texts = new TextsWriter(lists);
  const capacity = segments.reduce((sum, { postings }) => sum + postings.length, 0);
  const writer = new PostingsWriter(capacity);
  const starts: number[] = [0];
  /** The segments that hold the word at hand, and where. */
  let same: TextPlace[] = [];
  const flush = (): void => {
    const [first] = same;
    if (!first) return;
    const before = writer.length;
    for (let which = 0; which < LISTS_PER_WORD; which += 1) {
      writeList(writer, { same, which, segments, places, isWhole });
      starts.push(writer.length);
    }
    // A word that only the gone ones held is gone with them.
    if (writer.length === before) starts.length -= LISTS_PER_WORD;
    else texts.add(first.list, first.index);
    same = [];
  };
  for (const place of inOrder(lists)) {
    const [first] = same;
    if (first && !isSameText(lists, first, place)) flush();
    same.push(place);
  }
  flush();
  return {
    words: texts.finish(),
    postingStarts: Uint32Array.from(starts),
    postings: writer.bytes,
  };
}

interface ListMerge {
  readonly same: readonly TextPlace[];
  /** Which of the word's lists. */
  readonly which: number;
  readonly segments: readonly SegmentColumns[];
  readonly places: readonly Int32Array[];
  /** By segment: whether all of its entities are kept, so that distances stay what they are. */
  readonly isWhole: readonly boolean[];
}

function writeList(writer: PostingsWriter, merge: ListMerge): void {
  let last = -1;
  // Places of the same word come in the order of their segments.
  for (const { list, index } of merge.same) {
    const segment = merge.segments[list];
    const slots = merge.places[list];
    if (!segment || !slots) continue;
    const at = index * LISTS_PER_WORD + merge.which;
    const [start = 0, end = 0] = [segment.postingStarts[at], segment.postingStarts[at + 1]];
    if (start === end) continue;
    if (merge.isWhole[list] === true) {
      last = appendList(writer, segment.postings.subarray(start, end), {
        last,
        base: slots[0] ?? 0,
      });
      continue;
    }
    const kept = readPostings(segment.postings, start, end)
      .map((slot) => slots[slot] ?? -1)
      .filter((slot) => slot >= 0);
    writer.write(kept, last);
    last = kept.at(-1) ?? last;
  }
}

/** Adds a list whose slots all move by the same distance: only its first one is written anew. */
function appendList(
  writer: PostingsWriter,
  list: Uint8Array,
  { last, base }: { readonly last: number; readonly base: number },
): number {
  let [at, first, shift] = [0, 0, 0];
  for (let isLast = false; !isLast; at += 1, shift += 7) {
    const byte = list[at] ?? 0;
    first |= (byte & 0x7f) << shift;
    isLast = byte < 0x80;
  }
  writer.add(base + first - 1, last);
  writer.copy(list.subarray(at));
  return base + lastOf(list);
}

/** The last slot of a list: the sum of its distances, counted from -1. */
function lastOf(list: Uint8Array): number {
  let [sum, distance, shift] = [-1, 0, 0];
  for (let at = 0; at < list.length; at += 1) {
    const byte = list[at] ?? 0;
    distance |= (byte & 0x7f) << shift;
    shift += 7;
    if (byte >= 0x80) continue;
    sum += distance;
    [distance, shift] = [0, 0];
  }
  return sum;
}

/** A text of one of several lists. */
interface TextPlace {
  readonly list: number;
  readonly index: number;
}

/** Goes through several sorted lists at once; what is equal comes in the order of the lists. */
function* inOrder(lists: readonly SortedTexts[]): Generator<TextPlace> {
  const heads = new Heads(lists);
  for (let list = heads.first; list !== undefined; list = heads.first) {
    yield { list, index: heads.take() };
  }
}

/** The first text that is left of each list, as a heap with the smallest one on top. */
class Heads {
  readonly #lists: readonly SortedTexts[];
  readonly #next: Int32Array;
  readonly #heap: number[] = [];

  constructor(lists: readonly SortedTexts[]) {
    this.#lists = lists;
    this.#next = new Int32Array(lists.length);
    for (const [list, { count }] of lists.entries()) if (count > 0) this.#heap.push(list);
    for (let at = this.#heap.length >>> 1; at >= 0; at -= 1) this.#sink(at);
  }

  /** The list with the smallest text. */
  get first(): number | undefined {
    return this.#heap[0];
  }

  /** Takes the smallest text: its index in its list. */
  take(): number {
    const list = this.#heap[0] ?? 0;
    const index = this.#next[list] ?? 0;
    this.#next[list] = index + 1;
    if (index + 1 === this.#lists[list]?.count) {
      const last = this.#heap.pop() ?? 0;
      if (this.#heap.length > 0) this.#heap[0] = last;
    }
    this.#sink(0);
    return index;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    for (let at = from; ;) {
      let smallest = at;
      for (let child = at * 2 + 1; child <= at * 2 + 2 && child < heap.length; child += 1) {
        if (this.#isBefore(heap[child] ?? 0, heap[smallest] ?? 0)) smallest = child;
      }
      if (smallest === at) return;
      [heap[at], heap[smallest]] = [heap[smallest] ?? 0, heap[at] ?? 0];
      at = smallest;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [first, second] = [this.#lists[a], this.#lists[b]];
    if (!first || !second) return false;
    const order = compareTexts(first, this.#next[a] ?? 0, second, this.#next[b] ?? 0);
    return order < 0 || (order === 0 && a < b);
  }
}

function compareTexts(a: SortedTexts, first: number, b: SortedTexts, second: number): number {
  const [start, other] = [a.starts[first] ?? 0, b.starts[second] ?? 0];
  for (let at = 0; ; at += 1) {
    const byte = a.bytes[start + at] ?? TEXT_END;
    const difference = byte - (b.bytes[other + at] ?? TEXT_END);
    if (difference !== 0 || byte === TEXT_END) return difference;
  }
}

function isSameText(lists: readonly SortedTexts[], a: TextPlace, b: TextPlace): boolean {
  const [first, second] = [lists[a.list], lists[b.list]];
  return !!first && !!second && compareTexts(first, a.index, second, b.index) === 0;
}

/** Collects texts of several lists, in their order. */
class TextsWriter {
  readonly #lists: readonly SortedTexts[];
  readonly #bytes: Uint8Array;
  readonly #starts: Uint32Array;
  #count = 0;
  #length = 0;

  constructor(lists: readonly SortedTexts[]) {
    this.#lists = lists;
    this.#bytes = new Uint8Array(lists.reduce((sum, { bytes }) => sum + bytes.length, 0));
    this.#starts = new Uint32Array(lists.reduce((sum, { count }) => sum + count, 1));
  }

  add(list: number, index: number): void {
    const texts = this.#lists[list];
    const [start = 0, end = 0] = [texts?.starts[index], texts?.starts[index + 1]];
    for (let at = start; at < end; at += 1) this.#bytes[this.#length++] = texts?.bytes[at] ?? 0;
    this.#count += 1;
    this.#starts[this.#count] = this.#length;
  }

  finish(): SortedTexts {
    const bytes = this.#bytes.subarray(0, this.#length);
    return new SortedTexts(bytes, this.#starts.subarray(0, this.#count + 1));
  }
}
