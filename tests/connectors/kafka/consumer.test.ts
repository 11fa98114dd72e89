import { expect, test } from "bun:test";
import { createServer } from "node:net";
import type { Batch } from "../../../core/connector/mod.ts";
import { createKafkaSource } from "../../../core/connectors/kafka/consumer.ts";
import { SILENT_OBSERVER } from "../../../core/observe/observer.ts";
import { freePort } from "../../services/ports.ts";
import {
  consume,
  consumeAll,
  deleteRecords,
  errorOf,
  event,
  events,
  eventually,
  makeTopic,
  NEVER,
  positionsOf,
  produce,
  RecordingObserver,
  sharedBrokers,
  text,
  transactionalProducer,
  uniqueTopic,
  valuesOf,
  withAdmin,
} from "./support.ts";
import { createTopic } from "../../services/kafka_topic.ts";

test("open() does tell the address and the facts", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers, { partitionsCount: 2 });
  await using source = createKafkaSource({
    brokers: brokers.map((broker) => broker.toUpperCase()),
    topics: [topic],
    follow: false,
    observer: SILENT_OBSERVER,
  });
  const { address, identity } = await source.open(NEVER);
  expect(address).toBe(`kafka://${identity["cluster id"]}/${topic}`);
  expect(identity).toEqual({
    "cluster id": expect.stringMatching(/^[\w-]{22}$/),
    [`topic ${topic} id`]: expect.stringMatching(/^[\w-]{22}$/),
    [`topic ${topic} partition count`]: "2",
  });
});

test("open() does give up within five seconds when nobody listens, or nobody answers", async () => {
  const refused = `127.0.0.1:${await freePort()}`;
  const silent = createServer(() => undefined).listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  const bound = silent.address();
  const mute = `127.0.0.1:${typeof bound === "object" ? bound?.port : ""}`;
  for (const brokers of [[refused], [mute], [refused, mute]]) {
    const startMs = performance.now();
    const options = { brokers, topics: ["t"], follow: false, observer: SILENT_OBSERVER };
    await using source = createKafkaSource(options);
    const error = await errorOf(source.open(NEVER));
    expect(error).toMatchObject({ code: "KAFKA_UNREACHABLE", kind: "unavailable" });
    expect(String(error)).toContain(`Cannot reach Kafka at ${brokers.join(", ")}`);
    expect(performance.now() - startMs).toBeLessThan(5_000);
  }
  silent.close();
}, 20_000);

test("open() does use the broker that answers", async () => {
  const [broker = ""] = await sharedBrokers();
  const refused = `127.0.0.1:${await freePort()}`;
  const topic = await makeTopic([broker]);
  expect(await consume({ brokers: [refused, broker], topics: [topic] })).toEqual([]);
});

test("open() does refuse a topic that is missing, and does not make it", async () => {
  const brokers = await sharedBrokers();
  const topic = uniqueTopic();
  const error = await errorOf(consume({ brokers, topics: [topic] }));
  expect(error).toMatchObject({ code: "KAFKA_TOPIC_NOT_FOUND", kind: "unavailable" });
  expect(String(error)).toContain(topic);
  expect(await withAdmin(brokers, (admin) => admin.listTopics())).not.toContain(topic);
});

test("open() does refuse a name that Kafka does not allow", async () => {
  const brokers = await sharedBrokers();
  const error = await errorOf(consume({ brokers, topics: ["no spaces"] }));
  expect(error).toMatchObject({ code: "KAFKA_TOPIC_INVALID", kind: "usage" });
});

test("ends() does tell the high watermarks, open transactions included", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers, { partitionsCount: 2 });
  const producer = await transactionalProducer(brokers);
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: [{ value: "a" }, { value: "b" }] });
  const options = { brokers, topics: [topic], follow: false, observer: SILENT_OBSERVER };
  await using source = createKafkaSource(options);
  await source.open(NEVER);
  expect(await source.ends()).toEqual(
    new Map([
      [`${topic}/0`, 2n],
      [`${topic}/1`, 0n],
    ]),
  );
  await transaction.abort();
  await producer.disconnect();
});

test("read() does begin with the place of each lane that has no position", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers, { partitionsCount: 2 });
  const options = { brokers, topics: [topic] };
  const placeOf = ({ lane, messages, position, nextSequence }: Batch) => {
    return { lane, messages, position, nextSequence };
  };
  const places = [0, 1].map((partition) => {
    return { lane: `${topic}/${partition}`, messages: [], position: "0", nextSequence: 0n };
  });
  expect((await consumeAll(options)).map(placeOf)).toEqual(places);
  const from = new Map([[`${topic}/0`, "0"]]);
  expect((await consumeAll(options, { from })).map(placeOf)).toEqual(places.slice(1));
});

