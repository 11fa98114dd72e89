import { type Batch, type Message, NO_TIMESTAMP } from "./mod.ts";

/** Numbers that are kept of each message. */
const STRIDE = 6;
const KEY_START = 0;
const KEY_END = 1;
const VALUE_START = 2;
const VALUE_END = 3;
const BEGINS = 4;
const LINE = 5;
const INITIAL_COUNT = 2_048;

/** Where a message stands in the bytes of all. */
export interface MessagePlace {
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
  /** Where what it was made of begins: the sequence counts from there. */
  readonly begins: number;
  /** 1-based. */
  readonly line: number;
}

/**
 * Lines whose bytes lie in one block, with the places of their keys and values: a fraction of what an
 * object for each of them costs, for a sink that copies them. They have neither headers nor times
 * nor origins.
 */
export class PackedMessages {
  /** What the places are places of. */
  readonly bytes: Buffer;
  /** The sequence of a message that begins with the first byte. */
  readonly #firstSequence: number;
  #places = new Int32Array(INITIAL_COUNT * STRIDE);
  #count = 0;
  /** Keys that stand nowhere in the bytes, by message. */
  readonly #otherKeys = new Map<number, Uint8Array>();
  #keysBytes = 0;

  constructor(bytes: Buffer, { firstSequence }: { firstSequence: number }) {
    this.bytes = bytes;
    this.#firstSequence = firstSequence;
  }

  get count(): number {
    return this.#count;
  }

  /** What they take in memory beside the block. */
  get overheadBytes(): number {
    return this.#places.byteLength + this.#keysBytes;
  }

  add(place: MessagePlace): void {
    const at = this.#count * STRIDE;
    if (at === this.#places.length) this.#grow();
    const places = this.#places;
    places[at + KEY_START] = place.keyStart;
    places[at + KEY_END] = place.keyEnd;
    places[at + VALUE_START] = place.valueStart;
    places[at + VALUE_END] = place.valueEnd;
    places[at + BEGINS] = place.begins;
    places[at + LINE] = place.line;
    this.#count += 1;
  }

  /** Adds a message whose key has bytes of its own. */
  addWithKey(key: Uint8Array, place: Omit<MessagePlace, "keyStart" | "keyEnd">): void {
    this.#otherKeys.set(this.#count, key);
    this.#keysBytes += key.length;
    this.add({ ...place, keyStart: 0, keyEnd: key.length });
  }

  /** What holds the key of message number `index`, between `keyStart` and `keyEnd`. */
  keyBytes(index: number): Uint8Array {
    return this.#otherKeys.size === 0 ? this.bytes : (this.#otherKeys.get(index) ?? this.bytes);
  }

  keyStart(index: number): number {
    return this.#place(index, KEY_START);
  }

  keyEnd(index: number): number {
    return this.#place(index, KEY_END);
  }

  valueStart(index: number): number {
    return this.#place(index, VALUE_START);
  }

  valueEnd(index: number): number {
    return this.#place(index, VALUE_END);
  }

  /** Message number `index`, with views of the bytes. */
  message(index: number): Message {
    return {
      sequence: BigInt(this.#firstSequence + this.#place(index, BEGINS)),
      line: this.#place(index, LINE),
      key: this.keyBytes(index).subarray(this.keyStart(index), this.keyEnd(index)),
      value: this.bytes.subarray(this.valueStart(index), this.valueEnd(index)),
      headers: [],
      timestampMs: NO_TIMESTAMP,
    };
  }

  messages(): readonly Message[] {
    return Array.from({ length: this.#count }, (_, index) => this.message(index));
  }

  #place(index: number, member: number): number {
    return this.#places[index * STRIDE + member] ?? 0;
  }

  #grow(): void {
    const grown = new Int32Array(this.#places.length * 2);
    grown.set(this.#places);
    this.#places = grown;
  }
}

/** How many messages a batch has, without making them. */
export function countMessages(batch: Batch): number {
  return batch.packed?.count ?? batch.messages.length;
}
