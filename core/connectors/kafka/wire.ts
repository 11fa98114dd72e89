/**
 * The primitive types of Kafka's protocol (https://kafka.apache.org/protocol#protocol_types). The
 * flexible versions of a request (KIP-482) write lengths as varints, one too high, and end every
 * structure with a section of tagged fields.
 */

const INITIAL_BYTES = 256;
const UUID_BYTES = 16;
const NULL_LENGTH = -1;
const CONTINUATION_BIT = 0x80;

/** Writes a request, or a part of one. The buffer grows as needed. */
export class RequestWriter {
  #buffer: Buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;

  int8(value: number): this {
    this.#reserve(1);
    this.#length = this.#buffer.writeInt8(value, this.#length);
    return this;
  }

  int16(value: number): this {
    this.#reserve(2);
    this.#length = this.#buffer.writeInt16BE(value, this.#length);
    return this;
  }

  int32(value: number): this {
    this.#reserve(4);
    this.#length = this.#buffer.writeInt32BE(value, this.#length);
    return this;
  }

  int64(value: bigint): this {
    this.#reserve(8);
    this.#length = this.#buffer.writeBigInt64BE(value, this.#length);
    return this;
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }

  string(value: string | null): this {
    if (value === null) return this.int16(NULL_LENGTH);
    const bytes = Buffer.from(value);
    return this.int16(bytes.length).raw(bytes);
  }

  compactString(value: string): this {
    const bytes = Buffer.from(value);
    return this.unsignedVarint(bytes.length + 1).raw(bytes);
  }

  compactArrayLength(length: number): this {
    return this.unsignedVarint(length + 1);
  }

  /** The id that means "by name". */
  zeroUuid(): this {
    return this.raw(Buffer.alloc(UUID_BYTES));
  }

  /** No tagged fields follow. */
  noTags(): this {
    return this.unsignedVarint(0);
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  unsignedVarint(value: number): this {
    let rest = value;
    while (rest >= CONTINUATION_BIT) {
      this.#byte((rest & 0x7f) | CONTINUATION_BIT);
      rest >>>= 7;
    }
    return this.#byte(rest);
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  #byte(value: number): this {
    this.#reserve(1);
    this.#length = this.#buffer.writeUInt8(value, this.#length);
    return this;
  }

  #reserve(count: number): void {
    const wanted = this.#length + count;
    if (wanted <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(wanted, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}

/**
 * Reads a response. Every method throws a `RangeError` where the bytes end too early.
 */
export class ResponseReader {
  readonly #buffer: Buffer;
  readonly #isFlexible: boolean;
  #position = 0;

  /** Starts behind the correlation id, and passes over the rest of the header. */
  constructor(buffer: Buffer, { isFlexible }: { isFlexible: boolean }) {
    this.#buffer = buffer;
    this.#isFlexible = isFlexible;
    this.endOfStructure();
  }

  int8(): number {
    return this.#buffer.readInt8(this.#skip(1));
  }

  int16(): number {
    return this.#buffer.readInt16BE(this.#skip(2));
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#skip(4));
  }

  int64(): bigint {
    return this.#buffer.readBigInt64BE(this.#skip(8));
  }

  boolean(): boolean {
    return this.int8() !== 0;
  }

  string(): string | null {
    const length = this.#isFlexible ? this.#unsignedVarint() - 1 : this.int16();
    return length < 0 ? null : this.#raw(length).toString("utf8");
  }

  /** As Kafka's own tools print it: base64url without padding. */
  uuid(): string {
    return this.#raw(UUID_BYTES).toString("base64url");
  }

  /** A view on the response. */
  bytes(): Buffer {
    return this.#raw(Math.max(this.int32(), 0));
  }

  array<T>(readItem: () => T): T[] {
    const length = this.#isFlexible ? this.#unsignedVarint() - 1 : this.int32();
    const items: T[] = [];
    for (let index = 0; index < length; index++) items.push(readItem());
    return items;
  }

  /** Passes over the tagged fields at the end of a structure, where the version has them. */
  endOfStructure(): void {
    if (!this.#isFlexible) return;
    for (let count = this.#unsignedVarint(); count > 0; count--) {
      this.#unsignedVarint();
      this.#skip(this.#unsignedVarint());
    }
  }

  #unsignedVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 32; shift += 7) {
      const byte = this.#buffer.readUInt8(this.#skip(1));
      value |= (byte & 0x7f) << shift;
      if (byte < CONTINUATION_BIT) return value >>> 0;
    }
    throw new RangeError("a length is longer than five bytes");
  }

  #raw(length: number): Buffer {
    const start = this.#skip(length);
    return this.#buffer.subarray(start, start + length);
  }

  #skip(length: number): number {
    const start = this.#position;
    if (start + length > this.#buffer.length) throw new RangeError("a response ends too early");
    this.#position = start + length;
    return start;
  }
}
