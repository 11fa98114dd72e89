import { sleep } from "../../base/backoff.ts";
import { KonnError, messageOf } from "../../base/errors.ts";
import type {
  Batch,
  Lane,
  LanePosition,
  Position,
  ReadOptions,
  Source,
  StreamIdentity,
} from "../../connector/mod.ts";
import { withGroup } from "./address.ts";
import { limitBatches } from "./batch_limits.ts";
import { KafkaSource, type KafkaSourceOptions } from "./consumer.ts";
import { type CommittedOffset, GroupCoordinator, LOST_PLACE_CODES } from "./group_coordinator.ts";
import { type Assignment, GroupMembership, groupProtocolName } from "./group_membership.ts";
import { GroupReader } from "./group_reader.ts";
import { loadGroupProtocol } from "./kafkajs.ts";
import type { OwnedLanes } from "./owned_lanes.ts";
import { offsetOf } from "./partition_cursor.ts";
import { ProtocolError } from "./protocol_error.ts";

/** How often what is delivered is committed. After a crash so much is delivered again. */
const COMMIT_INTERVAL_MS = 500;
/** How long a rebalance waits for what is in hand. The others stand still meanwhile. */
const DRAIN_LIMIT_MS = 1_000;
const DRAIN_POLL_MS = 20;

export interface GroupSourceOptions extends Omit<KafkaSourceOptions, "partitions"> {
  /** The name of the consumer group. */
  readonly group: string;
  /** Looks at what the group has committed, but does not join: it reads like a source of its own. */
  readonly isViewer?: boolean | undefined;
}

/**
 * Reads committed records of Kafka topics together with others: each member of a consumer group has a
 * part of the partitions, and what the group has committed decides where a partition goes on.
 *
 * Lanes, positions and sequences are those of `createKafkaSource`, and so are the errors; besides
 * them those of {@link GroupCoordinator}, and `KAFKA_GROUP_UNSTABLE`. A bounded source ends when all
 * partitions of the topics have been committed up to the ends seen at its start, by whichever member.
 */
export function createGroupSource(options: GroupSourceOptions): Source {
  return new GroupSource(options);
}

class GroupSource implements Source {
  readonly #options: GroupSourceOptions;
  readonly #topics: KafkaSource;
  readonly #disposal = new AbortController();
  readonly #closed = new AbortController();
  #coordinator: GroupCoordinator | undefined;
  #membership: GroupMembership | undefined;
  #note = "";
  #owned: OwnedLanes | undefined;
  #hasEnded = false;
  #committing: Promise<void> = Promise.resolve();
  #isCommitFailing = false;

  constructor(options: GroupSourceOptions) {
    this.#options = options;
    this.#topics = new KafkaSource(options);
  }

