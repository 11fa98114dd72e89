import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Admin, Kafka, KafkaJSError, logLevel, type Producer } from "kafkajs";
import { type KafkaCluster, startKafkaCluster } from "./mod.ts";

/** The first start on a machine installs Kafka. */
const INSTALL_TIMEOUT_MS = 10 * 60_000;
const FAILOVER_TIMEOUT_MS = 150_000;
const FAILOVER_LIMIT_MS = 60_000;

const ALL = new Set([1, 2, 3]);

let cluster: KafkaCluster;
let admin: Admin;
let producer: Producer;

beforeAll(async () => {
  cluster = await startKafkaCluster({ brokers: 3, settings: { "num.partitions": "6" } });
  const kafka = new Kafka({
    brokers: cluster.brokers.split(","),
    logLevel: logLevel.NOTHING,
    // A broker that is paused would be waited for half a minute.
    requestTimeout: 2_000,
    retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 200 },
  });
  admin = kafka.admin();
  producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await Promise.all([admin.connect(), producer.connect()]);
}, INSTALL_TIMEOUT_MS);

afterAll(async () => {
  await Promise.all([admin?.disconnect(), producer?.disconnect()]);
  await cluster?.stop();
}, FAILOVER_TIMEOUT_MS);

test(
  "every partition has a replica on each broker, and settings reach all",
  async () => {
    const topic = await makeTopic(-1);
    const { brokers } = await admin.describeCluster();
    expect(new Set(brokers.map(({ nodeId }) => nodeId))).toEqual(ALL);
    const addresses = brokers.map(({ host, port }) => `${host}:${port}`).toSorted();
    expect(addresses).toEqual(cluster.nodes.map(({ address }) => address).toSorted());
    const partitions = await knownPartitionsOf(topic, 6);
    for (const { replicas, isr } of partitions) {
      expect(new Set(replicas)).toEqual(ALL);
      expect(new Set(isr)).toEqual(ALL);
    }
  },
  FAILOVER_TIMEOUT_MS,
);

test(
  "a leader that is killed is replaced, and comes back into sync by restart()",
  async () => {
    const topic = await makeTopic(1);
    await send(topic, "before");
    const leader = await knownLeaderOf(topic);
    await cluster.kill(leader);
    await send(topic, "without it");
    expect(await leaderOf(topic)).not.toBe(leader);
    await cluster.restart(leader);
    await eventually(async () => (await partitionsOf(topic))[0]?.isr.length === 3);
    await send(topic, "after");
    expect(await endOf(topic)).toBe("3");
  },
  FAILOVER_TIMEOUT_MS,
);

test(
  "a broker that is paused loses its partitions, and has them in sync after resume()",
  async () => {
    const topic = await makeTopic(1);
    const leader = await knownLeaderOf(topic);
    await cluster.pause(leader);
    await eventually(async () => ![leader, -1].includes(await leaderOf(topic)));
    await cluster.resume(leader);
    await eventually(async () => (await partitionsOf(topic))[0]?.isr.length === 3);
  },
  FAILOVER_TIMEOUT_MS,
);

test(
  "clients come by the proxies, the brokers do not",
  async () => {
    const topic = await makeTopic(1);
    const leader = await knownLeaderOf(topic);
    const { proxy } = cluster.node(leader);
    await proxy.refuse();
    // The leader stays what it is, as the brokers see each other; its clients do not get through.
    const sending = send(topic, "late");
    expect(await Promise.race([sending, Bun.sleep(2_000)])).toBeUndefined();
    expect(await endOf(topic).catch(() => "out of reach")).toBe("out of reach");
    await proxy.accept();
    expect(await sending).toBe("sent");
    expect(await leaderOf(topic)).toBe(leader);
    expect(await endOf(topic)).toBe("1");
  },
  FAILOVER_TIMEOUT_MS,
);

async function makeTopic(partitionsCount: number): Promise<string> {
  const topic = `cluster-${crypto.randomUUID()}`;
  const replicationFactor = -1;
  const topics = [{ topic, numPartitions: partitionsCount, replicationFactor }];
  await admin.createTopics({ waitForLeaders: false, topics });
  await knownPartitionsOf(topic, partitionsCount === -1 ? 6 : partitionsCount);
  return topic;
}

/** Waits for a broker that knows so many: each hears of a topic in its own time. */
async function knownPartitionsOf(topic: string, count: number) {
  let partitions = await partitionsOf(topic);
  await eventually(async () => {
    if (partitions.length !== count) partitions = await partitionsOf(topic);
    return partitions.length === count;
  });
  return partitions;
}

async function send(topic: string, value: string): Promise<"sent"> {
  await eventually(async () => {
    try {
      await producer.send({ topic, acks: -1, messages: [{ value }] });
      return true;
    } catch (error) {
      // A broker that has not heard of a new topic yet: nothing was sent.
      if (error instanceof Error && /does not host this topic/.test(error.message)) return false;
      throw error;
    }
  });
  return "sent";
}

async function partitionsOf(topic: string) {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]?.partitions ?? [];
  } catch (error) {
    // The broker that was asked does not know it yet, or does not answer.
    if (error instanceof KafkaJSError) return [];
    throw error;
  }
}

/** Waits for the leader that a new topic gets. */
async function knownLeaderOf(topic: string): Promise<number> {
  let leader = -1;
  await eventually(async () => {
    leader = await leaderOf(topic);
    return leader !== -1;
  });
  return leader;
}

async function leaderOf(topic: string): Promise<number> {
  return (await partitionsOf(topic))[0]?.leader ?? -1;
}

async function endOf(topic: string): Promise<string | undefined> {
  return (await admin.fetchTopicOffsets(topic))[0]?.high;
}

async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + FAILOVER_LIMIT_MS;
  while (!(await isSo())) {
    if (Date.now() > deadlineMs) throw new Error("it did not happen in time");
    await Bun.sleep(50);
  }
}
