import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Batch, Message } from "../../../core/connector/mod.ts";
import { createKafkaSource } from "../../../core/connectors/kafka/consumer.ts";
import { createKafkaSink } from "../../../core/connectors/kafka/producer.ts";
import { type KafkaService, startKafka, TcpProxy } from "../../services/mod.ts";
import { freePort } from "../../services/ports.ts";
import {
  batchOf,
  consume,
  errorOf,
  event,
  events,
  eventually,
  NEVER,
  openSink,
  produce,
  RecordingObserver,
  text,
  uniqueTopic,
  valuesOf,
} from "./support.ts";

/** A Kafka of our own, which tells its clients to come through the proxy. */
let kafka: KafkaService;
let proxy: TcpProxy;
let brokers: string[];
let kafkaPort: number;

beforeAll(async () => {
  kafkaPort = await freePort();
  proxy = await TcpProxy.start({ upstreamPort: kafkaPort });
  brokers = [proxy.address];
  const settings = { "advertised.listeners": `PLAINTEXT://${brokers.join(",")}` };
  kafka = await startKafka({ port: kafkaPort, settings });
}, 120_000);

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await kafka.stop();
});

test("write() does deliver each message once, in order, over cut connections", async () => {
  const topic = uniqueTopic();
  const observer = new RecordingObserver();
  await using sink = await openSink({ brokers, topic, partitionsCount: 3, observer });
  const cuts = setInterval(() => proxy.cut(), 40);
  const cutsBefore = proxy.cutsCount;
  let count = 0;
  const writes: Promise<unknown>[] = [];
  // How many cuts meet a connection in a second depends on what else the machine does.
  const hasSuffered = (): boolean => proxy.cutsCount - cutsBefore > 20 && observer.retriesCount > 5;
  for (const endMs = Date.now() + 40_000; !hasSuffered() && Date.now() < endMs; count += 300) {
    writes.push(sink.write(batchOf(numbered(300, count, "x".repeat(2_000))), NEVER));
    if (writes.length > 4) await writes.shift();
  }
  clearInterval(cuts);
  await Promise.all(writes);
  expect(hasSuffered()).toBe(true);
  await expectEachOnceInOrder(topic, count);
}, 60_000);

test.each(["an abort", "a close"])(
  "write() does end at %s while it waits for the coordinator of transactions",
  async (how) => {
    const topic = uniqueTopic();
    const sink = createKafkaSink({
      brokers,
      topic,
      partitionsCount: 1,
      compression: "none",
      observer: new RecordingObserver(),
      positionsTopic: `positions-${topic}`,
    });
    const stream = { address: "memory:source", identity: {}, streamId: topic };
    await sink.open({ stream, resume: undefined, fromBeginning: false, signal: NEVER });
    const stop = new AbortController();
    proxy.pause();
    try {
      const writing = errorOf(sink.write(batchOf(events(1)), stop.signal));
      await Bun.sleep(300);
      const startedMs = performance.now();
      if (how === "an abort") stop.abort();
      else void sink[Symbol.asyncDispose]();
      expect(await writing).toMatchObject({ code: "KAFKA_WRITE_ENDED" });
      expect(performance.now() - startedMs).toBeLessThan(1_000);
      await sink[Symbol.asyncDispose]();
      expect(performance.now() - startedMs).toBeLessThan(6_000);
    } finally {
      proxy.resume();
    }
  },
  60_000,
);

test("read() does go on over cut connections, and says so once a change", async () => {
  const topic = uniqueTopic();
  const count = 20_000;
  await produce({ brokers, topic }, events(count, { value: Buffer.alloc(1_000, "x") }));
  const observer = new RecordingObserver();
  await using source = createKafkaSource({ brokers, topics: [topic], follow: false, observer });
  await source.open(NEVER);
  const cuts = setInterval(() => proxy.cut(), 30);
  const batches = await Array.fromAsync(source.read({ from: new Map(), stop: NEVER })).finally(() =>
    clearInterval(cuts),
  );
  const keys = batches.flatMap(({ messages }) => messages.map(({ key }) => text(key)));
  expect(keys).toHaveLength(count);
  expect(new Set(keys).size).toBe(count);
  const said = new Set(observer.lines.map((line) => line.replace(/\/\d/, "")));
  for (const line of said) {
    expect([
      `Lost the leader of ${topic}, looking for it`,
      "All partitions have a leader again",
    ]).toContain(line);
  }
}, 60_000);