  async open(signal: AbortSignal): Promise<StreamIdentity> {
    // A sink must not keep positions of its own: it would have to know who reads what.
    const { streamId: _streamId, ...stream } = await this.#topics.open(signal);
    const { group, brokers, observer } = this.#options;
    const { client } = this.#topics.opened();
    const coordinator = new GroupCoordinator({
      client,
      brokers,
      group,
      observer,
      signal: AbortSignal.any([signal, this.#closed.signal]),
    });
    const committed = await coordinator.committed(this.#topics.partitions());
    this.#coordinator = new GroupCoordinator({
      client,
      brokers,
      group,
      observer,
      signal: this.#closed.signal,
    });
    const noted = committed.values().find(({ note }) => note !== "");
    return {
      ...stream,
      address: withGroup(stream.address, group),
      ...(stream.label !== undefined && { label: withGroup(stream.label, group) }),
      shared: {
        note: noted?.note,
        lanes: (note) => positionsOf(withNote(committed, note)),
      },
    };
  }

  async ends(): Promise<ReadonlyMap<Lane, bigint>> {
    return await this.#topics.ends();
  }

  async positionAt(lane: Lane, sequence: bigint): Promise<Position | undefined> {
    return await this.#topics.positionAt(lane, sequence);
  }

  read(options: ReadOptions): AsyncIterable<Batch> {
    return this.#options.isViewer ? this.#topics.read(options) : this.#share(options);
  }

  async *#share({ note = "", ...options }: ReadOptions): AsyncGenerator<Batch> {
    this.#note = note;
    const stop = AbortSignal.any([options.stop, this.#disposal.signal]);
    const membership = await this.#makeMembership();
    this.#membership = membership;
    const reader = new GroupReader({
      source: this.#topics,
      membership,
      follow: this.#options.follow,
      stop,
      committed: async () => withNote(await this.#committedNow(), note),
      onOwned: (owned) => {
        this.#owned = owned;
      },
    });
    membership.start();
    void this.#commitAgainAndAgain();
    try {
      yield* limitBatches(reader.batches(), { ...options, stop });
    } finally {
      this.#hasEnded = true;
      membership.prepareToLeave();
    }
  }

  /** Commits are collected while reading goes on: each is a round trip. */
  async commit(durable: ReadonlyMap<Lane, Position>): Promise<void> {
    for (const [lane, position] of durable) {
      this.#owned?.delivered(lane, offsetOf(lane, position));
    }
    if (this.#hasEnded) await this.#commitDue();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposal.abort();
    if (!this.#closed.signal.aborted) await this.#commitDue();
    await this.#membership?.close();
    this.#closed.abort();
    await this.#topics[Symbol.asyncDispose]();
  }

  async #makeMembership(): Promise<GroupMembership> {
    const { group, observer } = this.#options;
    const { topics } = this.#topics.opened();
    return new GroupMembership({
      coordinator: this.#openCoordinator(),
      group,
      protocol: await loadGroupProtocol(),
      protocolName: groupProtocolName(this.#note),
      topics: topics.facts,
      observer,
      beforeRejoining: (ended) => this.#finishInHand(ended),
    });
  }

  async #committedNow(): Promise<ReadonlyMap<Lane, CommittedOffset>> {
    return await this.#openCoordinator().committed(this.#topics.partitions());
  }

  async #commitAgainAndAgain(): Promise<void> {
    for (;;) {
      await sleep(COMMIT_INTERVAL_MS, this.#disposal.signal);
      if (this.#disposal.signal.aborted) return;
      await this.#commitDue();
    }
  }

  /** What is in hand may end and be committed, as long as that is soon. */
  async #finishInHand(ended: Assignment): Promise<void> {
    const owned = this.#owned;
    if (owned?.assignment !== ended) return;
    const startedMs = performance.now();
    const deadlineMs = startedMs + DRAIN_LIMIT_MS;
    while (!owned.areDelivered && performance.now() < deadlineMs) {
      await sleep(DRAIN_POLL_MS, this.#disposal.signal);
      if (this.#disposal.signal.aborted) break;
    }
    await this.#commitDue();
    this.#options.observer.log.debug("Gave back what is shared in the group", {
      isDelivered: owned.areDelivered,
      ms: Math.round(performance.now() - startedMs),
    });
  }

  /** One commit at a time. One that fails is made up for by the next. */
  async #commitDue(): Promise<void> {
    this.#committing = this.#committing.then(() => this.#commitOnce());
    await this.#committing;
  }

  async #commitOnce(): Promise<void> {
    const owned = this.#owned;
    const due = owned?.due() ?? [];
    if (owned === undefined || due.length === 0) return;
    const { group, observer } = this.#options;
    try {
      await this.#openCoordinator().commit(owned.assignment, due, this.#note);
      owned.committed(due);
      this.#isCommitFailing = false;
    } catch (thrown) {
      if (thrown instanceof ProtocolError && LOST_PLACE_CODES.has(thrown.code)) {
        // Others have these partitions by now, or will have read them again in a moment.
        this.#membership?.suspect();
        return;
      }
      if (!this.#isCommitFailing) {
        observer.log.warn(`Cannot commit to the group ${group} now`, { reason: messageOf(thrown) });
      }
      this.#isCommitFailing = true;
    }
  }

  #openCoordinator(): GroupCoordinator {
    if (this.#coordinator !== undefined) return this.#coordinator;
    throw new KonnError("Cannot read from Kafka: the source was not opened", {
      code: "KAFKA_NOT_OPEN",
      kind: "failed",
    });
  }
}

/**
 * What is committed for whoever has this note. What somebody committed by hand, without any, is taken
 * for what it says.
 */
function withNote(
  committed: ReadonlyMap<Lane, CommittedOffset>,
  note: string,
): ReadonlyMap<Lane, CommittedOffset> {
  return new Map([...committed].filter(([, own]) => own.note === note || own.note === ""));
}

function positionsOf(
  committed: ReadonlyMap<Lane, CommittedOffset>,
): ReadonlyMap<Lane, LanePosition> {
  return new Map(
    [...committed].map(([lane, { offset }]) => [
      lane,
      { position: `${offset}`, nextSequence: offset },
    ]),
  );
}
