import { createKafkaSource } from "../../core/connectors/kafka/consumer.ts";
import { createGroupSource } from "../../core/connectors/kafka/group_source.ts";
import { createKafkaSink } from "../../core/connectors/kafka/producer.ts";
import { SILENT_OBSERVER } from "../../core/observe/observer.ts";
import { uniqueName } from "../e2e/konn.ts";
import { readTopic, seedTopic, type TopicRecord } from "../e2e/topic_reader.ts";
import { batchOf } from "../fakes/memory_source.ts";
import { sharedServices } from "../services/mod.ts";
import { type Seed, seedMessage, seedName } from "./seed.ts";
import { sharedSourceContract } from "./shared_source_contract.ts";
import { sinkContract } from "./sink_contract.ts";
import { sourceContract } from "./source_contract.ts";

const NEVER = new AbortController().signal;

sourceContract("kafka", {
  resumable: true,
  seed: async (events) => {
    const topic = uniqueName("contract");
    const brokers = await brokerList();
    await fill(topic, brokers, events);
    return {
      source: ({ follow }) =>
        createKafkaSource({ brokers, topics: [topic], follow, observer: SILENT_OBSERVER }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  },
});

const groupSource = (topic: string, brokers: string[]) => (options: { follow: boolean }) =>
  createGroupSource({
    ...options,
    brokers,
    topics: [topic],
    group: topic,
    observer: SILENT_OBSERVER,
  });

// What decides where it goes on is in Kafka, and not what it is told.
sourceContract("kafka, as a group", {
  resumable: false,
  seed: async (events) => {
    const topic = uniqueName("contract");
    const brokers = await brokerList();
    await fill(topic, brokers, events);
    return {
      source: groupSource(topic, brokers),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  },
});

sharedSourceContract("kafka, as a group", {
  seed: async (events) => {
    const topic = uniqueName("contract");
    const records = events.map(({ key, value }, at) => ({ key, value, partition: at % 2 }));
    await seedTopic(topic, records, 2);
    return {
      source: groupSource(topic, await brokerList()),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  },
});

const SINK = {
  resumable: true,
  tombstone: "removes",
  undeliverable: (sequence: bigint) =>
    seedMessage({ key: "k", value: "x".repeat(20 * 1024 * 1024) }, sequence),
  place: async () => {
    const topic = uniqueName("contract");
    const brokers = await brokerList();
    return {
      sink: () => kafkaSink(topic, brokers, 3),
      contents: async () => lastNames(await readTopic(topic)),
      entriesCount: async () => (await readTopic(topic)).length,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  },
} as const;

sinkContract("kafka, at least once", { ...SINK, writtenAgain: "twice" });
sinkContract("kafka, exactly once", { ...SINK, writtenAgain: "once", streamId: uniqueName("s") });

/** The last name of each key in records. */
function lastNames(records: readonly TopicRecord[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const { key, value } of records) {
    if (value === null) names.delete(key?.toString() ?? "");
    else names.set(key?.toString() ?? "", seedName(value));
  }
  return names;
}

/** Makes a topic of one partition, so of one lane, that holds the events. */
async function fill(topic: string, brokers: string[], events: readonly Seed[]): Promise<void> {
  await using sink = kafkaSink(topic, brokers, 1);
  const stream = { address: "memory:source", identity: {} };
  await sink.open({ stream, resume: undefined, fromBeginning: false, signal: NEVER });
  const messages = events.map((event, at) => seedMessage(event, BigInt(at)));
  if (messages.length > 0) await sink.write(batchOf("lane", messages, "end"), NEVER);
}

function kafkaSink(topic: string, brokers: string[], partitionsCount: number) {
  const compression = "none";
  return createKafkaSink({
    brokers,
    topic,
    partitionsCount,
    compression,
    observer: SILENT_OBSERVER,
  });
}

async function brokerList(): Promise<string[]> {
  return (await sharedServices()).kafka.brokers.split(",");
}
