import { releaseMemory } from "./release_memory.ts";

/** Buffers come in sizes that are powers of two, so that one that was given back fits again. */
const MIN_BUFFER_BYTES = 64 * 1024;
/** Larger ones are as large as asked for and are not kept. */
const MAX_BUFFER_BYTES = 1024 * 1024;
/** What is kept for later, of all sizes together. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024;

/**
 * Buffers that are used again and again. The collector lets dead ones pile up, and to have it run for
 * them costs more than all the work that is done in them.
 */
export class BufferPool {
  readonly #kept = new Map<number, Buffer[]>();
  #keptBytes = 0;

  /** A buffer of at least so many bytes, with anything in it. */
  take(bytes: number): Buffer {
    const sizeBytes = sizeFor(bytes);
    const kept = this.#kept.get(sizeBytes)?.pop();
    if (kept === undefined) return Buffer.allocUnsafeSlow(sizeBytes);
    this.#keptBytes -= sizeBytes;
    return kept;
  }

  /** Gives back a buffer that came from `take`, whole. Nobody may use it, or a view of it, any more. */
  give(buffer: Buffer): void {
    const sizeBytes = buffer.length;
    if (sizeBytes > MAX_BUFFER_BYTES || this.#keptBytes + sizeBytes > MAX_KEPT_BYTES) {
      releaseMemory(sizeBytes);
      return;
    }
    const kept = this.#kept.get(sizeBytes);
    if (kept) kept.push(buffer);
    else this.#kept.set(sizeBytes, [buffer]);
    this.#keptBytes += sizeBytes;
  }
}

function sizeFor(bytes: number): number {
  if (bytes > MAX_BUFFER_BYTES) return bytes;
  return Math.max(MIN_BUFFER_BYTES, 2 ** Math.ceil(Math.log2(bytes)));
}
