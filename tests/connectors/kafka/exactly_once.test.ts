import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} from "kafkajs";
import type { LanePosition, Sink, SinkOpening, SinkResume } from "../../../core/connector/mod.ts";
import { createKafkaSink, type KafkaSinkOptions } from "../../../core/connectors/kafka/producer.ts";
import { SILENT_OBSERVER } from "../../../core/observe/observer.ts";
import { type KafkaService, startKafka } from "../../services/mod.ts";
import {
  batchOf,
  consume,
  errorOf,
  eventually,
  events,
  makeTopic,
  NEVER,
  RecordingObserver,
  sharedBrokers,
  uniqueTopic,
  valuesOf,
  withAdmin,
} from "./support.ts";
import { createTopic } from "../../services/kafka_topic.ts";

const LANE = "lane";
const POSITIONS_TOPIC = "test-positions";

interface Place {
  readonly topic: string;
  readonly brokers: string[];
  readonly streamId: string;
}

async function makePlace(): Promise<Place> {
  const brokers = await sharedBrokers();
  return {
    topic: await makeTopic(brokers, { partitionsCount: 3 }),
    brokers,
    streamId: uniqueTopic(),
  };
}

async function makePlaceNamed(topic: string): Promise<Place> {
  const brokers = await sharedBrokers();
  await withAdmin(brokers, (admin) => createTopic(admin, { topic, numPartitions: 3 }));
  return { topic, brokers, streamId: uniqueTopic() };
}

function sinkOf({ topic, brokers }: Place, options: Partial<KafkaSinkOptions> = {}): Sink {
  return createKafkaSink({
    brokers,
    topic,
    partitionsCount: 3,
    compression: "none",
    observer: SILENT_OBSERVER,
    positionsTopic: POSITIONS_TOPIC,
    ...options,
  });
}

function open(
  sink: Sink,
  { streamId }: Place,
  options: { resume?: SinkResume; fromBeginning?: boolean; source?: string } = {},
): Promise<SinkOpening> {
  const { resume, fromBeginning = false, source = "a" } = options;
  const stream = { address: "memory:source", identity: { id: source }, streamId };
  return sink.open({ stream, resume, fromBeginning, signal: NEVER });
}

function at(count: number): Map<string, LanePosition> {
  return new Map([[LANE, { position: `${count}`, nextSequence: BigInt(count) }]]);
}

async function countIn({ topic, brokers }: Place): Promise<number> {
  return valuesOf(await consume({ brokers, topics: [topic] })).length;
}

/** A run that writes and commits, and ends. */
async function deliver(place: Place, count: number, options: Partial<KafkaSinkOptions> = {}) {
  await using sink = sinkOf(place, options);
  const opening = await open(sink, place);
  await sink.write(batchOf(events(count)), NEVER);
  await sink.commit?.(at(count));
  return opening;
}

test("commit() does make records and positions appear together, and nothing before", async () => {
  const place = await makePlace();
  await using sink = sinkOf(place);
  expect((await open(sink, place)).positions).toEqual(new Map());
  await sink.write(batchOf(events(100)), NEVER);
  await using other = sinkOf({ ...place, streamId: uniqueTopic() });
  await open(other, { ...place, streamId: uniqueTopic() });
  const { topic, brokers } = place;
  const early = consume({ brokers, topics: [topic], openTransactionLimitMs: 200 });
  expect(await errorOf(early)).toMatchObject({ code: "KAFKA_OPEN_TRANSACTION" });
  await sink.commit?.(at(100));
  expect(await countIn(place)).toBe(100);
  await sink.write(batchOf(events(50)), NEVER);
  await sink.commit?.(at(150));
  expect(await countIn(place)).toBe(150);
  await using next = sinkOf(place);
  expect((await open(next, place)).positions).toEqual(at(150));
});

test("open() does give up what an earlier sink wrote and did not commit", async () => {
  const place = await makePlace();
  const opening = await deliver(place, 10);
  expect(opening.state).toBe("exactly-once");
  // It is never closed, as if it had been killed.
  const killed = sinkOf(place);
  await open(killed, place);
  await killed.write(batchOf(events(20)), NEVER);
  await using next = sinkOf(place);
  expect((await open(next, place)).positions).toEqual(at(10));
  expect(await countIn(place)).toBe(10);
  // The one that comes later is the one that counts.
  const error = await errorOf(Promise.resolve(killed.commit?.(at(30))));
  expect(error).toMatchObject({ code: "KAFKA_PRODUCER_FENCED", kind: "unavailable" });
  await killed[Symbol.asyncDispose]();
  await next.write(batchOf(events(5)), NEVER);
  await next.commit?.(at(15));
  expect(await countIn(place)).toBe(15);
});

