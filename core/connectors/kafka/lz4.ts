/**
 * The LZ4 frame format as far as Kafka uses it
 * (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md and lz4_Block_format.md).
 *
 * What is written is what Java reads: independent blocks of 64 KiB without checksums. What is read
 * is any frame without a dictionary. The frame's own checksums are passed over, since the CRC-32C
 * of the record batch covers the same bytes.
 */
import { DecompressedSizeError } from "./decompressed_size_error.ts";

const FRAME_MAGIC = 0x184d2204;
/** Version 1, independent blocks; 64 KiB blocks; then byte 1 of the xxHash32 of the two before. */
const FRAME_DESCRIPTOR = [0x60, 0x40, 0x82] as const;
const FRAME_HEADER_BYTES = 7;
const END_MARK_BYTES = 4;

const VERSION_MASK = 0xc0;
const VERSION_1 = 0x40;
const FLAG_BLOCK_CHECKSUM = 0x10;
const FLAG_CONTENT_SIZE = 0x08;
const FLAG_DICTIONARY = 0x01;

const BLOCK_BYTES = 64 * 1024;
const BLOCK_LENGTH_BYTES = 4;
const CHECKSUM_BYTES = 4;
const STORED_BLOCK_BIT = 0x8000_0000;
/** How much a block of 64 KiB can outgrow its source before it is stored as it is. */
const BLOCK_SLACK_BYTES = Math.ceil(BLOCK_BYTES / 255) + 16;

const MIN_MATCH_BYTES = 4;
/** The format wants the last five bytes as literals and no match in the last twelve. */
const LAST_LITERAL_BYTES = 5;
const MATCH_MARGIN_BYTES = 12;
/** A length of this nibble goes on in the bytes that follow. */
const LONG_LENGTH = 15;
/** After so many misses (as a power of two) the search takes one byte more a step. */
const SKIP_SHIFT = 6;

const HASH_BITS = 13;
const HASH_MULTIPLIER = 0x9e3779b1;

/** Up to here a loop copies faster than a call. */
const SHORT_COPY_BYTES = 32;
/** What compressed text usually grows to, as a first guess at the size of the output. */
const USUAL_RATIO = 4;

/** Packs bytes into one LZ4 frame. */
export function lz4Compress(source: Uint8Array): Uint8Array {
  const blockCount = Math.ceil(source.length / BLOCK_BYTES);
  const frame = new Uint8Array(
    FRAME_HEADER_BYTES +
      blockCount * BLOCK_LENGTH_BYTES +
      source.length +
      BLOCK_SLACK_BYTES +
      END_MARK_BYTES,
  );
  const view = viewOf(frame);
  view.setUint32(0, FRAME_MAGIC, true);
  frame.set(FRAME_DESCRIPTOR, 4);
  const positions = new Uint16Array(1 << HASH_BITS);
  const writer = new SequenceWriter(frame);
  writer.position = FRAME_HEADER_BYTES;
  for (let start = 0; start < source.length; start += BLOCK_BYTES) {
    const block = source.subarray(start, start + BLOCK_BYTES);
    const lengthPosition = writer.position;
    const bodyPosition = lengthPosition + BLOCK_LENGTH_BYTES;
    writer.position = bodyPosition;
    compressBlock(block, writer, positions.fill(0));
    const packedBytes = writer.position - bodyPosition;
    if (packedBytes < block.length) {
      view.setUint32(lengthPosition, packedBytes, true);
      continue;
    }
    view.setUint32(lengthPosition, block.length + STORED_BLOCK_BIT, true);
    frame.set(block, bodyPosition);
    writer.position = bodyPosition + block.length;
  }
  view.setUint32(writer.position, 0, true);
  return frame.subarray(0, writer.position + END_MARK_BYTES);
}

/**
 * Unpacks one LZ4 frame.
 *
 * Throws {@link DecompressedSizeError} when it holds more than `maxBytes`, and `RangeError` when it
 * is not a frame that can be read.
 */
