import { Kafka, logLevel, Partitioners, type Producer } from "kafkajs";

const ROWS_COUNT = 2_000;
const CHANGES_PER_SEND = 20;
const DELETE_SHARE = 0.2;

/** A name by key; a row that is not in it was deleted or never made. */
export type Table = ReadonlyMap<string, string>;

/**
 * A table that changes all the time, and its change stream in Kafka, written by kafkajs alone. What
 * the table holds at the end is known here and computed by none of konn's code.
 */
export class ChangingTable {
  readonly #topic: string;
  readonly #producer: Producer;
  readonly #rows = new Map<string, string>();
  #changesCount = 0;

  private constructor(topic: string, producer: Producer) {
    this.#topic = topic;
    this.#producer = producer;
  }

  /** Makes the topic and connects. */
  static async start(
    brokers: string,
    options: { topic: string; partitionsCount: number },
  ): Promise<ChangingTable> {
    const { topic, partitionsCount } = options;
    const kafka = new Kafka({
      brokers: brokers.split(","),
      logLevel: logLevel.NOTHING,
      requestTimeout: 3_000,
      // The brokers come and go; a change is made when it is acknowledged, and not before.
      retry: { retries: 1_000, maxRetryTime: 1_000 },
    });
    const admin = kafka.admin();
    await admin.connect();
    const configEntries = [{ name: "retention.ms", value: "-1" }];
    const numPartitions = partitionsCount;
    await admin.createTopics({
      topics: [{ topic, numPartitions, configEntries }],
      waitForLeaders: true,
    });
    await admin.disconnect();
    const createPartitioner = Partitioners.DefaultPartitioner;
    const producer = kafka.producer({ createPartitioner, idempotent: false });
    await producer.connect();
    return new ChangingTable(topic, producer);
  }

  /** The table as its stream says. */
  get rows(): Table {
    return this.#rows;
  }

  get changesCount(): number {
    return this.#changesCount;
  }

  /** Changes rows until it is told to stop. Sends that fail are repeated: the last one counts. */
  async change(stop: AbortSignal, pauseMs: number): Promise<void> {
    while (!stop.aborted) {
      const changes = new Map<string, string | null>();
      for (let count = 0; count < CHANGES_PER_SEND; count += 1) {
        const key = keyOf(Math.floor(Math.random() * ROWS_COUNT));
        changes.set(
          key,
          Math.random() < DELETE_SHARE ? null : `name-${this.#changesCount + count}`,
        );
      }
      await this.#send(changes);
      this.#changesCount += changes.size;
      for (const [key, name] of changes) {
        if (name === null) this.#rows.delete(key);
        else this.#rows.set(key, name);
      }
      await Bun.sleep(pauseMs);
    }
  }

  async stop(): Promise<void> {
    await this.#producer.disconnect();
  }

  async #send(changes: ReadonlyMap<string, string | null>): Promise<void> {
    const messages = [...changes].map(([key, name]) => ({ key, value: eventOf(key, name) }));
    for (;;) {
      try {
        await this.#producer.send({ topic: this.#topic, messages, acks: -1 });
        return;
      } catch {
        await Bun.sleep(200);
      }
    }
  }
}

function keyOf(row: number): string {
  const id = `00000000-0000-4000-8000-${String(row).padStart(12, "0")}`;
  return `c/22222222-2222-4222-8222-222222222222/o/service/${id}`;
}

function eventOf(key: string, name: string | null): string {
  const ts_ms = Date.now();
  if (name === null) return JSON.stringify({ before: { key }, after: null, op: "d", ts_ms });
  const value = { type: "service", object: { id: key.split("/").at(-1), name, host: "a.example" } };
  return JSON.stringify({ before: null, after: { key, value }, op: "u", ts_ms });
}