test("write() does say that another one has taken over", async () => {
  const place = await makePlace();
  await using first = sinkOf(place);
  await open(first, place);
  await first.write(batchOf(events(3)), NEVER);
  await using second = sinkOf(place);
  await open(second, place);
  const error = await errorOf(first.write(batchOf(events(3)), NEVER));
  expect(error).toMatchObject({ code: "KAFKA_PRODUCER_FENCED" });
  expect(String(error)).toContain("Cannot ");
});

test("dispose does abort an open transaction, so that readers need not wait", async () => {
  const place = await makePlace();
  const sink = sinkOf(place);
  await open(sink, place);
  await sink.write(batchOf(events(10)), NEVER);
  await sink[Symbol.asyncDispose]();
  const startedMs = performance.now();
  expect(await countIn(place)).toBe(0);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});

test("a stream has positions of its own in each topic", async () => {
  const place = await makePlace();
  await deliver(place, 10);
  const elsewhere = { ...(await makePlace()), streamId: place.streamId };
  expect((await deliver(elsewhere, 5)).positions).toEqual(new Map());
  await using again = sinkOf(place);
  expect((await open(again, place)).positions).toEqual(at(10));
});

test("a run from the beginning forgets the positions at once, even if it does nothing more", async () => {
  const place = await makePlace();
  await deliver(place, 10);
  {
    await using sink = sinkOf(place);
    expect((await open(sink, place, { fromBeginning: true })).positions).toEqual(new Map());
  }
  await using next = sinkOf(place);
  expect((await open(next, place)).positions).toEqual(new Map());
});

test("open() does refuse a checkpoint that is ahead of Kafka", async () => {
  const place = await makePlace();
  const { identity, state } = await deliver(place, 10);
  await using sink = sinkOf(place);
  const resume = { identity, state, positions: at(11) };
  const error = await errorOf(open(sink, place, { resume }));
  expect(error).toMatchObject({ code: "KAFKA_POSITIONS_LOST", kind: "unavailable" });
  await using behind = sinkOf(place);
  const opening = await open(behind, place, { resume: { identity, state, positions: at(9) } });
  expect(opening.positions).toEqual(at(10));
});

test("open() does refuse to keep positions in the topic itself, and warns where they expire", async () => {
  const place = await makePlace();
  await using same = sinkOf(place, { positionsTopic: place.topic });
  expect(await errorOf(open(same, place))).toMatchObject({ code: "KAFKA_POSITIONS_TOPIC" });
  const observer = new RecordingObserver();
  const positionsTopic = await makeTopic(place.brokers, { config: { "retention.ms": "60000" } });
  await using forgetful = sinkOf(place, { positionsTopic, observer });
  await open(forgetful, place);
  expect(observer.lines.join()).toContain(`${positionsTopic} forgets positions`);
  const silent = new RecordingObserver();
  await using lasting = sinkOf(place, { observer: silent });
  await open(lasting, place);
  expect(silent.lines.join()).not.toContain("forgets");
});

test("open() does go by Kafka when a run from the beginning ended before it saved its checkpoint", async () => {
  const place = await makePlace();
  const { identity, state } = await deliver(place, 10);
  {
    await using anew = sinkOf(place);
    await open(anew, place, { fromBeginning: true });
  }
  const resume = { identity, state, positions: at(10) };
  {
    await using next = sinkOf(place);
    expect((await open(next, place, { resume })).positions).toEqual(new Map());
    await next.commit?.(at(4));
  }
  // From here on a checkpoint that is ahead means again that something was lost.
  await using last = sinkOf(place);
  expect(await errorOf(open(last, place, { resume }))).toMatchObject({
    code: "KAFKA_POSITIONS_LOST",
    hint: expect.stringContaining("--state-dir"),
  });
});

test("open() does go on from the checkpoint of runs without transactions", async () => {
  const place = await makePlace();
  await using sink = sinkOf(place, { delivery: "at-least-once" });
  const { identity, state, positions } = await open(sink, place);
  expect([state, positions]).toEqual(["at-least-once", undefined]);
  await sink.write(batchOf(events(7)), NEVER);
  await using next = sinkOf(place);
  const resume = { identity, state, positions: at(7) };
  expect((await open(next, place, { resume })).positions).toEqual(at(7));
});

test("open() does tell Kafka of the checkpoint of runs without transactions, before it is saved", async () => {
  const place = await makePlace();
  await deliver(place, 5);
  const { identity } = await deliver(place, 7, { delivery: "at-least-once" });
  const resume = { identity, positions: at(12) };
  {
    await using early = sinkOf(place);
    await open(early, place, { resume: { ...resume, state: "at-least-once" } });
  }
  // What the run has put into its checkpoint before it ended without having written anything.
  await using next = sinkOf(place);
  const opening = await open(next, place, { resume: { ...resume, state: "exactly-once" } });
  expect(opening.positions).toEqual(at(12));
});

