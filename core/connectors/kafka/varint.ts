/**
 * The variable-length integers of Kafka's record format: zigzag, then seven bits a byte, lowest
 * first (https://kafka.apache.org/documentation/#recordheader and Protocol Buffers' sint32/sint64).
 */

const CONTINUATION_BIT = 0x80;
const MAX_VARINT_BYTES = 5;
const MAX_VARLONG_BYTES = 10;

/** The size of a 32-bit integer, in bytes. */
export function varintBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x20_0000) return 3;
  return zigzag < 0x1000_0000 ? 4 : 5;
}

/** Writes a 32-bit integer and returns the position behind it. */
export function writeVarint(target: Uint8Array, position: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  let next = position;
  while (rest >= CONTINUATION_BIT) {
    target[next++] = rest | CONTINUATION_BIT;
    rest >>>= 7;
  }
  target[next++] = rest;
  return next;
}

/** The size of a 64-bit integer that is held in a number, in bytes. */
export function varlongBytes(value: number): number {
  if ((value | 0) === value) return varintBytes(value);
  let bytes = 1;
  for (let rest = zigzag64(value); rest >= 0x80n; rest >>= 7n) bytes++;
  return bytes;
}

/** Writes a 64-bit integer that is held in a number and returns the position behind it. */
export function writeVarlong(target: Uint8Array, position: number, value: number): number {
  if ((value | 0) === value) return writeVarint(target, position, value);
  let next = position;
  let rest = zigzag64(value);
  for (; rest >= 0x80n; rest >>= 7n) target[next++] = Number(rest & 0x7fn) | CONTINUATION_BIT;
  target[next++] = Number(rest);
  return next;
}

function zigzag64(value: number): bigint {
  const wide = BigInt(value);
  return BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n));
}

/**
 * Reads the parts of a record one after the other. Every method throws a `RangeError` where the
 * bytes end too early or announce what cannot be, and never reads outside of them.
 */
export class RecordReader {
  readonly #bytes: Uint8Array;
  /** Where the next read starts. */
  position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  readByte(): number {
    const byte = this.#bytes[this.position++];
    if (byte === undefined) throw new RangeError("the bytes end inside of a record");
    return byte;
  }

  /** A 32-bit integer. */
  readVarint(): number {
    let zigzag = 0;
    for (let count = 0; count < MAX_VARINT_BYTES; count++) {
      const byte = this.readByte();
      zigzag |= (byte & 0x7f) << (7 * count);
      if (byte < CONTINUATION_BIT) return (zigzag >>> 1) ^ -(zigzag & 1);
    }
    throw new RangeError(`an integer is longer than ${MAX_VARINT_BYTES} bytes`);
  }

  /** A 64-bit integer, rounded to a double beyond 2^53. */
  readVarlong(): number {
    let zigzag = 0;
    let scale = 1;
    for (let count = 0; count < MAX_VARLONG_BYTES; count++) {
      const byte = this.readByte();
      zigzag += (byte & 0x7f) * scale;
      if (byte < CONTINUATION_BIT) return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
      scale *= 0x80;
    }
    throw new RangeError(`an integer is longer than ${MAX_VARLONG_BYTES} bytes`);
  }

  /** A length and as many bytes, as a view; `null` for the length -1. */
  readBytes(): Uint8Array | null {
    const length = this.readVarint();
    if (length === -1) return null;
    const start = this.position;
    const end = start + length;
    if (length < 0 || end > this.#bytes.length) {
      throw new RangeError(`${length} bytes are announced and ${this.length - start} are there`);
    }
    this.position = end;
    return this.#bytes.subarray(start, end);
  }
}