test("read() does end at once on empty partitions", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers, { partitionsCount: 3 });
  expect(await consume({ brokers, topics: [topic] })).toEqual([]);
});

test("read() does take committed records only and move behind control records", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers);
  const producer = await transactionalProducer(brokers);
  for (const [value, fate] of [
    ["a", "commit"],
    ["b", "abort"],
    ["c", "abort"],
    ["d", "commit"],
    ["e", "abort"],
  ] as const) {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value: `${value}1` }, { value: `${value}2` }] });
    await transaction[fate]();
  }
  await producer.disconnect();
  const batches = await consume({ brokers, topics: [topic] });
  expect(valuesOf(batches)).toEqual(["a1", "a2", "d1", "d2"]);
  // Five transactions of two records and a marker each.
  expect(positionsOf(batches)).toEqual(new Map([[`${topic}/0`, "15"]]));
  expect(batches.at(-1)?.nextSequence).toBe(15n);
  for (let offset = 0; offset <= 15; offset++) {
    const rest = await consume(
      { brokers, topics: [topic] },
      { from: new Map([[`${topic}/0`, `${offset}`]]) },
    );
    const committed = { a1: 0, a2: 1, d1: 9, d2: 10 };
    expect(valuesOf(rest)).toEqual(
      Object.entries(committed).flatMap(([value, at]) => (at >= offset ? [value] : [])),
    );
    expect(positionsOf(rest)).toEqual(offset === 15 ? new Map() : new Map([[`${topic}/0`, "15"]]));
  }
});

test("read() does yield progress without messages", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers);
  const producer = await transactionalProducer(brokers);
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: [{ value: "a" }] });
  await transaction.abort();
  await producer.disconnect();
  const batches = await consume({ brokers, topics: [topic] });
  expect(valuesOf(batches)).toEqual([]);
  expect(positionsOf(batches)).toEqual(new Map([[`${topic}/0`, "2"]]));
});

test("read() does wait for an open transaction, once it is said so", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers);
  const producer = await transactionalProducer(brokers);
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: [{ value: "a" }] });
  const observer = new RecordingObserver();
  const reading = consume({ brokers, topics: [topic], observer });
  await eventually(() => observer.lines.length > 0);
  // Long enough for it to say so a second time.
  await Bun.sleep(1_200);
  expect(observer.lines).toEqual([`Waiting for an open transaction in ${topic}/0`]);
  await transaction.commit();
  // The end is the one of the start: the marker of the commit lies behind it.
  const batches = await reading;
  expect(valuesOf(batches)).toEqual(["a"]);
  expect(positionsOf(batches)).toEqual(new Map([[`${topic}/0`, "1"]]));
  await producer.disconnect();
});

test("read() does give up on a transaction that stays open, and name the partition", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers);
  const producer = await transactionalProducer(brokers);
  await produce({ brokers, topic }, [event(0, { value: Buffer.from("before") })]);
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: [{ value: "a" }] });
  const source = createKafkaSource({
    brokers,
    topics: [topic],
    follow: false,
    observer: SILENT_OBSERVER,
    openTransactionLimitMs: 700,
  });
  await source.open(NEVER);
  const seen: Batch[] = [];
  const read = async (): Promise<void> => {
    for await (const batch of source.read({ from: new Map(), stop: NEVER })) seen.push(batch);
  };
  const error = await errorOf(read());
  expect(error).toMatchObject({ code: "KAFKA_OPEN_TRANSACTION", kind: "unavailable" });
  expect(String(error)).toContain(`${topic}/0`);
  expect(valuesOf(seen)).toEqual(["before"]);
  expect(positionsOf(seen)).toEqual(new Map([[`${topic}/0`, "1"]]));
  await source[Symbol.asyncDispose]();
  await transaction.abort();
  await producer.disconnect();
});

test("read() does not look at what comes after the ends of its start", async () => {
  const brokers = await sharedBrokers();
  const topic = uniqueTopic();
  await produce({ brokers, topic, partitionsCount: 3 }, events(30));
  const options = { brokers, topics: [topic], follow: false, observer: SILENT_OBSERVER };
  await using source = createKafkaSource(options);
  await source.open(NEVER);
  const ends = await source.ends();
  const batches: Batch[] = [];
  for await (const batch of source.read({ from: new Map(), stop: NEVER, maxBatchCount: 3 })) {
    if (batches.length === 0) await produce({ brokers, topic }, events(30));
    batches.push(batch);
  }
  expect(valuesOf(batches)).toHaveLength(30);
  const reached = positionsOf(batches);
  for (const [lane, end] of ends) expect(reached.get(lane) ?? "0").toBe(`${end}`);
});

