import { KonnError } from "../../base/errors.ts";
import type { Lane } from "../../connector/mod.ts";
import type { Observer } from "../../observe/observer.ts";
import type { BrokerLink } from "./broker_link.ts";
import { type KafkaClient, unreachableError } from "./client.ts";
import type { GroupSubscription, JoinedGroup, KafkajsBroker, MemberShare } from "./kafkajs.ts";
import { OUTAGE_LIMIT_MS } from "./leader_router.ts";
import type { TopicPartition } from "./offsets.ts";
import { laneOf } from "./partition_cursor.ts";
import { ERROR_CODES, isTransient, ProtocolError } from "./protocol_error.ts";
import { retryTransient } from "./retry.ts";
import { notPermittedOr } from "./topics.ts";

/**
 * A member of which the coordinator has heard nothing for so long is dead: the least that brokers
 * allow by default. Then the others have to hear of it, to finish what they have in hand and to share
 * anew; all in all partitions are served again after 10 s.
 */
export const SESSION_TIMEOUT_MS = 6_000;
/** How long the others wait for a member that is alive, and finishing what it has in hand. */
const REBALANCE_TIMEOUT_MS = 6_000;
/** Joining is answered when all are there, so a dead member that is waited for delays it. */
const JOIN_TIMEOUT_MS = SESSION_TIMEOUT_MS + REBALANCE_TIMEOUT_MS + 5_000;
const REQUEST_TIMEOUT_MS = 5_000;
/** A commit that does not get through is made up for by the next one. */
const COMMIT_LIMIT_MS = 5_000;
const GROUP_TYPE = 0;
const NOT_COMMITTED = "-1";

export interface GroupCoordinatorOptions {
  readonly client: KafkaClient;
  readonly brokers: readonly string[];
  readonly group: string;
  readonly observer: Observer;
  /** Ends the retries. */
  readonly signal: AbortSignal;
  /** How long it is tried again; as elsewhere if not given. */
  readonly outageLimitMs?: number | undefined;
}

/** A member, in one generation of its group. */
export interface GroupPlace {
  readonly memberId: string;
  readonly generationId: number;
}

/** Who is in a group, as anybody may ask. */
export interface GroupDescription {
  /** `Stable`, `Empty`, `Dead` (there is none), or on the way from one to the other. */
  readonly state: string;
  readonly protocolType: string;
  /** The way of sharing that all members know; empty while they have not agreed on one. */
  readonly protocol: string;
  readonly members: readonly { readonly clientId: string }[];
}

/** What a group has committed for a partition. */
export interface CommittedOffset {
  readonly offset: bigint;
  /** Empty where it was not konn that committed. */
  readonly note: string;
}

/**
 * The broker that keeps the members and the offsets of one consumer group. It moves as leaders do, so
 * every request may have to find it anew.
 *
 * Errors: `KAFKA_UNREACHABLE`, `KAFKA_NOT_PERMITTED`, `KAFKA_GROUP_OF_OTHERS`,
 * `KAFKA_GROUP_NAME_INVALID`, `KAFKA_SESSION_TIMEOUT_REFUSED`; and, for the membership to deal with,
 * `ProtocolError`s of {@link LOST_PLACE_CODES}.
 */
export class GroupCoordinator {
  readonly #options: GroupCoordinatorOptions;
  #nodeId: number | undefined;

  constructor(options: GroupCoordinatorOptions) {
    this.#options = options;
  }

