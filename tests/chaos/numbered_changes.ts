import { type Kafka, Partitioners, type Producer } from "kafkajs";
import { serviceKey } from "../check/events.ts";

const BATCH_COUNT = 40;
const PAUSE_MS = 40;
const DELETED_SHARE = 0.1;

/**
 * Changes services without end, each change with a higher number than the one before it, and
 * remembers how the table looks: what an index should hold, by none of konn's code.
 */
export class NumberedChanges implements AsyncDisposable {
  /** The number of the last change of each service, by its key; deleted ones are not there. */
  readonly table = new Map<string, number>();
  readonly #producer: Producer;
  readonly #topic: string;
  readonly #keysCount: number;
  #number = 0;
  #isStopped = false;
  #work: Promise<void> | undefined;

  private constructor(producer: Producer, topic: string, keysCount: number) {
    this.#producer = producer;
    this.#topic = topic;
    this.#keysCount = keysCount;
  }

  /** Begins to write to a topic that is there already. */
  static async start(
    kafka: Kafka,
    { topic, keysCount }: { topic: string; keysCount: number },
  ): Promise<NumberedChanges> {
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    const changes = new NumberedChanges(producer, topic, keysCount);
    changes.#work = changes.#writeOn();
    return changes;
  }

  get count(): number {
    return this.#number;
  }

  /** What was sent is in the topic when it resolves. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#work;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#producer.disconnect();
  }

  async #writeOn(): Promise<void> {
    while (!this.#isStopped) {
      const messages = Array.from({ length: BATCH_COUNT }, () => this.#change());
      await this.#producer.send({ topic: this.#topic, acks: -1, messages });
      await Bun.sleep(PAUSE_MS);
    }
  }

  #change() {
    const key = serviceKey(String(Math.floor(Math.random() * this.#keysCount)));
    this.#number += 1;
    if (Math.random() < DELETED_SHARE) {
      this.table.delete(key);
      return { key, value: JSON.stringify({ op: "d", before: { key, value: null }, after: null }) };
    }
    this.table.set(key, this.#number);
    const after = { key, value: { object: { name: nameOf(this.#number) } } };
    return { key, value: JSON.stringify({ op: "u", before: null, after }) };
  }
}

function nameOf(number: number): string {
  return `change ${number}`;
}

/** The number of the change that gave a document its name. */
export function numberOf(source: Readonly<Record<string, unknown>>): number {
  return Number(/^change (\d+)$/.exec(String(source["name"]))?.[1]);
}
