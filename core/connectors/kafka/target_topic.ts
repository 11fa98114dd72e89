import { KonnError } from "../../base/errors.ts";
import { CONNECT_DEADLINE_MS, unreachableError } from "./client.ts";
import type { ClusterMetadata } from "./metadata_request.ts";
import { listOffsets, type OffsetsOptions } from "./offsets.ts";
import { ERROR_CODES } from "./protocol_error.ts";
import { retryTransient } from "./retry.ts";
import { createTopic, type NewTopic } from "./topic_admin.ts";
import { Topics } from "./topics.ts";

/** Where a topic is, and how long to wait for it. */
export type TopicPlace = Omit<OffsetsOptions, "topics">;

export interface PrepareTopicOptions extends TopicPlace {
  /** It was there when the last run ended, so it must not be made. */
  readonly isResuming: boolean;
}

/**
 * Makes a topic that is to be written to, unless it is there, and finds the leaders of its
 * partitions. Throws `KAFKA_TOPIC_NOT_FOUND` (on resuming), `KAFKA_TOPIC_NOT_CREATED` and
 * `KAFKA_UNREACHABLE`.
 */
export async function prepareTopic(
  newTopic: NewTopic,
  { isResuming, ...place }: PrepareTopicOptions,
): Promise<Topics> {
  const { client, brokers, signal } = place;
  const { topic } = newTopic;
  const { topics: found } = await topicMetadata(topic, place);
  const isNew = found.some(({ errorCode }) => errorCode === ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION);
  if (isNew && isResuming) throw topicGone(topic, brokers);
  if (isNew) await createTopic(client, newTopic, { brokers, signal });
  const topics = await Topics.open(client, [topic], { brokers, signal, isNew });
  if (isNew) await awaitLeaders(topics, place);
  return topics;
}

/** What a broker knows of the cluster and of this topic, which may not be there. */
export async function topicMetadata(
  topic: string,
  { client, brokers, signal }: TopicPlace,
): Promise<ClusterMetadata> {
  return await retryTransient(() => client.metadata([topic]), {
    signal,
    limitMs: CONNECT_DEADLINE_MS,
    giveUp: (reason) => unreachableError(brokers, reason),
  });
}

/** Brokers tell who leads a new partition a little before that broker knows it itself. */
async function awaitLeaders(topics: Topics, place: TopicPlace): Promise<void> {
  const partitions = topics.facts.flatMap(({ name, partitionsCount }) =>
    Array.from({ length: partitionsCount }, (_, partition) => ({ topic: name, partition })),
  );
  // To ask until it does is how a topic comes to be, and no retry that a summary should count.
  const observer = { log: place.observer.log, retried: () => undefined };
  await listOffsets(partitions, "latest", { ...place, topics, observer });
}

function topicGone(topic: string, brokers: readonly string[]): KonnError {
  return new KonnError(
    `Cannot go on writing to topic ${topic} at Kafka ${brokers.join(", ")}: it is gone`,
    {
      code: "KAFKA_TOPIC_NOT_FOUND",
      hint: "Was it deleted, or is this another cluster? Start over: replay --again, pipe --from-beginning.",
    },
  );
}
