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

  /** @param foundCount documents that a run before this one has left there; undefined for a new index */
  constructor(foundCount: number | undefined) {
    this.#foundCount = foundCount ?? 0;
    this.#isResumed = foundCount !== undefined;
  }

  /** A document was not there before. */
  made(): void {
    this.#madeCount += 1;
  }

  /** A document was there already. */
  found(): void {
    this.#doubtfulCount += 1;
  }

  /** @throws KonnError `INDEX_COUNTS_DIFFER` */
  refuseDifference(indexName: string, actualCount: number): void {
    const least = this.#foundCount + this.#madeCount;
    const most = this.#isResumed ? Infinity : least + this.#doubtfulCount;
    if (actualCount >= least && actualCount <= most) return;
    throw new KonnError(
      `Cannot show ${indexName}: it holds ${actualCount} documents, and ${least} were written`,
      {
        code: "INDEX_COUNTS_DIFFER",
        kind: "failed",
        hint: "Something else has written to it or removed from it, or OpenSearch has lost a shard. The live index stays. Look at the cluster's health, then build anew: konn sync --from-beginning.",
      },
    );
  }
}
