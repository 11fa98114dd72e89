/**
 * Lists of slots: rising numbers, each written as its distance to the one before, in as few bytes
 * of seven bits as it takes. The first one counts from -1, so that no distance is 0.
 */

/** Lists, one behind the other. */
export class PostingsWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacityBytes: number) {
    this.#bytes = new Uint8Array(Math.max(64, capacityBytes));
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Writes a list, or goes on with one behind its slot `last`. */
  write(slots: readonly number[], last = -1): void {
    this.#reserve(slots.length * DISTANCE_MAX_BYTES);
    let before = last;
    for (const slot of slots) {
      this.#distance(slot - before);
      before = slot;
    }
  }

  /** One slot, behind the slot `last` of its list. */
  add(slot: number, last: number): void {
    this.#reserve(DISTANCE_MAX_BYTES);
    this.#distance(slot - last);
  }

  /** Distances as another writer has written them. */
  copy(distances: Uint8Array): void {
    this.#reserve(distances.length);
    this.#bytes.set(distances, this.#length);
    this.#length += distances.length;
  }

  #distance(distance: number): void {
    let left = distance;
    while (left >= 0x80) {
      this.#bytes[this.#length++] = (left & 0x7f) | 0x80;
      left >>>= 7;
    }
    this.#bytes[this.#length++] = left;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

const DISTANCE_MAX_BYTES = 5;

/** Sets a bit for each slot of the list that lies between these places. */
export function markPostings(
  bits: Int32Array,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  let slot = -1;
  for (let at = start; at < end;) {
    let byte = bytes[at++] ?? 0;
    let distance = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      byte = bytes[at++] ?? 0;
      distance |= (byte & 0x7f) << shift;
    }
    slot += distance;
    bits[slot >>> 5] = (bits[slot >>> 5] ?? 0) | (1 << (slot & 31));
  }
}

/** The slots of a list. */
export function readPostings(bytes: Uint8Array, start: number, end: number): number[] {
  const slots: number[] = [];
  let slot = -1;
  let distance = 0;
  let shift = 0;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    distance |= (byte & 0x7f) << shift;
    shift += 7;
    if (byte >= 0x80) continue;
    slot += distance;
    slots.push(slot);
    [distance, shift] = [0, 0];
  }
  return slots;
}
