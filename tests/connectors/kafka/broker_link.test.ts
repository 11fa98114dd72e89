import { expect, test } from "bun:test";
import { parseAddress } from "../../../core/connectors/kafka/address.ts";
import { BrokerLink } from "../../../core/connectors/kafka/broker_link.ts";
import { loadKafkajs } from "../../../core/connectors/kafka/kafkajs.ts";
import { metadataRequest } from "../../../core/connectors/kafka/metadata_request.ts";
import { LinkLostError, ProtocolError } from "../../../core/connectors/kafka/protocol_error.ts";
import { fetchRequest } from "../../../core/connectors/kafka/fetch_request.ts";
import { SILENT_OBSERVER } from "../../../core/observe/observer.ts";
import { freePort } from "../../services/ports.ts";
import { errorOf, makeTopic, sharedBrokers } from "./support.ts";

const TIMEOUT_MS = 5_000;

test("send() does understand both versions of Metadata", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers, { partitionsCount: 3 });
  const link = await openLink(brokers[0] ?? "");
  const fresh = await link.send(metadataRequest([topic, "missing"], 12), TIMEOUT_MS);
  const old = await link.send(metadataRequest([topic, "missing"], 7), TIMEOUT_MS);
  expect(fresh.brokers.length).toBeGreaterThan(0);
  expect(fresh.clusterId).toMatch(/^[\w-]{22}$/);
  const byName = new Map(fresh.topics.map((found) => [found.name, found]));
  expect(byName.get(topic)).toEqual({
    name: topic,
    errorCode: 0,
    id: expect.stringMatching(/^[\w-]{22}$/),
    partitions: expect.arrayContaining(
      [0, 1, 2].map((partition) => ({ partition, leader: expect.any(Number) })),
    ),
  });
  expect(byName.get("missing")).toMatchObject({ errorCode: 3, partitions: [] });
  expect(old.brokers).toEqual(fresh.brokers);
  expect(old.clusterId).toBe(fresh.clusterId);
  const partitionsOf = (name: string) =>
    old.topics
      .find((found) => found.name === name)
      ?.partitions.toSorted((a, b) => a.partition - b.partition);
  expect(partitionsOf(topic)).toEqual(
    byName.get(topic)?.partitions.toSorted((a, b) => a.partition - b.partition),
  );
  expect(old.topics.map(({ id }) => id)).toEqual([undefined, undefined]);
  link.lose("the test is over");
});

test("send() does end at once when the link is lost", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers);
  const link = await openLink(brokers[0] ?? "");
  const partitions = [{ topic, partition: 0, fetchOffset: 0n, maxBytes: 1_000 }];
  const poll = link.send(fetchRequest(partitions, { maxWaitMs: 5_000, maxBytes: 1_000 }), 10_000);
  await Bun.sleep(50);
  const startMs = performance.now();
  link.lose("the test is over");
  expect(await errorOf(poll)).toBeInstanceOf(LinkLostError);
  expect(await errorOf(link.send(metadataRequest([], 12), TIMEOUT_MS))).toMatchObject({
    message: expect.stringContaining("the test is over"),
  });
  expect(performance.now() - startMs).toBeLessThan(100);
});

test("send() does lose a link on which no answer comes in time", async () => {
  const brokers = await sharedBrokers();
  const topic = await makeTopic(brokers);
  const link = await openLink(brokers[0] ?? "");
  const partitions = [{ topic, partition: 0, fetchOffset: 0n, maxBytes: 1_000 }];
  const poll = link.send(fetchRequest(partitions, { maxWaitMs: 5_000, maxBytes: 1_000 }), 100);
  expect(await errorOf(poll)).toMatchObject({ message: expect.stringContaining("100 ms") });
  expect(link.isLost).toBe(true);
});

test("call() does turn kafkajs's errors into ours and keep the link", async () => {
  const brokers = await sharedBrokers();
  const link = await openLink(brokers[0] ?? "");
  const request = {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ topic: "missing", partitions: [{ partition: 0, timestamp: -1 }] }],
  };
  const error = await errorOf(link.call((broker) => broker.listOffsets(request), TIMEOUT_MS));
  expect(error).toBeInstanceOf(ProtocolError);
  expect(error).toMatchObject({ message: "UNKNOWN_TOPIC_OR_PARTITION", isRetriable: true });
  expect(link.isLost).toBe(false);
  link.lose("the test is over");
});

test("ready does tell why a broker cannot be reached", async () => {
  const address = `127.0.0.1:${await freePort()}`;
  const error = await errorOf(openLink(address));
  expect(error).toBeInstanceOf(LinkLostError);
  expect(String(error)).toContain(`broker ${address}: connect ECONNREFUSED`);
});

async function openLink(broker: string): Promise<BrokerLink> {
  const makeBroker = await loadKafkajs(SILENT_OBSERVER.log);
  const link = new BrokerLink(broker, () => makeBroker(parseAddress(broker)));
  await link.ready;
  return link;
}
