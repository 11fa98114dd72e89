import type { Batch, Lane } from "../../connector/mod.ts";

/** Writes of one lane that are told apart; later ones count as part of the last of them. */
const MAX_WRITES_PER_LANE_COUNT = 64;

interface UnsavedWrite {
  readonly atMs: number;
  nextSequence: bigint;
}

/**
 * Since when there are writes that no checkpoint covers. After a crash they are done again, and with
 * them whatever was written to the same keys before.
 */
export class UnsavedWrites {
  readonly #lanes = new Map<Lane, UnsavedWrite[]>();

  /** A batch is about to be written. In the order of its lane. */
  began({ lane, nextSequence }: Pick<Batch, "lane" | "nextSequence">, nowMs: number): void {
    const writes = this.#lanes.get(lane) ?? [];
    this.#lanes.set(lane, writes);
    const last = writes.at(-1);
    if (last && writes.length >= MAX_WRITES_PER_LANE_COUNT) last.nextSequence = nextSequence;
    else writes.push({ atMs: nowMs, nextSequence });
  }

  /** What lies below these sequences is never done again. */
  saved(lanes: ReadonlyMap<Lane, bigint>): void {
    for (const [lane, saved] of lanes) {
      const left = this.#lanes.get(lane)?.filter(({ nextSequence }) => nextSequence > saved) ?? [];
      if (left.length > 0) this.#lanes.set(lane, left);
      else this.#lanes.delete(lane);
    }
  }

  /** The time of the oldest of them, in milliseconds since 1970; infinite when there is none. */
  oldestMs(): number {
    const times = [...this.#lanes.values()].flatMap(([first]) => (first ? [first.atMs] : []));
    return Math.min(Infinity, ...times);
  }
}
