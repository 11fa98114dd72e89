import type { Batch, Lane, LanePosition } from "../connector/mod.ts";

/**
 * Follows the batches that are under way and knows, for each lane, how far everything has been
 * settled without a gap. Batches may settle in any order; a lane's position moves only over a
 * settled head, so that a resume from it never skips an unsettled message.
 */
export class LaneTracker {
  readonly #settled: Map<Lane, LanePosition>;
  readonly #underWay = new Map<Lane, { batch: Batch; settled: boolean }[]>();

  constructor(start: ReadonlyMap<Lane, LanePosition>) {
    this.#settled = new Map(start);
  }

  /** Another run has had the lane, or has it now. What is under way of it moves nothing any more. */
  forget(lane: Lane): void {
    this.#settled.delete(lane);
    this.#underWay.delete(lane);
  }

  /** Registers a batch, in the order of its lane. Call the result when the batch is settled. */
  begin(batch: Batch): () => void {
    const entry = { batch, settled: false };
    const queue = this.#underWay.get(batch.lane) ?? [];
    this.#underWay.set(batch.lane, queue);
    queue.push(entry);
    return () => {
      entry.settled = true;
      this.#advance(batch.lane, queue);
    };
  }

  /** How far each lane may be checkpointed now. */
  positions(): ReadonlyMap<Lane, LanePosition> {
    return new Map(this.#settled);
  }

  /** Whether every lane has been settled up to its end. */
  hasReached(ends: ReadonlyMap<Lane, bigint>): boolean {
    return [...ends].every(([lane, end]) => (this.#settled.get(lane)?.nextSequence ?? 0n) >= end);
  }

  #advance(lane: Lane, queue: { batch: Batch; settled: boolean }[]): void {
    if (this.#underWay.get(lane) !== queue) return;
    while (queue[0]?.settled) {
      const { batch } = queue[0];
      this.#settled.set(lane, { position: batch.position, nextSequence: batch.nextSequence });
      queue.shift();
    }
  }
}