test("read() does get to the end of a compacted topic", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers, {
    config: {
      "cleanup.policy": "compact",
      "segment.ms": "200",
      "min.cleanable.dirty.ratio": "0.01",
      "max.compaction.lag.ms": "200",
      "delete.retention.ms": "100",
    },
  });
  const key = Buffer.from("one");
  await produce({ brokers, topic }, events(100, { key }));
  await Bun.sleep(300);
  await produce({ brokers, topic }, [event(100, { key, value: null })]);
  await eventually(async () => {
    await Bun.sleep(300);
    await produce({ brokers, topic }, [event(0, { key: Buffer.from("roll") })]);
    return (await consume({ brokers, topics: [topic] })).flatMap((b) => b.messages).length < 50;
  });
  const options = { brokers, topics: [topic], follow: false, observer: SILENT_OBSERVER };
  await using source = createKafkaSource(options);
  await source.open(NEVER);
  const end = (await source.ends()).get(`${topic}/0`);
  const batches = await consume({ brokers, topics: [topic] });
  expect(positionsOf(batches)).toEqual(new Map([[`${topic}/0`, `${end}`]]));
}, 60_000);

test("read() does read several topics, or only some partitions", async () => {
  const brokers = await sharedBrokers();
  const topics = [uniqueTopic(), uniqueTopic()];
  for (const topic of topics) await produce({ brokers, topic, partitionsCount: 2 }, events(20));
  const all = await consume({ brokers, topics });
  expect(new Set(all.map(({ lane }) => lane))).toEqual(
    new Set(topics.flatMap((topic) => [`${topic}/0`, `${topic}/1`])),
  );
  expect(valuesOf(all)).toHaveLength(40);
  const some = await consume({ brokers, topics, partitions: [1] });
  expect(new Set(some.map(({ lane }) => lane))).toEqual(
    new Set(topics.map((topic) => `${topic}/1`)),
  );
  const error = await errorOf(consume({ brokers, topics, partitions: [2] }));
  expect(error).toMatchObject({ code: "KAFKA_PARTITION_NOT_FOUND" });
});

test("read() does keep to its limits, with positions to go on from", async () => {
  const brokers = await sharedBrokers();
  const topic = uniqueTopic();
  await produce({ brokers, topic, partitionsCount: 2 }, events(50));
  const seen: string[] = [];
  let from = new Map<string, string>();
  for (let part = 0; part < 10; part++) {
    const batches = await consume(
      { brokers, topics: [topic] },
      { from, maxEventsCount: 5, maxBatchCount: 2 },
    );
    expect(batches.every(({ messages }) => messages.length <= 2)).toBe(true);
    expect(valuesOf(batches)).toHaveLength(5);
    seen.push(...valuesOf(batches));
    from = new Map([...from, ...positionsOf(batches)]);
  }
  const expected = events(50).map(({ value }) => text(value) ?? "");
  expect(seen.toSorted()).toEqual(expected.toSorted());
});

test("read() does refuse a position that Kafka has deleted, and count the loss", async () => {
  const brokers = await sharedBrokers();
  const topic = uniqueTopic();
  await produce({ brokers, topic, partitionsCount: 1 }, events(10));
  await deleteRecords(brokers, topic, "7");
  const lane = `${topic}/0`;
  const error = await errorOf(
    consume({ brokers, topics: [topic] }, { from: new Map([[lane, "3"]]) }),
  );
  expect(error).toMatchObject({
    code: "KAFKA_OFFSET_OUT_OF_RANGE",
    hint: expect.stringContaining("--from-beginning"),
  });
  expect(String(error)).toContain("4 offsets");
  expect(valuesOf(await consume({ brokers, topics: [topic] }))).toEqual([
    "value 7",
    "value 8",
    "value 9",
  ]);
});

test("read() does refuse a loss that happens while it follows", async () => {
  const brokers = await sharedBrokers();
  const topic = uniqueTopic();
  await produce(
    { brokers, topic, partitionsCount: 1 },
    events(3_000, { value: Buffer.alloc(1_000) }),
  );
  const options = { brokers, topics: [topic], follow: true, observer: SILENT_OBSERVER };
  await using source = createKafkaSource(options);
  await source.open(NEVER);
  const read = async (): Promise<void> => {
    for await (const _ of source.read({ from: new Map(), stop: NEVER, maxBatchCount: 100 })) {
      await deleteRecords(brokers, topic, "3000");
    }
  };
  expect(await errorOf(read())).toMatchObject({ code: "KAFKA_OFFSET_OUT_OF_RANGE" });
});

