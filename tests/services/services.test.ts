import { expect, test } from "bun:test";
import { connect } from "node:net";
import { sharedServices, startKafka, startOpenSearch } from "./mod.ts";

/** The first start on a machine installs both servers. */
const INSTALL_TIMEOUT_MS = 10 * 60_000;
const RESTART_TIMEOUT_MS = 60_000;

const KAFKA_OK = 0;
const KAFKA_TOPIC_ALREADY_EXISTS = 36;

test(
  "sharedServices() gives the same Kafka and OpenSearch to all",
  async () => {
    const [first, second] = await Promise.all([sharedServices(), sharedServices()]);
    expect(second).toBe(first);
    expect(await createTopic(first.kafka.brokers, uniqueName())).toBe(KAFKA_OK);
    const answer = await fetch(`${first.openSearch.url}/_cluster/health`);
    expect(answer.status).toBe(200);
  },
  INSTALL_TIMEOUT_MS,
);

test(
  "kill() and restart() of a Kafka keep its data and its port",
  async () => {
    const kafka = await startKafka();
    expect(await createTopic(kafka.brokers, "kept")).toBe(KAFKA_OK);
    await kafka.kill();
    expect(await createTopic(kafka.brokers, "late").catch(() => "refused")).toBe("refused");
    await kafka.restart();
    expect(await createTopic(kafka.brokers, "kept")).toBe(KAFKA_TOPIC_ALREADY_EXISTS);
    await kafka.stop();
  },
  RESTART_TIMEOUT_MS,
);

test(
  "kill() and restart() of an OpenSearch keep its data and its port",
  async () => {
    const openSearch = await startOpenSearch({ settings: { "http.max_content_length": "2kb" } });
    const document = `${openSearch.url}/kept/_doc/1`;
    const put = { method: "PUT", headers: { "content-type": "application/json" } };
    expect((await fetch(document, { ...put, body: `{"name":"a"}` })).status).toBe(201);
    await openSearch.kill();
    expect(await fetch(document).catch(() => "refused")).toBe("refused");
    await openSearch.restart();
    expect((await fetch(document)).status).toBe(200);
    const large = JSON.stringify({ name: "a".repeat(3000) });
    expect((await fetch(document, { ...put, body: large })).status).toBe(413);
    await openSearch.stop();
  },
  RESTART_TIMEOUT_MS,
);

function uniqueName(): string {
  return `services-${crypto.randomUUID()}`;
}

/** Sends one CreateTopics request (version 2) and gives the error code of the answer. */
async function createTopic(broker: string, topic: string): Promise<number> {
  const name = Buffer.from(topic);
  const header = [int16(19), int16(2), int32(1), int16(-1)];
  // One topic with 1 partition and 1 replica, no assignments, no settings.
  const topics = [int32(1), int16(name.length), name, int32(1), int16(1), int32(0), int32(0)];
  const timeoutMs = int32(10_000);
  const validateOnly = Buffer.from([0]);
  const request = Buffer.concat([...header, ...topics, timeoutMs, validateOnly]);
  const answer = await exchange(broker, Buffer.concat([int32(request.length), request]));
  // Length, correlation id, throttle time, count of topics, the topic's name, its error code.
  return answer.readInt16BE(4 + 4 + 4 + 4 + 2 + name.length);
}

async function exchange(broker: string, request: Buffer): Promise<Buffer> {
  const [host = "", port] = broker.split(":");
  return await new Promise((resolve, reject) => {
    let answer: Buffer = Buffer.alloc(0);
    const socket = connect(Number(port), host, () => socket.write(request));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the broker closed the connection")));
    socket.on("data", (data: Buffer) => {
      answer = Buffer.concat([answer, data]);
      if (answer.length < 4 || answer.length < 4 + answer.readInt32BE(0)) return;
      resolve(answer);
      socket.end();
    });
  });
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
