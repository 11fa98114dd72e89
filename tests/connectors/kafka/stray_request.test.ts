import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { LanePosition } from "../../../core/connector/mod.ts";
import { createKafkaSink } from "../../../core/connectors/kafka/producer.ts";
import { type KafkaService, startKafka } from "../../services/mod.ts";
import { freePort, LOOPBACK } from "../../services/ports.ts";
import {
  batchOf,
  consume,
  events,
  makeTopic,
  NEVER,
  RecordingObserver,
  valuesOf,
} from "./support.ts";

const END_TXN_API_KEY = 26;
/** Where a request says what it is: behind its size. */
const API_KEY_AT = 4;

/**
 * Passes everything on but one request, the first that ends a transaction, and whatever follows on
 * its connection: that arrives when it is let go, even if the client has hung up long ago.
 */
class Straggler {
  readonly #server: Server;
  #letGo: (() => void) | undefined;
  isWatching = false;

  constructor(upstreamPort: number) {
    this.#server = createServer((client) => {
      this.#join(client, connect(upstreamPort, LOOPBACK));
    });
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, LOOPBACK, resolve));
  }

  /** Whether a request is held back. */
  get holds(): boolean {
    return this.#letGo !== undefined;
  }

  letGo(): void {
    this.#letGo?.();
    this.#letGo = undefined;
  }

  close(): void {
    this.#server.close();
  }

  #join(client: Socket, upstream: Socket): void {
    const held: Buffer[] = [];
    let isHeld = false;
    client.on("data", (bytes: Buffer) => {
      if (this.isWatching && endsTransaction(bytes)) {
        this.isWatching = false;
        isHeld = true;
        this.#letGo = () => upstream.write(Buffer.concat(held));
      }
      if (isHeld) held.push(bytes);
      else upstream.write(bytes);
    });
    upstream.on("data", (bytes: Buffer) => {
      if (!client.destroyed) client.write(bytes);
    });
    client.on("error", () => undefined);
    upstream.on("error", () => undefined);
    client.on("close", () => {
      if (!isHeld) upstream.destroy();
    });
    upstream.on("close", () => client.destroy());
  }
}

function endsTransaction(bytes: Buffer): boolean {
  return bytes.length > API_KEY_AT + 2 && bytes.readInt16BE(API_KEY_AT) === END_TXN_API_KEY;
}

/** A Kafka of our own, which tells its clients to come by the way on which a request is late. */
let kafka: KafkaService;
let straggler: Straggler;
let brokers: string[];

beforeAll(async () => {
  const [port, kafkaPort] = [await freePort(), await freePort()];
  straggler = new Straggler(kafkaPort);
  await straggler.listen(port);
  brokers = [`${LOOPBACK}:${port}`];
  const settings = { "advertised.listeners": `PLAINTEXT://${brokers.join(",")}` };
  kafka = await startKafka({ port: kafkaPort, settings });
}, 120_000);

afterAll(async () => {
  await kafka.stop();
  straggler.close();
});

function at(count: number): Map<string, LanePosition> {
  return new Map([["lane", { position: `${count}`, nextSequence: BigInt(count) }]]);
}

test("a commit that arrives again, much later, does not commit another transaction", async () => {
  const topic = await makeTopic(brokers, { partitionsCount: 3 });
  const observer = new RecordingObserver();
  const parts = { brokers, topic, partitionsCount: 3, compression: "none", observer } as const;
  const opening = {
    stream: { address: "memory:source", identity: {}, streamId: "stream" },
    resume: undefined,
    fromBeginning: false,
    signal: NEVER,
  };
  {
    await using sink = createKafkaSink(parts);
    await sink.open(opening);
    await sink.write(batchOf(events(10)), NEVER);
    straggler.isWatching = true;
    await sink.commit?.(at(10));
    expect(straggler.holds).toBe(true);
    await sink.write(batchOf(events(10)), NEVER);
    straggler.letGo();
    await Bun.sleep(1_000);
    // As if it had ended here: it gives up what it has not committed.
  }
  expect(valuesOf(await consume({ brokers, topics: [topic] }))).toHaveLength(10);
  await using next = createKafkaSink(parts);
  expect((await next.open(opening)).positions).toEqual(at(10));
}, 60_000);

test("a sink goes on after a commit whose answer was lost", async () => {
  const topic = await makeTopic(brokers, { partitionsCount: 3 });
  const observer = new RecordingObserver();
  const parts = { brokers, topic, partitionsCount: 3, compression: "none", observer } as const;
  await using sink = createKafkaSink(parts);
  const stream = { address: "memory:source", identity: {}, streamId: "other" };
  await sink.open({ stream, resume: undefined, fromBeginning: false, signal: NEVER });
  straggler.isWatching = true;
  await sink.write(batchOf(events(10)), NEVER);
  await sink.commit?.(at(10));
  expect(straggler.holds).toBe(true);
  straggler.letGo();
  for (const count of [20, 30]) {
    await sink.write(batchOf(events(10)), NEVER);
    await sink.commit?.(at(count));
  }
  expect(valuesOf(await consume({ brokers, topics: [topic] }))).toHaveLength(30);
}, 60_000);