  /** Waits until all members have come, and tells who they are. */
  async join(memberId: string, subscription: GroupSubscription): Promise<JoinedGroup> {
    const request = {
      groupId: this.#options.group,
      memberId,
      sessionTimeout: SESSION_TIMEOUT_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      groupProtocols: [subscription],
    };
    return await this.#call("join", (broker) => broker.joinGroup(request), {
      timeoutMs: JOIN_TIMEOUT_MS,
    });
  }

  /** Hears from the leader of the group what is ours; the leader says what is whose. */
  async sync(place: GroupPlace, groupAssignment: readonly MemberShare[]): Promise<Buffer> {
    const request = { groupId: this.#options.group, ...place, groupAssignment };
    const sync = (broker: KafkajsBroker) => broker.syncGroup(request);
    const { memberAssignment } = await this.#call("join", sync, { timeoutMs: JOIN_TIMEOUT_MS });
    return memberAssignment;
  }

  async heartbeat(place: GroupPlace): Promise<void> {
    await this.#call("stay in", (broker) => broker.heartbeat(this.#idOf(place)));
  }

  /** Tries once: whoever does not hear it learns it by the session timeout. */
  async leave(memberId: string): Promise<void> {
    const request = { groupId: this.#options.group, memberId };
    const link = await this.#link();
    await link.call((broker) => broker.leaveGroup(request), REQUEST_TIMEOUT_MS);
  }

  async commit(
    place: GroupPlace,
    offsets: readonly (TopicPartition & { readonly offset: bigint })[],
    note: string,
  ): Promise<void> {
    const topics = [...Map.groupBy(offsets, ({ topic }) => topic)].map(([topic, items]) => ({
      topic,
      partitions: items.map(({ partition, offset }) => ({
        partition,
        offset: `${offset}`,
        metadata: note,
      })),
    }));
    const request = { ...this.#idOf(place), topics };
    const commit = (broker: KafkajsBroker) => broker.offsetCommit(request);
    await this.#call("commit to", commit, { limitMs: COMMIT_LIMIT_MS });
  }

  /** What is committed of these partitions; those without are left out. */
  async committed(
    partitions: readonly TopicPartition[],
  ): Promise<ReadonlyMap<Lane, CommittedOffset>> {
    const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([topic, items]) => ({
      topic,
      partitions: items.map(({ partition }) => ({ partition })),
    }));
    const request = { groupId: this.#options.group, topics };
    const { responses } = await this.#call("ask", (broker) => broker.offsetFetch(request));
    const found = new Map<Lane, CommittedOffset>();
    for (const { topic, partitions: answered } of responses) {
      for (const { partition, offset, metadata } of answered) {
        if (offset === NOT_COMMITTED) continue;
        found.set(laneOf(topic, partition), { offset: BigInt(offset), note: metadata ?? "" });
      }
    }
    return found;
  }

  async describe(): Promise<GroupDescription> {
    const request = { groupIds: [this.#options.group] };
    const { groups } = await this.#call("ask", (broker) => broker.describeGroups(request));
    return groups[0] ?? { state: "Dead", protocolType: "", protocol: "", members: [] };
  }

  /** The topics of which something is committed. */
  async committedTopics(): Promise<readonly string[]> {
    const request = { groupId: this.#options.group, topics: [] };
    const { responses } = await this.#call("ask", (broker) => broker.offsetFetch(request));
    return responses
      .filter(({ partitions }) => partitions.some(({ offset }) => offset !== NOT_COMMITTED))
      .map(({ topic }) => topic);
  }

  #idOf({ memberId, generationId }: GroupPlace) {
    return { groupId: this.#options.group, memberId, groupGenerationId: generationId };
  }

  async #call<T>(
    verb: string,
    use: (broker: KafkajsBroker) => Promise<T>,
    {
      timeoutMs = REQUEST_TIMEOUT_MS,
      limitMs = this.#options.outageLimitMs ?? OUTAGE_LIMIT_MS,
    } = {},
  ): Promise<T> {
    const { brokers, group, observer, signal } = this.#options;
    let isExpected = false;
    const attempt = async (): Promise<T> => {
      try {
        return await (await this.#link()).call(use, timeoutMs);
      } catch (thrown) {
        isExpected = thrown instanceof ProtocolError && STARTING_CODES.has(thrown.code);
        if (isTransient(thrown)) this.#nodeId = undefined;
        throw thrown;
      }
    };
    try {
      return await retryTransient(attempt, {
        signal,
        limitMs,
        onRetry: () => {
          if (!isExpected) observer.retried(1);
        },
        giveUp: (reason) => unreachableError(brokers, reason),
      });
    } catch (thrown) {
      if (!(thrown instanceof ProtocolError) || LOST_PLACE_CODES.has(thrown.code)) throw thrown;
      throw refusal(`Cannot ${verb} the group ${group}`, group, thrown);
    }
  }

  async #link(): Promise<BrokerLink> {
    const { client, group } = this.#options;
    if (this.#nodeId === undefined) {
      const link = await client.controllerLink();
      const request = { groupId: group, coordinatorType: GROUP_TYPE };
      const { coordinator } = await link.call(
        (broker) => broker.findGroupCoordinator(request),
        REQUEST_TIMEOUT_MS,
      );
      this.#nodeId = coordinator.nodeId;
    }
    return await client.link(this.#nodeId, "group");
  }
}

/** Answers that say: you are not, or not any more, where you think you are in this group. */
export const LOST_PLACE_CODES: ReadonlySet<number> = new Set([
  ERROR_CODES.ILLEGAL_GENERATION,
  ERROR_CODES.UNKNOWN_MEMBER_ID,
  ERROR_CODES.REBALANCE_IN_PROGRESS,
]);

/** The first group of a cluster makes the coordinator read, or make, its log. */
const STARTING_CODES: ReadonlySet<number> = new Set([
  ERROR_CODES.COORDINATOR_LOAD_IN_PROGRESS,
  ERROR_CODES.COORDINATOR_NOT_AVAILABLE,
]);

/** What a person is told of an error that no waiting mends. */
function refusal(what: string, group: string, cause: ProtocolError): KonnError {
  const told = (code: string, hint: string, state: string = cause.message): KonnError =>
    new KonnError(`${what}: ${state}`, { code, hint, cause });
  switch (cause.code) {
    case ERROR_CODES.GROUP_AUTHORIZATION_FAILED:
      return told("KAFKA_NOT_PERMITTED", `Allow this user to Read the group ${group} (ACL).`);
    case ERROR_CODES.INCONSISTENT_GROUP_PROTOCOL:
      return told(
        "KAFKA_GROUP_OF_OTHERS",
        "Its members have to be konn of the same topics, the same index and the same --skip-types. Use another --group.",
        "its members do something else",
      );
    case ERROR_CODES.INVALID_GROUP_ID:
      return told("KAFKA_GROUP_NAME_INVALID", "Use another --group.");
    case ERROR_CODES.INVALID_SESSION_TIMEOUT:
      return told(
        "KAFKA_SESSION_TIMEOUT_REFUSED",
        `konn's session timeout of ${SESSION_TIMEOUT_MS / 1_000} s has to lie between the broker's group.min.session.timeout.ms and group.max.session.timeout.ms.`,
      );
    default:
      return notPermittedOr(what, cause);
  }
}
