import { afterAll, beforeAll, expect, test } from "bun:test";
import { createGroupSource } from "../../../core/connectors/kafka/group_source.ts";
import { type KafkaService, startKafka, TcpProxy } from "../../services/mod.ts";
import { freePort } from "../../services/ports.ts";
import { GroupTestReader } from "./group_support.ts";
import { events, eventually, makeTopic, produce, RecordingObserver, withAdmin } from "./support.ts";

/** A Kafka of our own, which tells its clients to come through the proxy. */
let kafka: KafkaService;
let proxy: TcpProxy;
let brokers: string[];

beforeAll(async () => {
  const port = await freePort();
  proxy = await TcpProxy.start({ upstreamPort: port });
  brokers = [proxy.address];
  const settings = { "advertised.listeners": `PLAINTEXT://${brokers.join(",")}` };
  kafka = await startKafka({ port, settings });
}, 120_000);

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await kafka.stop();
});

test("a group goes on over cut connections, and over a broker that was killed", async () => {
  const topic = await makeTopic(brokers, { partitionsCount: 4 });
  const observer = new RecordingObserver();
  const member = () =>
    new GroupTestReader(
      createGroupSource({ brokers, topics: [topic], group: topic, follow: true, observer }),
    );
  await using one = await member().start();
  await using two = await member().start();
  const found = () => new Set([...one.values, ...two.values]);
  const more = async (count: number, name: string): Promise<void> => {
    await produce({ brokers, topic }, events(count, { value: Buffer.from(name) }));
  };
  await more(2_000, "first");
  await eventually(() => found().has("first"));
  const cuts = setInterval(() => proxy.cut(), 300);
  await Bun.sleep(4_000);
  clearInterval(cuts);
  await more(2_000, "second");
  await eventually(() => found().has("second"));
  await kafka.kill();
  await Bun.sleep(1_000);
  await kafka.restart();
  await more(2_000, "third");
  await eventually(async () => (await lagOf(topic)) === 0);
  expect(found()).toEqual(new Set(["first", "second", "third"]));
  expect([one.error, two.error]).toEqual([undefined, undefined]);
}, 120_000);

/** What the group has not committed yet, by Kafka's own tools. */
async function lagOf(topic: string): Promise<number> {
  return await withAdmin(brokers, async (admin) => {
    const ends = await admin.fetchTopicOffsets(topic);
    const [answer] = await admin.fetchOffsets({ groupId: topic, topics: [topic] });
    const committed = new Map(
      answer?.partitions.map(({ partition, offset }) => [partition, offset]),
    );
    return ends.reduce((lag, { partition, high }) => {
      return lag + Number(high) - Math.max(0, Number(committed.get(partition) ?? 0));
    }, 0);
  });
}