export function lz4Decompress(source: Uint8Array, maxBytes: number): Uint8Array {
  const view = viewOf(source);
  const header = readFrameHeader(view);
  const output = new Output(
    Math.min(header.contentBytes ?? source.length * USUAL_RATIO, maxBytes),
    maxBytes,
  );
  let position = header.endPosition;
  for (;;) {
    const word = view.getUint32(position, true);
    if (word === 0) return output.taken();
    const isStored = word >= STORED_BLOCK_BIT;
    const start = position + BLOCK_LENGTH_BYTES;
    const end = start + (isStored ? word - STORED_BLOCK_BIT : word);
    if (end > source.length) throw new RangeError("an LZ4 frame ends inside of a block");
    if (isStored) output.append(source, start, end);
    else decompressBlock(source.subarray(start, end), output);
    position = end + (header.hasBlockChecksums ? CHECKSUM_BYTES : 0);
  }
}

interface FrameHeader {
  readonly endPosition: number;
  readonly contentBytes: number | undefined;
  readonly hasBlockChecksums: boolean;
}

function readFrameHeader(view: DataView): FrameHeader {
  const flags = view.getUint8(4);
  if (view.getUint32(0, true) !== FRAME_MAGIC || (flags & VERSION_MASK) !== VERSION_1) {
    throw new RangeError("this is not an LZ4 frame of version 1");
  }
  if ((flags & FLAG_DICTIONARY) !== 0) throw new RangeError("an LZ4 frame needs a dictionary");
  const hasContentSize = (flags & FLAG_CONTENT_SIZE) !== 0;
  return {
    endPosition: FRAME_HEADER_BYTES + (hasContentSize ? 8 : 0),
    contentBytes: hasContentSize ? Number(view.getBigUint64(6, true)) : undefined,
    hasBlockChecksums: (flags & FLAG_BLOCK_CHECKSUM) !== 0,
  };
}

/**
 * Writes a block as sequences. `positions` maps the hash of four bytes to the place where they were
 * last seen, and comes in zeroed.
 */
function compressBlock(block: Uint8Array, writer: SequenceWriter, positions: Uint16Array): void {
  const view = viewOf(block);
  let literalStart = 0;
  let position = 0;
  let missCount = 0;
  while (position + MATCH_MARGIN_BYTES <= block.length) {
    const word = view.getInt32(position, true);
    const slot = Math.imul(word, HASH_MULTIPLIER) >>> (32 - HASH_BITS);
    const candidate = positions[slot] ?? 0;
    positions[slot] = position;
    if (candidate === position || view.getInt32(candidate, true) !== word) {
      position += 1 + (missCount++ >> SKIP_SHIFT);
      continue;
    }
    missCount = 0;
    const matchEnd = extendMatch(block, candidate, position);
    const matchBytes = matchEnd - position;
    writer.writeLiterals(block, literalStart, position, matchBytes);
    writer.writeMatch(position - candidate, matchBytes);
    position = matchEnd;
    literalStart = position;
  }
  writer.writeLiterals(block, literalStart, block.length, MIN_MATCH_BYTES);
}

/** Where the match that begins at `position` ends; its first four bytes are known to be equal. */
function extendMatch(block: Uint8Array, candidate: number, position: number): number {
  const limit = block.length - LAST_LITERAL_BYTES;
  let end = position + MIN_MATCH_BYTES;
  let other = candidate + MIN_MATCH_BYTES;
  while (end < limit && block[end] === block[other]) {
    end++;
    other++;
  }
  return end;
}

/** Writes sequences: a token of two lengths, literals, and the match that follows them. */
class SequenceWriter {
  /** Where the next sequence goes. */
  position = 0;
  readonly #target: Uint8Array;

  constructor(target: Uint8Array) {
    this.#target = target;
  }

