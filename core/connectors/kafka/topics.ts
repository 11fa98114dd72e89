import { KonnError, messageOf } from "../../base/errors.ts";
import type { Identity } from "../../connector/mod.ts";
import { CONNECT_DEADLINE_MS, unreachableError, type KafkaClient } from "./client.ts";
import type { ClusterMetadata, TopicMetadata } from "./metadata_request.ts";
import { ERROR_CODES, type LinkLostError, ProtocolError } from "./protocol_error.ts";
import { retryTransient } from "./retry.ts";

/** The leader of a partition that has none at the moment. */
export const NO_LEADER = -1;

/** How long it may take until all brokers know a new topic and who leads it. */
const NEW_TOPIC_LIMIT_MS = 30_000;

export interface OpenTopicsOptions {
  readonly brokers: readonly string[];
  readonly signal: AbortSignal;
  /** They were made just now: brokers that do not know them will soon. */
  readonly isNew: boolean;
}

/** A topic as it was when it was opened, and must stay. */
export interface TopicFacts {
  readonly name: string;
  readonly id: string | undefined;
  readonly partitionsCount: number;
}

/**
 * The topics of a run: what they were at its start, and who leads their partitions now.
 */
export class Topics {
  readonly #client: KafkaClient;
  readonly clusterId: string | null;
  readonly facts: readonly TopicFacts[];
  readonly #leaders = new Map<string, readonly number[]>();

  private constructor(client: KafkaClient, metadata: ClusterMetadata) {
    this.#client = client;
    this.clusterId = metadata.clusterId;
    this.facts = metadata.topics
      .map(({ name, id, partitions }) => ({ name, id, partitionsCount: partitions.length }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    for (const topic of metadata.topics) this.#leaders.set(topic.name, leadersOf(topic));
  }

  /**
   * Looks the topics up and reaches the leaders of all their partitions.
   *
   * Throws `KAFKA_TOPIC_NOT_FOUND`, or `KAFKA_UNREACHABLE` within five seconds; a topic that was
   * made just now gets more time.
   */
  static async open(
    client: KafkaClient,
    names: readonly string[],
    { brokers, signal, isNew }: OpenTopicsOptions,
  ): Promise<Topics> {
    const look = async (): Promise<Topics> => {
      const metadata = await client.metadata(names);
      for (const topic of metadata.topics) refuseTopicError(topic, { brokers, isNew });
      const topics = new Topics(client, metadata);
      await topics.#reachLeaders();
      return topics;
    };
    return await retryTransient(look, {
      signal,
      limitMs: isNew ? NEW_TOPIC_LIMIT_MS : CONNECT_DEADLINE_MS,
      giveUp: (reason) => leaderError(reason, brokers),
    });
  }

  /** What a later run compares. */
  identity(): Identity {
    const facts: Record<string, string> = {};
    if (this.clusterId !== null) facts["cluster id"] = this.clusterId;
    for (const { name, id, partitionsCount } of this.facts) {
      if (id !== undefined) facts[`topic ${name} id`] = id;
      facts[`topic ${name} partition count`] = `${partitionsCount}`;
    }
    return facts;
  }

  /** The node that leads the partition as far as is known, or {@link NO_LEADER}. */
  leaderOf(topic: string, partition: number): number {
    return this.#leaders.get(topic)?.[partition] ?? NO_LEADER;
  }

  /** What to say of a partition that has no leader. */
  whyNoLeader(topic: string): string {
    return this.#leaders.has(topic) ? "the partition has no leader" : "the topic does not exist";
  }

  /**
   * Asks anew who leads what. Throws `LinkLostError` when nobody answers, and
   * `KAFKA_TOPIC_CHANGED` when this is no longer what the run began with.
   */
  async refresh(): Promise<void> {
    const metadata = await this.#client.metadata(this.facts.map(({ name }) => name));
    this.#refuseChange("the cluster", this.clusterId, metadata.clusterId);
    for (const facts of this.facts) {
      const topic = metadata.topics.find(({ name }) => name === facts.name);
      if (topic === undefined || topic.errorCode !== ERROR_CODES.NONE) {
        // A broker that has just started may not know the topic yet.
        this.#leaders.delete(facts.name);
        continue;
      }
      const name = `topic ${facts.name}`;
      this.#refuseChange(`the id of ${name}`, facts.id, topic.id);
      this.#refuseChange(
        `the partition count of ${name}`,
        facts.partitionsCount,
        topic.partitions.length,
      );
      this.#leaders.set(facts.name, leadersOf(topic));
    }
  }

  #refuseChange<T>(what: string, was: T, is: T): void {
    if (was === is || was === null || was === undefined) return;
    throw new KonnError(`Cannot go on: ${what} was ${String(was)} and is ${String(is)} now`, {
      code: "KAFKA_TOPIC_CHANGED",
      hint: "The positions of this run mean nothing there. Start over: sync and pipe --from-beginning, replay --again.",
    });
  }

