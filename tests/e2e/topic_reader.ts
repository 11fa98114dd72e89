import { Kafka, KafkaJSError, logLevel, Partitioners } from "kafkajs";
import { sharedServices } from "../services/mod.ts";
import { createTopic } from "../services/kafka_topic.ts";

/**
 * An independent look at topics: kafkajs's own producer and consumer, none of konn's code.
 */

export interface TopicRecord {
  readonly partition: number;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly timestamp: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

export async function kafkaClient(): Promise<Kafka> {
  const { kafka } = await sharedServices();
  return new Kafka({ brokers: kafka.brokers.split(","), logLevel: logLevel.NOTHING });
}

/** Offsets do not tell how many records there are, so the end is where fetches bring nothing more. */
const IDLE_FETCHES_COUNT = 4;

/**
 * Every committed record of a topic, partition by partition in offset order.
 *
 * @param kafka where it is; the tests' shared Kafka if not given
 */
export async function readTopic(topic: string, kafka?: Kafka): Promise<TopicRecord[]> {
  const client = kafka ?? (await kafkaClient());
  const admin = client.admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  const records: TopicRecord[] = [];
  if (offsets.every(({ high, low }) => high === low)) return records;
  const groupId = `reader-${crypto.randomUUID()}`;
  const consumer = client.consumer({ groupId, readUncommitted: false, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const { promise, resolve } = Promise.withResolvers<void>();
  let idleFetchesCount = 0;
  consumer.on(consumer.events.FETCH, () => {
    idleFetchesCount += 1;
    if (idleFetchesCount >= IDLE_FETCHES_COUNT) resolve();
  });
  await consumer.run({
    eachMessage: ({ partition, message }) => {
      idleFetchesCount = 0;
      const { offset, key, value, timestamp, headers = {} } = message;
      records.push({ partition, offset, key, value, timestamp, headers });
      return Promise.resolve();
    },
  });
  await promise;
  await consumer.disconnect();
  return records.toSorted(
    (a, b) => a.partition - b.partition || Number(BigInt(a.offset) - BigInt(b.offset)),
  );
}

/** Offsets that were given out in all partitions; 0 for a topic that is not there. */
export async function lengthOfTopic(topic: string): Promise<number> {
  const admin = (await kafkaClient()).admin({ retry: { retries: 0 } });
  await admin.connect();
  try {
    const offsets = await admin.fetchTopicOffsets(topic);
    return offsets.reduce((sum, { high }) => sum + Number(high), 0);
  } catch (error) {
    if (error instanceof KafkaJSError) return 0;
    throw error;
  } finally {
    await admin.disconnect();
  }
}

export interface NewRecord {
  readonly key: string | null;
  readonly value: string | null;
  readonly partition?: number;
  readonly timestamp?: string;
  readonly headers?: Record<string, string>;
}

/** Makes a topic and puts records in it. */
export async function seedTopic(
  topic: string,
  records: readonly NewRecord[],
  partitionsCount = 3,
): Promise<void> {
  const client = await kafkaClient();
  const admin = client.admin();
  await admin.connect();
  const configEntries = [{ name: "retention.ms", value: "-1" }];
  await createTopic(admin, { topic, numPartitions: partitionsCount, configEntries });
  await admin.disconnect();
  const producer = client.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    idempotent: true,
  });
  await producer.connect();
  await producer.send({ topic, messages: [...records] });
  await producer.disconnect();
}

/** The values of each partition as lines, and so comparable with the lines of a file. */
export function linesByPartition(records: readonly TopicRecord[]): Map<number, string[]> {
  return Map.groupBy(records, ({ partition }) => partition)
    .entries()
    .reduce(
      (lines, [partition, list]) =>
        lines.set(
          partition,
          list.map(({ value }) => value?.toString() ?? "null"),
        ),
      new Map<number, string[]>(),
    );
}
