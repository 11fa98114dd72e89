/**
 * Bounds what has been read and not yet settled, by bytes and by batches. One batch is always let
 * through, however large, so that a single huge record cannot stop a run.
 */
export class InFlightLimit {
  readonly #maxBytes: number;
  readonly #maxBatchesCount: number;
  #bytes = 0;
  #batchesCount = 0;
  #wake: (() => void) | undefined;

  constructor({ maxBytes, maxBatchesCount }: { maxBytes: number; maxBatchesCount: number }) {
    this.#maxBytes = maxBytes;
    this.#maxBatchesCount = maxBatchesCount;
  }

  /** Waits until there is room, then takes it. For one caller at a time. */
  async acquire(bytes: number): Promise<void> {
    while (this.#isFullFor(bytes)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    this.#bytes += bytes;
    this.#batchesCount += 1;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
    this.#batchesCount -= 1;
    this.#wake?.();
  }

  #isFullFor(bytes: number): boolean {
    if (this.#batchesCount === 0) return false;
    return this.#batchesCount >= this.#maxBatchesCount || this.#bytes + bytes > this.#maxBytes;
  }
}