  /** The bytes of `block` from `start` up to `end`, and the nibble for the match after them. */
  writeLiterals(block: Uint8Array, start: number, end: number, matchBytes: number): void {
    const literalBytes = end - start;
    const matchNibble = Math.min(matchBytes - MIN_MATCH_BYTES, LONG_LENGTH);
    this.#target[this.position++] = (Math.min(literalBytes, LONG_LENGTH) << 4) | matchNibble;
    this.#writeLongLength(literalBytes);
    if (literalBytes > SHORT_COPY_BYTES) {
      this.#target.set(block.subarray(start, end), this.position);
    } else {
      const shift = this.position - start;
      for (let index = start; index < end; index++) this.#target[index + shift] = block[index] ?? 0;
    }
    this.position += literalBytes;
  }

  writeMatch(distance: number, matchBytes: number): void {
    this.#target[this.position++] = distance & 0xff;
    this.#target[this.position++] = distance >>> 8;
    this.#writeLongLength(matchBytes - MIN_MATCH_BYTES);
  }

  /** The part of a length that its nibble cannot hold: bytes that add up, the last below 255. */
  #writeLongLength(length: number): void {
    if (length < LONG_LENGTH) return;
    let rest = length - LONG_LENGTH;
    for (; rest >= 255; rest -= 255) this.#target[this.position++] = 255;
    this.#target[this.position++] = rest;
  }
}

function decompressBlock(block: Uint8Array, output: Output): void {
  let position = 0;
  const readByte = (): number => {
    const byte = block[position++];
    if (byte === undefined) throw new RangeError("an LZ4 block ends inside of a sequence");
    return byte;
  };
  const readLength = (nibble: number): number => {
    let length = nibble;
    if (nibble < LONG_LENGTH) return length;
    for (let byte = 255; byte === 255; length += byte) byte = readByte();
    return length;
  };
  while (position < block.length) {
    const token = readByte();
    const literalBytes = readLength(token >>> 4);
    output.append(block, position, position + literalBytes);
    position += literalBytes;
    // The last sequence of a block has no match.
    if (position === block.length) return;
    const distance = readByte() | (readByte() << 8);
    output.repeat(distance, readLength(token & 0x0f) + MIN_MATCH_BYTES);
  }
}

/** The bytes unpacked so far: grows as needed, up to a limit. Blocks may refer to earlier ones. */
class Output {
  readonly #maxBytes: number;
  #bytes: Uint8Array;
  #length = 0;

  constructor(expectedBytes: number, maxBytes: number) {
    this.#bytes = new Uint8Array(expectedBytes);
    this.#maxBytes = maxBytes;
  }

  taken(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Adds `source` from `start` up to `end`. */
  append(source: Uint8Array, start: number, end: number): void {
    if (end > source.length) throw new RangeError("an LZ4 block ends inside of its literals");
    const bytes = this.#reserve(end - start);
    const at = this.#length;
    this.#length += end - start;
    if (end - start > SHORT_COPY_BYTES) {
      bytes.set(source.subarray(start, end), at);
      return;
    }
    const shift = at - start;
    for (let index = start; index < end; index++) bytes[index + shift] = source[index] ?? 0;
  }

  /** Adds `count` bytes that stand `distance` bytes back; they may overlap with what is added. */
  repeat(distance: number, count: number): void {
    if (distance === 0 || distance > this.#length) {
      throw new RangeError("an LZ4 block refers to bytes before its beginning");
    }
    const bytes = this.#reserve(count);
    const from = this.#length - distance;
    const end = this.#length + count;
    if (count > SHORT_COPY_BYTES && distance >= count) {
      bytes.copyWithin(this.#length, from, from + count);
    } else {
      for (let index = this.#length; index < end; index++) {
        bytes[index] = bytes[index - distance] ?? 0;
      }
    }
    this.#length = end;
  }

  #reserve(count: number): Uint8Array {
    const wanted = this.#length + count;
    if (wanted <= this.#bytes.length) return this.#bytes;
    if (wanted > this.#maxBytes) throw new DecompressedSizeError(this.#maxBytes);
    const grown = new Uint8Array(
      Math.min(Math.max(wanted, this.#bytes.length * 2), this.#maxBytes),
    );
    grown.set(this.taken());
    this.#bytes = grown;
    return grown;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
