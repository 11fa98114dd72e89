import { ConfigResourceTypes } from "kafkajs";
import { expect, test } from "bun:test";
import { partitionOfKey } from "../../../core/connectors/kafka/partitioner.ts";
import { createKafkaSink } from "../../../core/connectors/kafka/producer.ts";
import { SILENT_OBSERVER } from "../../../core/observe/observer.ts";
import { freePort } from "../../services/ports.ts";
import {
  batchOf,
  consume,
  errorOf,
  packLines,
  event,
  events,
  makeTopic,
  NEVER,
  openSink,
  produce,
  sharedBrokers,
  text,
  uniqueTopic,
  valuesOf,
  withAdmin,
} from "./support.ts";

const OPEN_OPTIONS = {
  stream: { address: "memory:source", identity: {} },
  resume: undefined,
  fromBeginning: false,
  signal: NEVER,
};

test("open() does make the topic for lines of 16 MiB that stay", async () => {
  const brokers = await sharedBrokers();
  const topic = uniqueTopic();
  const sink = createKafkaSink({
    brokers,
    topic,
    partitionsCount: 5,
    compression: "none",
    observer: SILENT_OBSERVER,
    topicConfig: { "segment.ms": "12345" },
  });
  const address = await sink.address(OPEN_OPTIONS.signal);
  expect(address).toMatch(new RegExp(`^kafka://[\\w-]{22}/${topic}$`));
  expect(await sink.open(OPEN_OPTIONS)).toEqual({
    identity: {
      "cluster id": expect.stringMatching(/^[\w-]{22}$/),
      [`topic ${topic} id`]: expect.stringMatching(/^[\w-]{22}$/),
      [`topic ${topic} partition count`]: "5",
    },
    label: expect.stringContaining(`/${topic}`),
    state: "at-least-once",
  });
  await sink[Symbol.asyncDispose]();
  expect(await configOf(brokers, topic)).toMatchObject({
    "retention.ms": "-1",
    "max.message.bytes": `${16 * 1024 * 1024 + 64 * 1024}`,
    "segment.ms": "12345",
  });
});

test("open() does take a topic as it is", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers, { partitionsCount: 2 });
  await produce({ brokers, topic, partitionsCount: 7 }, events(10));
  expect(valuesOf(await consume({ brokers, topics: [topic] }))).toHaveLength(10);
});

test("open() does not make a topic that should be there", async () => {
  const brokers = await sharedBrokers();
  const topic = uniqueTopic();
  await using sink = createKafkaSink({
    brokers,
    topic,
    partitionsCount: undefined,
    compression: "none",
    observer: SILENT_OBSERVER,
  });
  const resume = { identity: {}, state: undefined };
  const error = await errorOf(sink.open({ ...OPEN_OPTIONS, resume }));
  expect(error).toMatchObject({ code: "KAFKA_TOPIC_NOT_FOUND" });
  expect(await withAdmin(brokers, (admin) => admin.listTopics())).not.toContain(topic);
});

test("open() does say what keeps it from making the topic", async () => {
  const brokers = await sharedBrokers();
  const topicConfig = { "no.such.setting": "1" };
  const invalid = openSink({ brokers, topic: uniqueTopic(), topicConfig });
  expect(await errorOf(invalid)).toMatchObject({ code: "KAFKA_TOPIC_NOT_CREATED" });
  const misnamed = openSink({ brokers, topic: "no spaces" });
  expect(await errorOf(misnamed)).toMatchObject({ code: "KAFKA_TOPIC_INVALID" });
});

test("open() does give up within five seconds when nobody listens", async () => {
  const startMs = performance.now();
  const error = await errorOf(openSink({ brokers: [`127.0.0.1:${await freePort()}`], topic: "t" }));
  expect(error).toMatchObject({ code: "KAFKA_UNREACHABLE" });
  expect(performance.now() - startMs).toBeLessThan(5_000);
});

test("write() does reject what is too large of messages that lie in one block", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers, {
    partitionsCount: 3,
    config: { "max.message.bytes": "2000" },
  });
  await using sink = await openSink({ brokers, topic });
  const lines = Array.from({ length: 200 }, (_, index) => {
    const value = index % 50 === 20 ? "x".repeat(3_000) : `value ${index}`;
    return { key: `key ${index}`, value, isApart: index % 7 === 0 };
  });
  const packed = packLines(lines, 1_000);
  const batch = batchOf(packed.messages());
  const report = await sink.write({ ...batch, messages: [], packed }, NEVER);
  expect(report).toMatchObject({ written: 196, deleted: 0, skipped: {} });
  expect(report.rejections).toEqual(
    [20, 70, 120, 170].map((index) => ({
      sequence: packed.message(index).sequence,
      line: index + 1,
      key: `key ${index}`,
      code: "KAFKA_RECORD_TOO_LARGE",
      reason: expect.stringContaining("max.message.bytes"),
    })),
  );
  const found = (await consume({ brokers, topics: [topic] })).flatMap(({ messages }) => messages);
  const delivered = lines.filter(({ value }) => value.length < 3_000);
  const sent = delivered.map(({ key, value }) => `${key}=${value}`);
  expect(found.map(({ key, value }) => `${text(key)}=${text(value)}`).toSorted()).toEqual(
    sent.toSorted(),
  );
  for (const { key, origin } of found) {
    expect(origin?.partition).toBe(partitionOfKey(key ?? new Uint8Array(), 3));
  }
});

