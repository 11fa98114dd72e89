import { createHash } from "node:crypto";

/**
 * How much of the file before a position is hashed, to know the file again: enough that another
 * file differs there, little enough to be read at every start.
 */
export const PREFIX_BYTES = 64 * 1024;

const HASH_LENGTH = 32;

/** The last {@link PREFIX_BYTES} of `before` followed by `more`. May be a view of `more`. */
export function trailingBytes(before: Buffer, more: Buffer): Buffer {
  if (more.length >= PREFIX_BYTES) return more.subarray(more.length - PREFIX_BYTES);
  if (more.length === 0) return before;
  const kept = Math.min(before.length, PREFIX_BYTES - more.length);
  return Buffer.concat([before.subarray(before.length - kept), more]);
}

/** SHA-256, shortened to 128 bits, in hex: who is mistaken is found out, nobody attacks. */
export function contentHash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, HASH_LENGTH);
}
