/** Ends each text: smaller than any letter, so that the order of bytes is that of the texts. */
export const TEXT_END = 0;

/**
 * Texts as bytes, sorted, one behind the other in one buffer: a million of them take no more memory
 * than their letters, and are found by halving.
 */
export class SortedTexts {
  /** Each text followed by {@link TEXT_END}. */
  readonly bytes: Uint8Array;
  /** Where each text begins, and where the last one ends. */
  readonly starts: Uint32Array;

  constructor(bytes: Uint8Array, starts: Uint32Array) {
    this.bytes = bytes;
    this.starts = starts;
  }

  get count(): number {
    return this.starts.length - 1;
  }

  lengthOf(index: number): number {
    return (this.starts[index + 1] ?? 0) - (this.starts[index] ?? 0) - 1;
  }

  textAt(index: number): Uint8Array {
    const start = this.starts[index] ?? 0;
    return this.bytes.subarray(start, start + this.lengthOf(index));
  }

  /** The first text that is not before this one. */
  firstFrom(text: Uint8Array): number {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(middle, text) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The first text behind those that begin with this one, which begin at `from`. */
  endOfPrefix(prefix: Uint8Array, from: number): number {
    let [low, high] = [from, this.count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.beginsWith(middle, prefix)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  beginsWith(index: number, prefix: Uint8Array): boolean {
    const start = this.starts[index] ?? 0;
    for (let at = 0; at < prefix.length; at += 1) {
      if (this.bytes[start + at] !== prefix[at]) return false;
    }
    return true;
  }

  isEqual(index: number, text: Uint8Array): boolean {
    return index < this.count && this.lengthOf(index) === text.length
      ? this.beginsWith(index, text)
      : false;
  }

  /** The text that covers a place among the bytes. */
  indexAt(place: number): number {
    let [low, high] = [0, this.count - 1];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.starts[middle] ?? 0) <= place) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #compare(index: number, text: Uint8Array): number {
    const start = this.starts[index] ?? 0;
    for (let at = 0; at < text.length; at += 1) {
      // The end of the shorter text is smaller than any letter.
      const difference = (this.bytes[start + at] ?? 0) - (text[at] ?? 0);
      if (difference !== 0) return difference;
    }
    return this.bytes[start + text.length] === TEXT_END ? 0 : 1;
  }
}

/** How many bytes two texts have in common at their start, at most so many. */
export function sharedLength(
  bytes: Uint8Array,
  { first, second, max }: { readonly first: number; readonly second: number; readonly max: number },
): number {
  let length = 0;
  while (length < max && bytes[first + length] === bytes[second + length]) length += 1;
  return length;
}

/** Packs texts that are sorted already, each character of which is one byte. */
export function packTexts(sorted: readonly string[]): SortedTexts {
  const starts = new Uint32Array(sorted.length + 1);
  let length = 0;
  for (const [index, text] of sorted.entries()) {
    length += text.length + 1;
    starts[index + 1] = length;
  }
  const end = String.fromCharCode(TEXT_END);
  const bytes = Buffer.from(sorted.length === 0 ? "" : sorted.join(end) + end, "latin1");
  return new SortedTexts(bytes, starts);
}
