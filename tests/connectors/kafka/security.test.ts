import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import type { Sink } from "../../../core/connector/mod.ts";
import { KonnError } from "../../../core/base/errors.ts";
import { parseAddress } from "../../../core/connectors/kafka/address.ts";
import { BrokerLink } from "../../../core/connectors/kafka/broker_link.ts";
import { createKafkaSource } from "../../../core/connectors/kafka/consumer.ts";
import { createKafkaSink } from "../../../core/connectors/kafka/producer.ts";
import { loadKafkajs } from "../../../core/connectors/kafka/kafkajs.ts";
import { LinkLostError } from "../../../core/connectors/kafka/protocol_error.ts";
import type { KafkaRequest } from "../../../core/connectors/kafka/request.ts";
import type { KafkaSecurity, SaslMechanism } from "../../../core/connectors/kafka/security.ts";
import { RequestWriter } from "../../../core/connectors/kafka/wire.ts";
import { SILENT_OBSERVER } from "../../../core/observe/observer.ts";
import { TemporaryFolder } from "../../fakes/temporary_folder.ts";
import { type SecureKafkaService, startSecureKafka, TestAuthority } from "../../services/mod.ts";
import { ELSEWHERE } from "../../services/secure_kafka.ts";
import {
  batchOf,
  errorOf,
  event,
  makeTopic,
  NEVER,
  openSink,
  RecordingObserver,
  text,
  uniqueTopic,
} from "./support.ts";

const PASSWORD = "s3cret-pw";
/** Longer than a session of SCRAM-SHA-512 on this broker. */
const LONGER_THAN_SESSION_MS = 7_000;

const folder = new TemporaryFolder();
let authority: TestAuthority;
let kafka: SecureKafkaService;

beforeAll(async () => {
  authority = new TestAuthority(folder.path, "konn-test-ca");
  const users = [{ name: "konn", password: PASSWORD }] as const;
  kafka = await startSecureKafka({ authority, folder: folder.path, users });
}, 120_000);

afterAll(async () => {
  await kafka?.stop();
  folder[Symbol.dispose]();
});

async function security(mechanism: SaslMechanism = "SCRAM-SHA-256"): Promise<KafkaSecurity> {
  const ca = await Bun.file(authority.caFile).text();
  return { tls: { ca }, sasl: { mechanism, username: "konn", password: PASSWORD } };
}

/** A sink that writes in transactions. */
async function openTransactionalSink(options: Parameters<typeof openSink>[0]): Promise<Sink> {
  const sink = createKafkaSink({
    partitionsCount: undefined,
    compression: "none",
    observer: SILENT_OBSERVER,
    ...options,
  });
  const stream = { address: "memory:source", identity: {}, streamId: crypto.randomUUID() };
  await sink.open({ stream, resume: undefined, fromBeginning: false, signal: NEVER });
  return sink;
}

/** One event in a transaction of its own. */
async function writeAndCommit(sink: Sink, sequence: number): Promise<void> {
  const batch = batchOf([event(sequence)]);
  await sink.write(batch, NEVER);
  const { position, nextSequence } = batch;
  await sink.commit?.(new Map([[batch.lane, { position, nextSequence }]]));
}

async function openSource(
  options: KafkaSecurity & { brokers: readonly string[]; topics: readonly string[] },
) {
  const observer = new RecordingObserver();
  const source = createKafkaSource({ follow: true, observer, ...options });
  await source.open(NEVER);
  return { source, observer };
}

test("a session that ends is renewed under reads and writes, and nobody notices", async () => {
  const topic = uniqueTopic();
  const brokers = [kafka.saslSsl];
  const entry = await security("SCRAM-SHA-512");
  const writerObserver = new RecordingObserver();
  await using sink = await openTransactionalSink({
    ...entry,
    brokers,
    topic,
    observer: writerObserver,
  });
  // One that says nothing for longer than a session lasts.
  const restingTopic = uniqueTopic();
  await using restingSink = await openTransactionalSink({
    ...entry,
    brokers,
    topic: restingTopic,
    observer: writerObserver,
  });
  await writeAndCommit(restingSink, 0);
  const { source, observer } = await openSource({ ...entry, brokers, topics: [topic] });
  const stop = new AbortController();
  const keys: (string | null)[] = [];
  const reading = (async () => {
    for await (const { messages } of source.read({ from: new Map(), stop: stop.signal })) {
      keys.push(...messages.map(({ key }) => text(key)));
    }
  })();
  let count = 0;
  for (const endMs = Date.now() + LONGER_THAN_SESSION_MS; Date.now() < endMs; count += 1) {
    await writeAndCommit(sink, count);
    await Bun.sleep(20);
  }
  await writeAndCommit(restingSink, 1);
  await Bun.sleep(500);
  stop.abort();
  await reading;
  await source[Symbol.asyncDispose]();
  expect(keys.length).toBe(count);
  expect(new Set(keys).size).toBe(count);
  expect([...writerObserver.lines, ...observer.lines]).toEqual([]);
}, 30_000);

describe("a login that is cut off", () => {
  test.each(["PLAIN", "SCRAM-SHA-256"] as const)("may succeed later (%s)", async (mechanism) => {
    await using proxy = await cuttingServer(kafka.saslPlaintext, SASL_AUTHENTICATE);
    const { sasl } = await security(mechanism);
    const error = await errorOf(openLink(proxy.address, { sasl }));
    expect(error).toBeInstanceOf(LinkLostError);
    expect(String(error)).toContain("while logging in");
  });
});

