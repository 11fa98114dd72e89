import { type Admin, KafkaJSError } from "kafkajs";

/** Far more than it takes, or the suite would wait for ever for what does not come. */
const GIVE_UP_MS = 180_000;
const POLL_MS = 100;

/** How far a group has come, as Kafka sees it, by kafkajs. Group and topic have one name. */
export class GroupProgress {
  readonly #admin: Admin;
  readonly #name: string;

  constructor(admin: Admin, name: string) {
    this.#admin = admin;
    this.#name = name;
  }

  /** Waits until all that is in the topic now is committed. Returns how long that took. */
  async untilServed(): Promise<number> {
    const startedMs = performance.now();
    const [topic, groupId] = [this.#name, this.#name];
    const deadlineMs = Date.now() + GIVE_UP_MS;
    const ends = await this.ends();
    for (;;) {
      const [answer] = await asked(() => this.#admin.fetchOffsets({ groupId, topics: [topic] }));
      const committed = new Map(
        answer?.partitions.map(({ partition, offset }) => [partition, Number(offset)]),
      );
      const left = ends.filter(({ partition, high }) => {
        return Number(high) > Math.max(0, committed.get(partition) ?? 0);
      });
      if (left.length === 0) return performance.now() - startedMs;
      if (Date.now() > deadlineMs) {
        const partitions = left.map(({ partition }) => partition).join(", ");
        throw new Error(`nobody serves the partitions ${partitions} of ${topic}`);
      }
      await Bun.sleep(POLL_MS);
    }
  }

  /** Where the partitions of the topic end now. */
  async ends(): Promise<readonly { readonly partition: number; readonly high: string }[]> {
    return await asked(() => this.#admin.fetchTopicOffsets(this.#name));
  }
}

/** Asks again where a broker that has just started does not know its part yet: kafkajs does not. */
async function asked<T>(question: () => Promise<T>): Promise<T> {
  const deadlineMs = Date.now() + GIVE_UP_MS;
  for (;;) {
    try {
      return await question();
    } catch (error) {
      if (!(error instanceof KafkaJSError) || Date.now() > deadlineMs) throw error;
      await Bun.sleep(POLL_MS);
    }
  }
}
