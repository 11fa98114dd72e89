const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;
const SHIFT = 24;
const BLOCK_BYTES = 4;
const POSITIVE_MASK = 0x7fffffff;

/** A part of some bytes. */
interface Place {
  readonly start: number;
  readonly end: number;
}

/**
 * The partition that Java's default partitioner chooses for a key, so that records of one key meet
 * in one partition whoever wrote them (org.apache.kafka.common.utils.Utils, BuiltInPartitioner).
 *
 * @param place where the key stands in the bytes; they are the key where it is not given
 */
export function partitionOfKey(bytes: Uint8Array, partitionsCount: number, place?: Place): number {
  return (murmur2(bytes, place) & POSITIVE_MASK) % partitionsCount;
}

/** MurmurHash2 of 32 bits with Kafka's seed, as a signed integer. */
export function murmur2(
  bytes: Uint8Array,
  { start, end }: Place = { start: 0, end: bytes.length },
): number {
  const tailStart = end - ((end - start) % BLOCK_BYTES);
  let hash = SEED ^ (end - start);
  for (let position = start; position < tailStart; position += BLOCK_BYTES) {
    const word =
      byteAt(bytes, position) |
      (byteAt(bytes, position + 1) << 8) |
      (byteAt(bytes, position + 2) << 16) |
      (byteAt(bytes, position + 3) << 24);
    let block = Math.imul(word, MULTIPLIER);
    block = Math.imul(block ^ (block >>> SHIFT), MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ block;
  }
  if (tailStart < end) {
    for (let position = end - 1; position >= tailStart; position--) {
      hash ^= byteAt(bytes, position) << (8 * (position - tailStart));
    }
    hash = Math.imul(hash, MULTIPLIER);
  }
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/** No place is outside of the bytes, so the 0 is never taken. */
function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
