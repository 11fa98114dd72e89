import { sleep } from "../../base/backoff.ts";
import { beforeAbort } from "../../base/before_abort.ts";
import type { Batch, Lane } from "../../connector/mod.ts";
import { type Bounds, type KafkaSource, startOf } from "./consumer.ts";
import type { CommittedOffset } from "./group_coordinator.ts";
import type { Assignment, GroupMembership } from "./group_membership.ts";
import type { TopicPartition } from "./offsets.ts";
import { OwnedLanes } from "./owned_lanes.ts";
import { laneOf, PartitionCursor } from "./partition_cursor.ts";

/** How often the progress of the partitions that others have is looked at. */
const OTHERS_INTERVAL_MS = 1_000;

type Committed = ReadonlyMap<Lane, CommittedOffset>;

export interface GroupReaderOptions {
  readonly source: KafkaSource;
  readonly membership: GroupMembership;
  /** Go on with what comes, or end at the high watermarks of the start. */
  readonly follow: boolean;
  readonly stop: AbortSignal;
  /** What the group has committed by now. */
  readonly committed: () => Promise<Committed>;
  /** Hears of the partitions that are had from now on. */
  readonly onOwned: (owned: OwnedLanes) => void;
}

/** What is needed to read by one assignment. */
interface Part {
  readonly owned: OwnedLanes;
  readonly cursors: readonly PartitionCursor[];
  /** The partitions that other members have, and where they are known to be. */
  readonly others: Map<Lane, TopicPartition & { at: bigint }>;
  /** Says which lanes have changed hands, and where the others are. */
  readonly news: readonly Batch[];
}

/** Reads what a member of a group has to read, over all the assignments that it gets. */
export class GroupReader {
  readonly #options: GroupReaderOptions;
  /** In bounded reading, the ends at its start. */
  #ends: ReadonlyMap<Lane, bigint> | undefined;
  #owned: OwnedLanes | undefined;

  constructor(options: GroupReaderOptions) {
    this.#options = options;
  }

  /** Ends when it is stopped or, in bounded reading, when the group has reached the ends. */
  async *batches(): AsyncGenerator<Batch> {
    const { source, membership, follow, stop } = this.#options;
    if (!follow) {
      const bounds = await beforeAbort(source.bounds(source.partitions(), stop), stop);
      if (bounds === undefined) return;
      this.#ends = bounds.ends;
    }
    let assignment: Assignment | undefined;
    for (;;) {
      assignment = await membership.next(assignment, stop);
      if (assignment === undefined) return;
      const ended = AbortSignal.any([stop, assignment.ended]);
      const part = await this.#begin(assignment, ended);
      if (part === undefined) continue;
      yield* part.news;
      const isOver = yield* this.#readPart(part, ended);
      if (isOver) return;
    }
  }

  /** Undefined when the assignment ended before. */
  async #begin(assignment: Assignment, ended: AbortSignal): Promise<Part | undefined> {
    const { source, committed, onOwned } = this.#options;
    const partitions = source.partitions();
    const asked = Promise.all([committed(), source.bounds(partitions, ended)]);
    const found = await beforeAbort(asked, ended);
    if (found === undefined) return undefined;
    const before = this.#owned;
    const owned = new OwnedLanes(assignment);
    const part = this.#divide(owned, { before, committed: found[0], bounds: found[1] });
    this.#owned = owned;
    onOwned(owned);
    return part;
  }

  #divide(
    owned: OwnedLanes,
    state: { before: OwnedLanes | undefined; committed: Committed; bounds: Bounds },
  ): Part {
    const { before, committed, bounds } = state;
    const mine = new Set(
      owned.assignment.partitions.map(({ topic, partition }) => laneOf(topic, partition)),
    );
    const cursors: PartitionCursor[] = [];
    const others: Part["others"] = new Map();
    const news: Batch[] = [];
    for (const own of this.#options.source.partitions()) {
      const { topic, partition } = own;
      const lane = laneOf(topic, partition);
      const kept = mine.has(lane) ? owned.keep(lane, before) : undefined;
      const offset = committed.get(lane);
      const start = kept ?? startOf(lane, offset && `${offset.offset}`, bounds);
      const cursor = new PartitionCursor(topic, partition, { start, end: this.#ends?.get(lane) });
      if (mine.has(lane)) cursors.push(cursor);
      else others.set(lane, { ...own, at: start });
      if (kept !== undefined) continue;
      if (mine.has(lane)) owned.begin(own, { start, committed: offset });
      const hasMoved = mine.has(lane) || (before?.has(lane) ?? false);
      news.push({ ...cursor.place(), ...(hasMoved && { hasMoved }) });
    }
    return { owned, cursors, others, news };
  }

  /** Tells whether the group has reached the ends. */
  async *#readPart(part: Part, ended: AbortSignal): AsyncGenerator<Batch, boolean> {
    const { owned, cursors, others } = part;
    const batches = this.#options.source.batchesOf(cursors, ended);
    let reading = cursors.length > 0 ? quiet(batches.next()) : undefined;
    let looking = others.size > 0 ? quiet(this.#lookAtOthers(others, ended)) : undefined;
    while (!ended.aborted && !this.#isOver(part)) {
      const events = [reading, looking].filter((event) => event !== undefined);
      const event = await Promise.race(events);
      if (Array.isArray(event)) {
        yield* event;
        looking = quiet(this.#lookAtOthers(others, ended));
        continue;
      }
      reading = undefined;
      if (event.done) continue;
      owned.read(event.value);
      yield event.value;
      reading = quiet(batches.next());
    }
    // What was fetched already has moved its cursor on, so it has to be handed on.
    let last = await unlessAborted(reading, ended);
    while (last !== undefined && !last.done) {
      owned.read(last.value);
      yield last.value;
      last = await unlessAborted(batches.next(), ended);
    }
    return !ended.aborted;
  }

  #isOver({ cursors, others }: Part): boolean {
    const ends = this.#ends;
    if (ends === undefined) return false;
    const areOthersThere = [...others].every(([lane, { at }]) => at >= (ends.get(lane) ?? 0n));
    return areOthersThere && cursors.every(({ isDone }) => isDone);
  }

  /** After a while: where the others have got to. A coordinator that does not answer now will later. */
  async #lookAtOthers(others: Part["others"], ended: AbortSignal): Promise<Batch[]> {
    await sleep(OTHERS_INTERVAL_MS, ended);
    if (ended.aborted) return [];
    const committed = await beforeAbort(this.#options.committed(), ended);
    const news: Batch[] = [];
    for (const [lane, other] of others) {
      const { offset } = committed?.get(lane) ?? { offset: other.at };
      if (offset <= other.at) continue;
      other.at = offset;
      const cursor = new PartitionCursor(other.topic, other.partition, {
        start: offset,
        end: undefined,
      });
      news.push(cursor.place());
    }
    return news;
  }
}

/** What was cut short may fail for no other reason. What is really wrong is met again. */
async function unlessAborted<T>(
  work: Promise<T> | undefined,
  signal: AbortSignal,
): Promise<T | undefined> {
  try {
    return await work;
  } catch (thrown) {
    if (signal.aborted) return undefined;
    throw thrown;
  }
}

/** Its error is heard when it is waited for, which may be later. */
function quiet<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}