test("a run from the beginning starts over where going on is refused", async () => {
  const place = await makePlace();
  await deliver(place, 10);
  await withAdmin(place.brokers, async (admin) => {
    await admin.createPartitions({ topicPartitions: [{ topic: place.topic, count: 4 }] });
    // The broker answers before it tells everybody.
    await eventually(async () => (await admin.fetchTopicOffsets(place.topic)).length === 4);
  });
  {
    await using grown = sinkOf(place);
    expect(await errorOf(open(grown, place))).toMatchObject({ code: "KAFKA_POSITION_FOREIGN" });
  }
  {
    await using anew = sinkOf(place);
    expect((await open(anew, place, { fromBeginning: true })).positions).toEqual(new Map());
    await anew.write(batchOf(events(3)), NEVER);
    await anew.commit?.(at(3));
  }
  await using next = sinkOf(place);
  expect((await open(next, place)).positions).toEqual(at(3));
});

test("transactions of one stream and topic have a name that no other pair has", async () => {
  const place = await makePlace();
  await using first = sinkOf(place);
  await open(first, { ...place, streamId: "a-b" });
  const longer = await makePlaceNamed(`${place.topic}-a`);
  await using second = sinkOf(longer);
  await open(second, { ...longer, streamId: "b" });
  expect(await first.write(batchOf(events(3)), NEVER)).toMatchObject({ written: 3 });
});

test("open() does refuse another topic of the same name, more partitions, another source", async () => {
  const place = await makePlace();
  await deliver(place, 10);
  await using foreign = sinkOf(place);
  expect(await errorOf(open(foreign, place, { source: "b" }))).toMatchObject({
    code: "KAFKA_POSITION_FOREIGN",
  });
  await withAdmin(place.brokers, async (admin) => {
    await admin.createPartitions({ topicPartitions: [{ topic: place.topic, count: 4 }] });
    // The broker answers before it tells everybody.
    await eventually(async () => (await admin.fetchTopicOffsets(place.topic)).length === 4);
  });
  await using grown = sinkOf(place);
  const error = await errorOf(open(grown, place));
  expect(error).toMatchObject({ code: "KAFKA_POSITION_FOREIGN" });
  expect(String(error)).toContain("partition count was 3 and is 4");
  await withAdmin(place.brokers, (admin) => admin.deleteTopics({ topics: [place.topic] }));
  await Bun.sleep(500);
  await using remade = sinkOf(place);
  expect(String(await errorOf(open(remade, place)))).toContain("id was");
});

test("a source that cannot be resumed is delivered at least once, which is said", async () => {
  const place = await makePlace();
  const observer = new RecordingObserver();
  await using sink = sinkOf(place, { observer });
  const stream = { address: "stdin", identity: {} };
  const opening = await sink.open({
    stream,
    resume: undefined,
    fromBeginning: false,
    signal: NEVER,
  });
  expect(opening).toMatchObject({ state: "at-least-once" });
  expect(opening.positions).toBeUndefined();
  expect(observer.lines.join()).toContain("at least once");
});

test("the topic has as many partitions as the source when it is made", async () => {
  const place = { ...(await makePlace()), topic: uniqueTopic() };
  await using sink = sinkOf(place, { partitionsCount: undefined });
  const stream = {
    address: "kafka://a/b",
    identity: {},
    partitionsCount: 5,
    streamId: place.streamId,
  };
  const opening = await sink.open({
    stream,
    resume: undefined,
    fromBeginning: false,
    signal: NEVER,
  });
  expect(opening.identity[`topic ${place.topic} partition count`]).toBe("5");
});

let guarded: KafkaService;

beforeAll(async () => {
  const settings = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
    "super.users": "User:nobody",
  };
  guarded = await startKafka({ settings });
}, 120_000);

afterAll(async () => {
  await guarded.stop();
});

test("open() does name the way out when transactions are not allowed", async () => {
  const brokers = guarded.brokers.split(",");
  await withAdmin(brokers, (admin) =>
    admin.createAcls({
      acl: [
        {
          resourceType: AclResourceTypes.TRANSACTIONAL_ID,
          resourceName: "konn-",
          resourcePatternType: ResourcePatternTypes.PREFIXED,
          principal: "User:ANONYMOUS",
          host: "*",
          operation: AclOperationTypes.ALL,
          permissionType: AclPermissionTypes.DENY,
        },
      ],
    }),
  );
  const topic = await makeTopic(brokers, { partitionsCount: 3 });
  const place = { topic, brokers, streamId: "stream" };
  await using sink = sinkOf(place);
  const error = await errorOf(open(sink, place));
  expect(error).toMatchObject({ code: "KAFKA_TRANSACTIONS_NOT_ALLOWED", kind: "unavailable" });
  expect(error).toMatchObject({ hint: expect.stringContaining("--at-least-once") });
  await using without = sinkOf(place, { delivery: "at-least-once" });
  await open(without, place);
  expect(await without.write(batchOf(events(4)), NEVER)).toMatchObject({ written: 4 });
});