test("read() does refuse a position beyond the end, or one that is none of ours", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers);
  const lane = `${topic}/0`;
  const beyond = consume({ brokers, topics: [topic] }, { from: new Map([[lane, "1"]]) });
  expect(await errorOf(beyond)).toMatchObject({ code: "KAFKA_POSITION_BEYOND_END" });
  const foreign = consume({ brokers, topics: [topic] }, { from: new Map([[lane, "x"]]) });
  expect(await errorOf(foreign)).toMatchObject({ code: "KAFKA_POSITION_INVALID" });
});

test("read() does follow, and end at once when it is stopped in a long poll", async () => {
  const brokers = await sharedBrokers();
  const topic = uniqueTopic();
  await produce({ brokers, topic }, events(3));
  // The quickest of several, as the machine may be busy: one that waits for the poll never is quick.
  const endsMs: number[] = [];
  for (let round = 0; round < 5 && !endsMs.some((ms) => ms < 100); round++) {
    endsMs.push(await followAndStop(brokers, topic, 3 + round));
  }
  expect(Math.min(...endsMs)).toBeLessThan(100);
});

/** Follows a topic over one more event, stops, and returns how long the end took. */
async function followAndStop(
  brokers: string[],
  topic: string,
  eventsCount: number,
): Promise<number> {
  const options = { brokers, topics: [topic], follow: true, observer: SILENT_OBSERVER };
  const source = createKafkaSource(options);
  await source.open(NEVER);
  const stop = new AbortController();
  const seen: Batch[] = [];
  const reading = (async () => {
    for await (const batch of source.read({ from: new Map(), stop: stop.signal })) seen.push(batch);
  })();
  await eventually(() => valuesOf(seen).length === eventsCount);
  await produce({ brokers, topic }, [event(eventsCount)]);
  await eventually(() => valuesOf(seen).length === eventsCount + 1);
  await Bun.sleep(100);
  const startMs = performance.now();
  stop.abort();
  await reading;
  await source[Symbol.asyncDispose]();
  await source[Symbol.asyncDispose]();
  return performance.now() - startMs;
}

test("a closed source does end its reading", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers);
  const options = { brokers, topics: [topic], follow: true, observer: SILENT_OBSERVER };
  const source = createKafkaSource(options);
  await source.open(NEVER);
  const reading = Array.fromAsync(source.read({ from: new Map(), stop: NEVER }));
  await Bun.sleep(100);
  await source[Symbol.asyncDispose]();
  expect((await reading).flatMap(({ messages }) => messages)).toEqual([]);
});

test("read() does refuse a topic that was made anew while it follows", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers);
  const options = { brokers, topics: [topic], follow: true, observer: SILENT_OBSERVER };
  await using source = createKafkaSource(options);
  await source.open(NEVER);
  const reading = errorOf(Array.fromAsync(source.read({ from: new Map(), stop: NEVER })));
  await Bun.sleep(200);
  await withAdmin(brokers, async (admin) => {
    await admin.deleteTopics({ topics: [topic] });
    await Bun.sleep(500);
    await createTopic(admin, { topic, numPartitions: 1 });
  });
  expect(await reading).toMatchObject({
    code: "KAFKA_TOPIC_CHANGED",
    hint: expect.stringContaining("replay --again"),
  });
}, 20_000);

test("a process does end by itself once source and sink are closed", async () => {
  const brokers = await sharedBrokers();
  const topic = uniqueTopic();
  const script = `
    const { consume, produce, event } = await import(${JSON.stringify(`${import.meta.dir}/support.ts`)});
    const brokers = ${JSON.stringify(brokers)};
    await produce({ brokers, topic: "${topic}" }, [event(0)]);
    await consume({ brokers, topics: ["${topic}"] });
    console.log(Date.now());
  `;
  const child = Bun.spawn([process.execPath, "-e", script], { stdio: ["ignore", "pipe", "pipe"] });
  const closedMs = Number(await new Response(child.stdout).text());
  expect(await child.exited).toBe(0);
  expect(Date.now() - closedMs).toBeLessThan(500);
  // Neither kafkajs's log nor its warnings about timers.
  expect(await new Response(child.stderr).text()).toBe("");
});