describe("a port that hangs up", () => {
  test.each(["plaintext", "TLS"])("is not taken for one of another protocol (%s)", async (name) => {
    await using server = await hangingUpServer();
    const entry = name === "TLS" ? { tls: (await security()).tls } : {};
    const options = { ...entry, brokers: [server.address], topics: ["t"] };
    const error = await errorOf(openSource(options));
    expect(error).toMatchObject({ code: "KAFKA_UNREACHABLE", mayPass: true });
  });
});

describe("a broker of this machine that sends its clients elsewhere in plaintext", () => {
  test("is not followed there with a password", async () => {
    const topic = await makeTopic([kafka.brokers]);
    const { sasl } = await security();
    const options = { sasl, brokers: [kafka.elsewhere], topics: [topic] };
    const error = await errorOf(openSource(options));
    expect(error).toMatchObject({ code: "KAFKA_CREDENTIALS_EXPOSED", kind: "usage" });
    expect(String(error)).toContain(ELSEWHERE);
  });

  test("is followed where that is allowed", async () => {
    const topic = await makeTopic([kafka.brokers]);
    const { sasl } = await security();
    const options = { sasl, insecure: true, brokers: [kafka.elsewhere], topics: [topic] };
    expect(await errorOf(openSource(options))).toMatchObject({ code: "KAFKA_UNREACHABLE" });
  });
});

test("errors of the entrance are KonnErrors with a remedy and never hold the password", async () => {
  const entry = await security("PLAIN");
  const wrong = {
    ...entry,
    sasl: { mechanism: "PLAIN", username: "konn", password: "wr0ng" },
  } as const;
  const error = await errorOf(openSource({ ...wrong, brokers: [kafka.saslSsl], topics: ["t"] }));
  expect(error).toBeInstanceOf(KonnError);
  expect(Bun.inspect(error, { depth: 9 })).not.toContain("wr0ng");
});

// The last one, since nobody can log in by this mechanism any more afterwards.
test("a password that is withdrawn ends reading and writing", async () => {
  const topic = await makeTopic([kafka.brokers]);
  const entry = await security("SCRAM-SHA-512");
  const { source } = await openSource({ ...entry, brokers: [kafka.saslSsl], topics: [topic] });
  await using _source = source;
  await using sink = await openSink({ ...entry, brokers: [kafka.saslSsl], topic });
  const writing = (async () => {
    for (let count = 0; ; count += 1) {
      await sink.write(batchOf([event(count)]), NEVER);
      await Bun.sleep(100);
    }
  })();
  const reading = Array.fromAsync(source.read({ from: new Map(), stop: NEVER }));
  const link = await openLink(kafka.brokers, {});
  expect(await link.send(deleteScramRequest("konn"), 5_000)).toBe(0);
  link.lose("the test is over");
  const startMs = performance.now();
  for (const error of await Promise.all([errorOf(reading), errorOf(writing)])) {
    expect(error).toMatchObject({ code: "KAFKA_AUTHENTICATION_FAILED", kind: "unavailable" });
    expect(Bun.inspect(error)).not.toContain(PASSWORD);
  }
  expect(performance.now() - startMs).toBeLessThan(10_000);
}, 30_000);

async function openLink(broker: string, entry: KafkaSecurity): Promise<BrokerLink> {
  const makeBroker = await loadKafkajs(SILENT_OBSERVER.log, entry);
  const link = new BrokerLink(broker, () => makeBroker(parseAddress(broker)), entry);
  await link.ready;
  return link;
}

const SASL_AUTHENTICATE = 36;
const SCRAM_SHA_512 = 2;

/** Takes the password of SCRAM-SHA-512 from a user (KIP-554). Gives the error code. */
function deleteScramRequest(user: string): KafkaRequest<number> {
  const deletions = new RequestWriter()
    .compactArrayLength(1)
    .compactString(user)
    .int8(SCRAM_SHA_512);
  return {
    apiKey: 51,
    apiVersion: 0,
    apiName: "AlterUserScramCredentials",
    isFlexible: true,
    body: [deletions.noTags().compactArrayLength(0).noTags().finish()],
    decode: (reader) => {
      const throttleMs = reader.int32();
      const [code = -1] = reader.array(() => {
        reader.string();
        return reader.int16();
      });
      return { value: code, throttleMs };
    },
  };
}

/** Passes bytes on until a request of this kind comes, and hangs up then. */
async function cuttingServer(upstream: string, apiKey: number) {
  const { host, port } = parseAddress(upstream);
  return await listen((client) => {
    const server = connect(port, host);
    server.on("data", (bytes) => client.write(bytes)).on("error", () => undefined);
    client.on("close", () => server.destroy());
    client.on("data", (bytes: Buffer) => {
      // The size of the request stands before its kind.
      if (bytes.readInt16BE(4) === apiKey) client.destroy();
      else server.write(bytes);
    });
  });
}

async function hangingUpServer() {
  return await listen((client) => client.on("data", () => client.destroy()));
}

async function listen(onClient: (client: Socket) => void) {
  const server = createServer((client) => {
    client.on("error", () => undefined);
    onClient(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}
