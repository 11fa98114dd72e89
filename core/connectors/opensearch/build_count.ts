import { KonnError } from "../../base/errors.ts";

/**
 * How many documents an index must hold that is being built, by what OpenSearch answered. Nothing is
 * removed from such an index, so it is exact but for writes with an unclear outcome: what such a
 * write made is found there when it is sent again.
 */
export class BuildCount {
  readonly #foundCount: number;
  /** What a run that crashed had sent may have been written after we looked. */
  readonly #isResumed: boolean;
  #madeCount = 0;
  #doubtfulCount = 0;
  #inFlightCount = 0;

  /** @param foundCount documents that a run before this one has left there; undefined for a new index */
  constructor(foundCount: number | undefined) {
    this.#foundCount = foundCount ?? 0;
    this.#isResumed = foundCount !== undefined;
  }

  /** So many documents are on their way. */
  sent(count: number): void {
    this.#inFlightCount += count;
  }

  /** Their fates are known, those of all that were made have been told. */
  settled(count: number): void {
    this.#inFlightCount -= count;
  }

  /** A document was not there before. */
  made(): void {
    this.#madeCount += 1;
  }

  /** A document was there already. */
  found(): void {
    this.#doubtfulCount += 1;
  }

  /**
   * Compares with what the index says. Writes may go on meanwhile.
   *
   * @throws KonnError `INDEX_COUNTS_DIFFER`
   */
  async refuseDifference(indexName: string, ask: () => Promise<number>): Promise<void> {
    const least = this.#foundCount + this.#madeCount;
    const actual = await ask();
    const made = this.#foundCount + this.#madeCount;
    const most = this.#isResumed ? Infinity : made + this.#doubtfulCount + this.#inFlightCount;
    if (actual >= least && actual <= most) return;
    throw new KonnError(
      `Cannot show ${indexName}: it holds ${actual} documents, and ${made} were written`,
      {
        code: "INDEX_COUNTS_DIFFER",
        kind: "failed",
        hint: "Something else has written to it or removed from it, or OpenSearch has lost some. The live index stays. Look at the cluster's health, then build anew: konn sync --from-beginning.",
      },
    );
  }
}
