import type { KafkaRequest, KafkaResponse } from "./request.ts";
import { RequestWriter, type ResponseReader } from "./wire.ts";

export const METADATA_API_KEY = 3;
/** The version that also tells the ids of topics (KIP-516; Kafka 3.1). */
const VERSION_WITH_TOPIC_IDS = 12;
/** For brokers before it, and for services that speak Kafka's protocol only so far. */
export const METADATA_OLD_VERSION = 7;

/** What stands in the place of operations that were not asked for. */
const NO_OPERATIONS = -(2 ** 31);

/** A broker as clients are to reach it. */
export interface BrokerAddress {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

export interface PartitionMetadata {
  readonly partition: number;
  /** The node that leads the partition, or -1 while there is none. */
  readonly leader: number;
}

export interface TopicMetadata {
  readonly name: string;
  readonly errorCode: number;
  /** Changes when the topic is deleted and made again. Not told by brokers before Kafka 3.1. */
  readonly id: string | undefined;
  readonly partitions: readonly PartitionMetadata[];
  /** A bit for each operation that we may do, where that was asked for and the broker tells. */
  readonly operations?: number | undefined;
}

export interface ClusterMetadata {
  readonly brokers: readonly BrokerAddress[];
  readonly clusterId: string | null;
  readonly controllerId: number;
  readonly topics: readonly TopicMetadata[];
}

/**
 * Asks for the brokers and for these topics. Never creates a topic.
 *
 * kafkajs ends at version 6, without topic ids, and fails as a whole where one partition has no
 * leader.
 */
export function metadataRequest(
  topics: readonly string[],
  maxVersion: number,
  { asksOperations = false }: { readonly asksOperations?: boolean } = {},
): KafkaRequest<ClusterMetadata> {
  const isFlexible = maxVersion >= VERSION_WITH_TOPIC_IDS;
  return {
    apiKey: METADATA_API_KEY,
    apiVersion: isFlexible ? VERSION_WITH_TOPIC_IDS : METADATA_OLD_VERSION,
    apiName: "Metadata",
    isFlexible,
    body: [isFlexible ? flexibleBody(topics, asksOperations) : oldBody(topics)],
    decode: (reader) => decodeMetadata(reader, isFlexible),
  };
}

function flexibleBody(topics: readonly string[], asksOperations: boolean): Buffer {
  const writer = new RequestWriter();
  writer.compactArrayLength(topics.length);
  for (const topic of topics) writer.zeroUuid().compactString(topic).noTags();
  const allowAutoTopicCreation = false;
  writer.boolean(allowAutoTopicCreation).boolean(asksOperations).noTags();
  return writer.finish();
}

function oldBody(topics: readonly string[]): Buffer {
  const writer = new RequestWriter().int32(topics.length);
  for (const topic of topics) writer.string(topic);
  const allowAutoTopicCreation = false;
  return writer.boolean(allowAutoTopicCreation).finish();
}

function decodeMetadata(
  reader: ResponseReader,
  isFlexible: boolean,
): KafkaResponse<ClusterMetadata> {
  const throttleMs = reader.int32();
  const brokers = reader.array(() => readBroker(reader));
  const clusterId = reader.string();
  const controllerId = reader.int32();
  const topics = reader.array(() => readTopic(reader, isFlexible));
  return { value: { brokers, clusterId, controllerId, topics }, throttleMs };
}

function readBroker(reader: ResponseReader): BrokerAddress {
  const nodeId = reader.int32();
  const host = reader.string() ?? "";
  const port = reader.int32();
  reader.string(); // The rack.
  reader.endOfStructure();
  return { nodeId, host, port };
}

function readTopic(reader: ResponseReader, isFlexible: boolean): TopicMetadata {
  const errorCode = reader.int16();
  const name = reader.string() ?? "";
  const id = isFlexible ? reader.uuid() : undefined;
  reader.boolean(); // Whether the topic is Kafka's own.
  const partitions = reader.array(() => readPartition(reader));
  const operations = isFlexible ? reader.int32() : NO_OPERATIONS;
  reader.endOfStructure();
  return {
    name,
    errorCode,
    id,
    partitions,
    operations: operations === NO_OPERATIONS ? undefined : operations,
  };
}

function readPartition(reader: ResponseReader): PartitionMetadata {
  reader.int16(); // An error that says no more than the leader does.
  const partition = reader.int32();
  const leader = reader.int32();
  reader.int32(); // The leader's epoch.
  for (let list = 0; list < 3; list++) {
    reader.array(() => reader.int32()); // All replicas, those in sync, those offline.
  }
  reader.endOfStructure();
  return { partition, leader };
}