test("write() and read() do outlive a broker that was killed", async () => {
  const topic = uniqueTopic();
  const observer = new RecordingObserver();
  await using sink = await openSink({ brokers, topic, partitionsCount: 3 });
  const options = { brokers, topics: [topic], follow: true, observer };
  await using source = createKafkaSource(options);
  await source.open(NEVER);
  const stop = new AbortController();
  const seen: Batch[] = [];
  const reading = (async () => {
    for await (const batch of source.read({ from: new Map(), stop: stop.signal })) seen.push(batch);
  })();
  let count = 0;
  const writeSome = async (): Promise<void> => {
    await sink.write(batchOf(numbered(100, count)), NEVER);
    count += 100;
  };
  for (let round = 0; round < 10; round++) await writeSome();
  const restarting = (async () => {
    await kafka.kill();
    await kafka.restart();
  })();
  for (let round = 0; round < 10; round++) await writeSome();
  await restarting;
  await eventually(() => valuesOf(seen).length >= count);
  stop.abort();
  await reading;
  expect(valuesOf(seen)).toHaveLength(count);
  await expectEachOnceInOrder(topic, count);
  expect(observer.lines).toEqual([
    expect.stringMatching(/^Lost the leader of .*, looking for it$/),
    "All partitions have a leader again",
  ]);
}, 60_000);

test("write() does give up when its time is over", async () => {
  const topic = uniqueTopic();
  await using sink = await openSink({ brokers, topic, deliveryLimitMs: 1_000 });
  await sink.write(batchOf(events(3)), NEVER);
  await kafka.kill();
  try {
    const error = await errorOf(sink.write(batchOf(events(3)), NEVER));
    expect(error).toMatchObject({ code: "KAFKA_DELIVERY_TIMEOUT", kind: "unavailable" });
    expect(String(error)).toContain(topic);
  } finally {
    await kafka.restart();
  }
}, 60_000);

test("read() does give up when a partition was out of reach for too long", async () => {
  const topic = uniqueTopic();
  await produce({ brokers, topic }, events(3));
  const observer = new RecordingObserver();
  const options = { brokers, topics: [topic], follow: true, observer, outageLimitMs: 1_000 };
  await using source = createKafkaSource(options);
  await source.open(NEVER);
  const reading = errorOf(Array.fromAsync(source.read({ from: new Map(), stop: NEVER })));
  await Bun.sleep(200);
  await kafka.kill();
  try {
    const error = await reading;
    expect(error).toMatchObject({ code: "KAFKA_UNREACHABLE", kind: "unavailable" });
    expect(String(error)).toContain(topic);
  } finally {
    await kafka.restart();
  }
}, 60_000);

test("open() does say when the brokers lead on to an address that is out of reach", async () => {
  const topic = uniqueTopic();
  await produce({ brokers, topic }, events(1));
  // The broker itself still listens, and still advertises the proxy.
  await proxy[Symbol.asyncDispose]();
  const startMs = performance.now();
  const error = await errorOf(consume({ brokers: [`127.0.0.1:${kafkaPort}`], topics: [topic] }));
  expect(error).toMatchObject({
    code: "KAFKA_UNREACHABLE",
    hint: expect.stringContaining("advertised.listeners"),
  });
  expect(String(error)).toContain(brokers.join(","));
  expect(performance.now() - startMs).toBeLessThan(5_000);
}, 20_000);

/** Numbered from 0 on; the number stands at the beginning of the value. */
function numbered(count: number, first: number, padding = ""): Message[] {
  return Array.from({ length: count }, (_, index) =>
    event(first + index, {
      key: Buffer.from(`${(first + index) % 50}`),
      value: Buffer.from(`${first + index} ${padding}`),
    }),
  );
}

/** They were written in the order of their numbers, so these rise in every partition. */
async function expectEachOnceInOrder(topic: string, count: number): Promise<void> {
  const batches = await consume({ brokers, topics: [topic] });
  const numbers = new Map<string, number[]>();
  for (const { lane, messages } of batches) {
    const own = numbers.get(lane) ?? [];
    own.push(...messages.map(({ value }) => Number.parseInt(text(value) ?? "", 10)));
    numbers.set(lane, own);
  }
  for (const own of numbers.values()) expect(own).toEqual(own.toSorted((a, b) => a - b));
  const all = [...numbers.values()].flat();
  expect(all).toHaveLength(count);
  expect(new Set(all).size).toBe(count);
}
