/**
 * Snappy as Kafka uses it. Java writes xerial frames (a header, then blocks with their lengths in
 * front), librdkafka a single raw block; Java and konn read both.
 */
import { compress, uncompress } from "snappyjs";

import { DecompressedSizeError } from "./decompressed_size_error.ts";

/** `\x82SNAPPY\0`, the version 1 and the oldest version that can read it, 1. */
const FRAME_HEADER = Buffer.from("82534e41505059000000000100000001", "hex");
const FRAME_MAGIC = FRAME_HEADER.subarray(0, 8);
const BLOCK_LENGTH_BYTES = 4;
/** The block size of Java's writer; its reader takes any. */
const BLOCK_BYTES = 32 * 1024;
const MAX_LENGTH_BYTES = 5;

/** Packs bytes into xerial frames. */
export function snappyCompress(source: Buffer): Buffer {
  const parts: Buffer[] = [FRAME_HEADER];
  for (let start = 0; start < source.length; start += BLOCK_BYTES) {
    const block = compress(source.subarray(start, start + BLOCK_BYTES));
    const length = Buffer.allocUnsafe(BLOCK_LENGTH_BYTES);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

/**
 * Unpacks xerial frames or a raw block.
 *
 * Throws {@link DecompressedSizeError} when they hold more than `maxBytes`, and another error when
 * they cannot be read.
 */
export function snappyDecompress(source: Buffer, maxBytes: number): Buffer {
  const blocks = splitFrames(source);
  let totalBytes = 0;
  for (const block of blocks) totalBytes += uncompressedBytes(block);
  if (totalBytes > maxBytes) throw new DecompressedSizeError(maxBytes);
  return Buffer.concat(blocks.map((block) => uncompress(block)));
}

function splitFrames(source: Buffer): Buffer[] {
  if (!source.subarray(0, FRAME_MAGIC.length).equals(FRAME_MAGIC)) return [source];
  const blocks: Buffer[] = [];
  let position = FRAME_HEADER.length;
  while (position < source.length) {
    const start = position + BLOCK_LENGTH_BYTES;
    const end = start + source.readInt32BE(position);
    if (end < start || end > source.length) {
      throw new RangeError("a snappy frame ends inside of a block");
    }
    blocks.push(source.subarray(start, end));
    position = end;
  }
  return blocks;
}

/** The size that a raw block announces at its beginning, seven bits a byte, lowest first. */
function uncompressedBytes(block: Buffer): number {
  let size = 0;
  for (let index = 0; index < MAX_LENGTH_BYTES; index++) {
    const byte = block.readUInt8(index);
    size += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return size;
  }
  throw new RangeError(`a snappy block announces its size in more than ${MAX_LENGTH_BYTES} bytes`);
}
