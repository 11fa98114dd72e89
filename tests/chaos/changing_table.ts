import { type Kafka, type Message, Partitioners, type Producer } from "kafkajs";
import type { SeededRandom } from "./seeded_random.ts";
import { createTopic } from "../services/kafka_topic.ts";

const ROWS_COUNT = 2_000;
const CHANGES_PER_SEND = 20;
const DELETE_SHARE = 0.2;
/** How many of the sends carry an event that no index can take. */
const REFUSED_SHARE = 0.1;
/** One byte more than the id of a document can have. */
const TOO_LONG_KEY = `c/${"k".repeat(511)}`;
const REFUSED_MARK = "refused";

/** A name by key; a row that is not in it was deleted or never made. */
export type Table = ReadonlyMap<string, string>;

export interface ChangingTableOptions {
  readonly topic: string;
  readonly partitionsCount: number;
  readonly random: SeededRandom;
}

/**
 * A table that changes all the time, and its change stream in Kafka, written by kafkajs alone. What
 * the table holds at the end is known here and computed by none of konn's code. Among the changes
 * are events that no index can take; they carry a header, by which {@link isRefused} knows them.
 */
export class ChangingTable {
  readonly #topic: string;
  readonly #producer: Producer;
  readonly #random: SeededRandom;
  readonly #rows = new Map<string, string>();
  #changesCount = 0;
  #refusedCount = 0;

  private constructor({ topic, random }: ChangingTableOptions, producer: Producer) {
    this.#topic = topic;
    this.#random = random;
    this.#producer = producer;
  }

  /** Makes the topic and connects. */
  static async start(kafka: Kafka, options: ChangingTableOptions): Promise<ChangingTable> {
    const { topic, partitionsCount } = options;
    const admin = kafka.admin();
    await admin.connect();
    const configEntries = [{ name: "retention.ms", value: "-1" }];
    const numPartitions = partitionsCount;
    await createTopic(admin, { topic, numPartitions, configEntries });
    await admin.disconnect();
    const createPartitioner = Partitioners.DefaultPartitioner;
    const producer = kafka.producer({ createPartitioner, idempotent: false });
    await producer.connect();
    return new ChangingTable(options, producer);
  }

  /** The table as its stream says. */
  get rows(): Table {
    return this.#rows;
  }

  get changesCount(): number {
    return this.#changesCount;
  }

  /** Events that no index can take; one that had to be sent again may be in the topic twice. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** Changes rows until it is told to stop. Sends that fail are repeated: the last one counts. */
  async change(stop: AbortSignal, pauseMs: number): Promise<void> {
    while (!stop.aborted) {
      const changes = new Map<string, string | null>();
      for (let count = 0; count < CHANGES_PER_SEND; count += 1) {
        const key = keyOf(this.#random.below(ROWS_COUNT));
        const name = `name-${this.#changesCount + count}`;
        changes.set(key, this.#random.next() < DELETE_SHARE ? null : name);
      }
      const refused = this.#random.next() < REFUSED_SHARE ? [this.#refusedEvent()] : [];
      const messages = [...changes].map(([key, name]) => ({ key, value: eventOf(key, name) }));
      await this.#send([...messages, ...refused]);
      this.#changesCount += changes.size;
      this.#refusedCount += refused.length;
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

  #refusedEvent(): Message {
    const key = keyOf(this.#random.below(ROWS_COUNT));
    const headers = { [REFUSED_MARK]: "yes" };
    return this.#random.oneOf([
      { key, value: "this is no event", headers },
      { key: TOO_LONG_KEY, value: eventOf(TOO_LONG_KEY, "a name"), headers },
    ]);
  }

  async #send(messages: Message[]): Promise<void> {
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

/** Whether a record of the stream is one that no index can take. */
export function isRefused({ headers }: { headers: Readonly<Record<string, unknown>> }): boolean {
  return REFUSED_MARK in headers;
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
