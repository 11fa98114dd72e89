import { beforeAll, describe, expect, test } from "bun:test";
import { Kafka, logLevel } from "kafkajs";
import { KonnError } from "../../../core/base/errors.ts";
import { createGroupSource } from "../../../core/connectors/kafka/group_source.ts";
import { SILENT_OBSERVER } from "../../../core/observe/observer.ts";
import { eventually } from "../../e2e/waiting.ts";
import { GroupTestReader, NOTE } from "./group_support.ts";
import { makeTopic, sharedBrokers, uniqueTopic, withAdmin } from "./support.ts";

describe("a group source", () => {
  let brokers: string[];
  let kafka: Kafka;
  beforeAll(async () => {
    brokers = await sharedBrokers();
    kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  });

  function reader(topic: string, { group = topic, follow = true } = {}): GroupTestReader {
    const options = { brokers, topics: [topic], group, follow, observer: SILENT_OBSERVER };
    return new GroupTestReader(createGroupSource(options));
  }

  /** Puts values into partitions, in order. */
  async function send(topic: string, values: readonly (readonly [number, string])[]) {
    const producer = kafka.producer();
    await producer.connect();
    const messages = values.map(([partition, value]) => ({ partition, key: value, value }));
    await producer.send({ topic, messages });
    await producer.disconnect();
  }

  /** What the group has committed, by Kafka's own tools: `offset` or `-1` by partition. */
  async function committedOf(topic: string, groupId = topic): Promise<string[]> {
    const [answer] = await withAdmin(brokers, (admin) =>
      admin.fetchOffsets({ groupId, topics: [topic] }),
    );
    const partitions = answer?.partitions.toSorted((a, b) => a.partition - b.partition) ?? [];
    return partitions.map(({ offset }) => offset);
  }

  async function errorOf(work: Promise<unknown>): Promise<KonnError> {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (error instanceof KonnError) return error;
    throw new Error(`expected a KonnError, got ${String(error)}`);
  }

  test("begins at the beginning, commits what is delivered and goes on there", async () => {
    const topic = await makeTopic(brokers, { partitionsCount: 2 });
    await send(topic, [
      [0, "a"],
      [1, "b"],
      [0, "c"],
    ]);
    {
      await using first = await reader(topic, { follow: false }).start();
      await eventually(() => first.hasEnded);
      expect(first.values.toSorted()).toEqual(["a", "b", "c"]);
      expect(first.stream?.shared?.note).toBeUndefined();
    }
    expect(await committedOf(topic)).toEqual(["2", "1"]);
    await send(topic, [[1, "d"]]);
    await using second = await reader(topic, { follow: false }).start();
    await eventually(() => second.hasEnded);
    expect(second.values).toEqual(["d"]);
    expect(second.stream?.shared?.note).toBe(NOTE);
    expect(second.stream?.shared?.lanes(NOTE).get(`${topic}/0`)?.nextSequence).toBe(2n);
  });

  test("does not commit what is not delivered", async () => {
    const topic = await makeTopic(brokers);
    await send(topic, [[0, "a"]]);
    {
      await using first = reader(topic);
      first.delivers = false;
      await first.start();
      await eventually(() => first.values.length === 1);
    }
    expect(await committedOf(topic)).toEqual(["-1"]);
  });

  test("two share the partitions, and one takes them over when the other leaves", async () => {
    const topic = await makeTopic(brokers, { partitionsCount: 4 });
    await using one = await reader(topic).start();
    await eventually(() => one.moved.length === 4);
    const two = await reader(topic).start();
    await eventually(() => two.moved.length === 2);
    await eventually(() => one.moved.length === 6);
    await send(topic, [
      [0, "0"],
      [1, "1"],
      [2, "2"],
      [3, "3"],
    ]);
    await eventually(() => one.values.length + two.values.length === 4);
    expect([one.values.length, two.values.length]).toEqual([2, 2]);
    expect([...one.values, ...two.values].toSorted()).toEqual(["0", "1", "2", "3"]);
    await two[Symbol.asyncDispose]();
    // Those that the other one has committed are not read again.
    await eventually(() => one.moved.length === 8);
    await send(topic, [
      [0, "4"],
      [1, "5"],
      [2, "6"],
      [3, "7"],
    ]);
    await eventually(() => one.values.length === 6);
    expect(one.values.slice(2).toSorted()).toEqual(["4", "5", "6", "7"]);
    expect(one.error ?? two.error).toBeUndefined();
  });

  test("a lane that is lost is not committed any more, also when its writes end later", async () => {
    const topic = await makeTopic(brokers, { partitionsCount: 2 });
    await send(topic, [
      [0, "a"],
      [1, "b"],
    ]);
    await using slow = reader(topic);
    slow.delivers = false;
    await slow.start();
    await eventually(() => slow.values.length === 2);
    await using other = reader(topic);
    other.delivers = false;
    await other.start();
    // What nobody has committed is read again by whoever has the lane now.
    await eventually(() => other.values.length === 1);
    await eventually(() => slow.moved.length === 3);
    const lost = slow.moved.at(-1) ?? "";
    const partition = Number(lost.at(-1));
    await slow.source.commit?.(
      new Map([
        [`${topic}/0`, "1"],
        [`${topic}/1`, "1"],
      ]),
    );
    await eventually(async () => (await committedOf(topic))[1 - partition] === "1");
    expect((await committedOf(topic))[partition]).toBe("-1");
  });

  test("what is in hand when the members change is committed before it is given up", async () => {
    const topic = await makeTopic(brokers, { partitionsCount: 2 });
    await send(topic, [
      [0, "a"],
      [1, "b"],
    ]);
    await using one = reader(topic);
    one.delivers = false;
    await one.start();
    await eventually(() => one.values.length === 2);
    const joining = reader(topic).start();
    // As a bulk that ends while the others wait already.
    await Bun.sleep(700);
    await one.deliver();
    await using two = await joining;
    await eventually(() => two.moved.length === 1);
    expect(await committedOf(topic)).toEqual(["1", "1"]);
    expect(two.values).toEqual([]);
  });

  test("bounded reading waits for the partitions of the others", async () => {
    const topic = await makeTopic(brokers, { partitionsCount: 2 });
    await using slow = reader(topic);
    slow.delivers = false;
    await slow.start();
    await eventually(() => slow.moved.length === 2);
    await send(topic, [
      [0, "a"],
      [1, "b"],
    ]);
    await using bounded = await reader(topic, { follow: false }).start();
    await eventually(() => bounded.values.length > 0);
    await Bun.sleep(2_500);
    expect(bounded.hasEnded).toBe(false);
    await slow.deliver();
    await eventually(() => bounded.hasEnded);
    const reached = new Map(bounded.batches.map(({ lane, nextSequence }) => [lane, nextSequence]));
    expect([...reached.values()]).toEqual([1n, 1n]);
  });

  test("positions of another index are none, those committed by hand are what they say", async () => {
    const topic = await makeTopic(brokers);
    await send(topic, [
      [0, "a"],
      [0, "b"],
      [0, "c"],
    ]);
    const readAll = async (note: string): Promise<string[]> => {
      await using all = await reader(topic, { follow: false }).start(note);
      await eventually(() => all.hasEnded);
      return all.values;
    };
    expect(await readAll(NOTE)).toEqual(["a", "b", "c"]);
    expect(await readAll(NOTE)).toEqual([]);
    expect(await readAll('{"index":"b"}')).toEqual(["a", "b", "c"]);
    await withAdmin(brokers, (admin) =>
      admin.setOffsets({ groupId: topic, topic, partitions: [{ partition: 0, offset: "2" }] }),
    );
    expect(await readAll(NOTE)).toEqual(["c"]);
  });

  test("is refused by a group that does something else, or feeds another index", async () => {
    const topic = await makeTopic(brokers);
    await using first = await reader(topic).start();
    await eventually(() => first.moved.length === 1);
    await using second = await reader(topic).start('{"index":"b"}');
    await eventually(() => second.error !== undefined);
    expect(second.error).toMatchObject({ code: "KAFKA_GROUP_OF_OTHERS", kind: "unavailable" });

    const consumer = kafka.consumer({ groupId: `other-${topic}`, retry: { retries: 0 } });
    await consumer.connect();
    await consumer.subscribe({ topic });
    const { promise: joined, resolve } = Promise.withResolvers<void>();
    consumer.on(consumer.events.GROUP_JOIN, () => resolve());
    await consumer.run({ eachMessage: async () => undefined });
    await joined;
    await using third = await reader(topic, { group: `other-${topic}` }).start();
    await eventually(() => third.error !== undefined);
    expect(third.error).toMatchObject({ code: "KAFKA_GROUP_OF_OTHERS" });
    await consumer.disconnect();
  });

  test("refuses a committed offset that retention has passed, or that the log never had", async () => {
    const topic = await makeTopic(brokers);
    await send(topic, [[0, "a"]]);
    await withAdmin(brokers, (admin) =>
      admin.setOffsets({ groupId: topic, topic, partitions: [{ partition: 0, offset: "9" }] }),
    );
    await using beyond = await reader(topic).start();
    await eventually(() => beyond.error !== undefined);
    expect(beyond.error).toMatchObject({ code: "KAFKA_POSITION_BEYOND_END" });
  });

  test("a topic that is not there, and a group without a name, are clear errors", async () => {
    const missing = reader(uniqueTopic());
    expect(await errorOf(missing.start())).toMatchObject({ code: "KAFKA_TOPIC_NOT_FOUND" });
    await missing.source[Symbol.asyncDispose]();
    const nameless = reader(await makeTopic(brokers), { group: "" });
    await nameless.start().catch((error: unknown) => {
      nameless.error = error;
    });
    await eventually(() => nameless.error !== undefined);
    expect(nameless.error).toBeInstanceOf(KonnError);
    await nameless.source[Symbol.asyncDispose]();
  });
});
