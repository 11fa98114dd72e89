const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;
const SHIFT = 24;
const BLOCK_BYTES = 4;
const POSITIVE_MASK = 0x7fffffff;

/**
 * The partition that Java's default partitioner chooses for a key, so that records of one key meet
 * in one partition whoever wrote them (org.apache.kafka.common.utils.Utils, BuiltInPartitioner).
 */
export function partitionOfKey(key: Uint8Array, partitionsCount: number): number {
  return (murmur2(key) & POSITIVE_MASK) % partitionsCount;
}

/** MurmurHash2 of 32 bits with Kafka's seed, as a signed integer. */
export function murmur2(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tailStart = bytes.length - (bytes.length % BLOCK_BYTES);
  let hash = SEED ^ bytes.length;
  for (let position = 0; position < tailStart; position += BLOCK_BYTES) {
    let block = Math.imul(view.getInt32(position, true), MULTIPLIER);
    block = Math.imul(block ^ (block >>> SHIFT), MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ block;
  }
  if (tailStart < bytes.length) {
    for (let position = bytes.length - 1; position >= tailStart; position--) {
      hash ^= view.getUint8(position) << (8 * (position - tailStart));
    }
    hash = Math.imul(hash, MULTIPLIER);
  }
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}