test("write() does reject what is too large and deliver its neighbours in order", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers, { config: { "max.message.bytes": "2000" } });
  await using sink = await openSink({ brokers, topic });
  const large = { key: Buffer.from("large"), value: Buffer.alloc(3_000, "x") };
  const messages = Array.from({ length: 200 }, (_, index) =>
    event(index, index % 50 === 20 ? { ...large, line: index + 1 } : {}),
  );
  const report = await sink.write(batchOf(messages), NEVER);
  expect(report).toMatchObject({ written: 196, deleted: 0, skipped: {} });
  expect(report.rejections).toEqual(
    [20, 70, 120, 170].map((index) => ({
      sequence: BigInt(index),
      line: index + 1,
      key: "large",
      code: "KAFKA_RECORD_TOO_LARGE",
      reason: `larger than topic ${topic} takes (max.message.bytes)`,
    })),
  );
  expect(await sink.write(batchOf([event(200)]), NEVER)).toMatchObject({ written: 1 });
  const expected = events(201).filter((_, index) => index % 50 !== 20 || index === 200);
  expect(valuesOf(await consume({ brokers, topics: [topic] }))).toEqual(
    expected.map(({ value }) => text(value) ?? ""),
  );
});

test("write() does reject a record without a key in a compacted topic", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers, { config: { "cleanup.policy": "compact" } });
  await using sink = await openSink({ brokers, topic });
  const messages = Array.from({ length: 9 }, (_, index) =>
    event(index, index === 4 ? { key: null } : {}),
  );
  const report = await sink.write(batchOf(messages), NEVER);
  expect(report.written).toBe(8);
  expect(report.rejections).toMatchObject([{ sequence: 4n, code: "KAFKA_RECORD_INVALID" }]);
  expect(valuesOf(await consume({ brokers, topics: [topic] }))).toHaveLength(8);
});

test("write() does carry a record of 16 MiB", async () => {
  const brokers = await sharedBrokers();
  const topic = uniqueTopic();
  const value = Buffer.alloc(16 * 1024 * 1024, "x");
  await produce({ brokers, topic }, [event(0), event(1, { value }), event(2)]);
  const sizes = (await consume({ brokers, topics: [topic] }))
    .flatMap(({ messages }) => messages)
    .map((message) => message.value?.length ?? 0);
  expect(sizes.toSorted((a, b) => a - b)).toEqual([7, 7, value.length]);
});

test("write() does keep the partition that a message comes from", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers, { partitionsCount: 3 });
  const origin = { topic: "elsewhere", partition: 2 };
  await produce({ brokers, topic }, events(5, { origin }));
  const batches = await consume({ brokers, topics: [topic] });
  expect(new Set(batches.map(({ lane }) => lane))).toEqual(new Set([`${topic}/2`]));
  const lost = { topic: "elsewhere", partition: 3 };
  const error = await errorOf(produce({ brokers, topic }, [event(0), event(1, { origin: lost })]));
  expect(error).toMatchObject({
    code: "KAFKA_PARTITION_NOT_FOUND",
    kind: "unavailable",
    hint: expect.stringContaining("--partitions 4"),
  });
  expect(valuesOf(await consume({ brokers, topics: [topic] }))).toHaveLength(5);
});

test("write() does spread messages without a key, batch by batch", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers, { partitionsCount: 3 });
  await using sink = await openSink({ brokers, topic });
  for (let number = 0; number < 3; number++) {
    await sink.write(batchOf(events(4, { key: null })), NEVER);
  }
  const batches = await consume({ brokers, topics: [topic] });
  const counts = batches.map(({ lane, messages }) => `${lane} ${messages.length}`);
  expect(counts.toSorted()).toEqual([0, 1, 2].map((partition) => `${topic}/${partition} 4`));
});

test("write() does refuse old records where the topic would delete them, before sending", async () => {
  const brokers = await sharedBrokers();
  const old = event(1, { timestampMs: Date.now() - 3_600_000 });
  const short = { "retention.ms": "1800000" };
  const topic = await makeTopic(brokers, { config: short });
  expect(await errorOf(produce({ brokers, topic }, [event(0), old]))).toMatchObject({
    code: "KAFKA_RETENTION_TOO_SHORT",
    kind: "unavailable",
    hint: expect.stringContaining("retention.ms=-1"),
  });
  expect(await consume({ brokers, topics: [topic] })).toEqual([]);
  await produce({ brokers, topic }, [event(0), event(1, { timestampMs: Date.now() - 1_000_000 })]);

  for (const config of [
    { ...short, "cleanup.policy": "compact" },
    { ...short, "message.timestamp.type": "LogAppendTime" },
    { "retention.ms": "-1" },
  ]) {
    const other = await makeTopic(brokers, { config });
    await produce({ brokers, topic: other }, [old]);
    expect(valuesOf(await consume({ brokers, topics: [other] }))).toEqual(["value 1"]);
  }
});

test("write() does refuse to work on a closed sink", async () => {
  const brokers = await sharedBrokers();
  const sink = await openSink({ brokers, topic: uniqueTopic() });
  const startMs = performance.now();
  await sink[Symbol.asyncDispose]();
  await sink[Symbol.asyncDispose]();
  expect(performance.now() - startMs).toBeLessThan(100);
  const error = await errorOf(sink.write(batchOf(events(1)), NEVER));
  expect(error).toMatchObject({ code: "KAFKA_WRITE_ENDED" });
});

async function configOf(
  brokers: string[],
  topic: string,
): Promise<Record<string, string | undefined>> {
  const { resources } = await withAdmin(brokers, (admin) =>
    admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
    }),
  );
  const entries = resources.flatMap(({ configEntries }) => configEntries);
  return Object.fromEntries(
    entries.map(({ configName, configValue }) => [configName, configValue]),
  );
}
