import type { Batch, Lane } from "../../connector/mod.ts";
import type { CommittedOffset } from "./group_coordinator.ts";
import type { Assignment } from "./group_membership.ts";
import type { TopicPartition } from "./offsets.ts";
import { laneOf } from "./partition_cursor.ts";

interface OwnLane extends TopicPartition {
  /** Where reading began in this assignment, and how far it has come. */
  readonly start: bigint;
  read: bigint;
  /** How far it was delivered, and how far that was committed. */
  durable: bigint | undefined;
  committed: bigint | undefined;
}

/** An offset that can be committed. */
export interface DueOffset extends TopicPartition {
  readonly lane: Lane;
  readonly offset: bigint;
}

/**
 * The partitions that a member of a group has by one assignment, and how far each has come: read, then
 * delivered, then committed. What is delivered of a partition from before it was had, or that is had
 * no more, counts for nothing here.
 */
export class OwnedLanes {
  readonly assignment: Assignment;
  readonly #lanes = new Map<Lane, OwnLane>();

  constructor(assignment: Assignment) {
    this.assignment = assignment;
  }

  /** Takes a partition that others may have had until now. */
  begin(
    { topic, partition }: TopicPartition,
    { start, committed }: { start: bigint; committed: CommittedOffset | undefined },
  ): void {
    this.#lanes.set(laneOf(topic, partition), {
      topic,
      partition,
      start,
      read: start,
      durable: undefined,
      committed: committed?.offset,
    });
  }

  /**
   * Keeps a partition of the assignment directly before this one: nobody had it in between. Tells
   * where the reading goes on, or undefined when it was not had.
   */
  keep(lane: Lane, before: OwnedLanes | undefined): bigint | undefined {
    if (before === undefined || !this.#follows(before)) return undefined;
    const own = before.#lanes.get(lane);
    if (own === undefined) return undefined;
    this.#lanes.set(lane, own);
    return own.read;
  }

  has(lane: Lane): boolean {
    return this.#lanes.has(lane);
  }

  /** A batch of one of them is about to be handed on. */
  read({ lane, nextSequence }: Batch): void {
    const own = this.#lanes.get(lane);
    if (own !== undefined) own.read = nextSequence;
  }

  /** Everything of the lane below this offset is delivered. */
  delivered(lane: Lane, offset: bigint): void {
    const own = this.#lanes.get(lane);
    if (own === undefined || offset < own.start || offset > own.read) return;
    if (own.durable === undefined || offset > own.durable) own.durable = offset;
  }

  /** Whether all that was read is delivered. */
  get areDelivered(): boolean {
    return [...this.#lanes.values()].every(({ start, read, durable = start }) => durable >= read);
  }

  /** What is delivered and not committed. */
  due(): DueOffset[] {
    return [...this.#lanes].flatMap(([lane, { topic, partition, durable, committed }]) => {
      const isDue = durable !== undefined && (committed === undefined || durable > committed);
      return isDue ? [{ lane, topic, partition, offset: durable }] : [];
    });
  }

  committed(offsets: readonly DueOffset[]): void {
    for (const { lane, offset } of offsets) {
      const own = this.#lanes.get(lane);
      if (own !== undefined) own.committed = offset;
    }
  }

  #follows({ assignment: { memberId, generationId } }: OwnedLanes): boolean {
    return (
      this.assignment.memberId === memberId && this.assignment.generationId === generationId + 1
    );
  }
}