  async #reachLeaders(): Promise<void> {
    const nodeIds = new Set([...this.#leaders.values()].flat());
    if (nodeIds.has(NO_LEADER)) throw new ProtocolError(ERROR_CODES.LEADER_NOT_AVAILABLE);
    await Promise.all([...nodeIds].map((nodeId) => this.#client.link(nodeId, "control")));
  }
}

/** By partition. */
function leadersOf(topic: TopicMetadata): readonly number[] {
  const leaders: number[] = Array.from({ length: topic.partitions.length }, () => NO_LEADER);
  for (const { partition, leader } of topic.partitions) leaders[partition] = leader;
  return leaders;
}

function refuseTopicError(
  topic: TopicMetadata,
  { brokers, isNew }: Pick<OpenTopicsOptions, "brokers" | "isNew">,
): void {
  const error = new ProtocolError(topic.errorCode);
  const place = `topic ${topic.name} at Kafka ${brokers.join(", ")}`;
  switch (topic.errorCode) {
    case ERROR_CODES.NONE:
      return;
    case ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION:
      if (isNew) throw error;
      throw new KonnError(`Cannot find ${place}: it does not exist`, {
        code: "KAFKA_TOPIC_NOT_FOUND",
        mayPass: true,
        hint: "Is the name right? konn replay makes the topic; --wait 60s waits for it.",
        cause: error,
      });
    case ERROR_CODES.INVALID_TOPIC_EXCEPTION:
      throw new KonnError(`Cannot use ${place}: Kafka does not allow such a name`, {
        code: "KAFKA_TOPIC_INVALID",
        kind: "usage",
        hint: "A name has up to 249 letters, digits, dots, underscores and dashes.",
        cause: error,
      });
    default:
      if (error.isRetriable) throw error;
      throw notPermittedOr(`Cannot use ${place}`, error);
  }
}

/** The error for a code that no waiting mends. */
export function notPermittedOr(what: string, error: ProtocolError): KonnError {
  const isRefusal =
    error.code === ERROR_CODES.TOPIC_AUTHORIZATION_FAILED ||
    error.code === ERROR_CODES.CLUSTER_AUTHORIZATION_FAILED;
  return new KonnError(`${what}: ${messageOf(error)}`, {
    code: isRefusal ? "KAFKA_NOT_PERMITTED" : "KAFKA_REQUEST_REFUSED",
    ...(isRefusal && { hint: "Ask for the permission (ACL) of this user on the topic." }),
    cause: error,
  });
}

function leaderError(thrown: LinkLostError | ProtocolError, brokers: readonly string[]): KonnError {
  if (thrown instanceof ProtocolError) return unreachableError(brokers, thrown);
  return new KonnError(
    `Cannot reach Kafka at ${brokers.join(", ")}: it leads on to ${thrown.message}`,
    {
      code: "KAFKA_UNREACHABLE",
      mayPass: true,
      hint: "Brokers must advertise addresses that can be reached from here (advertised.listeners).",
      cause: thrown,
    },
  );
}
