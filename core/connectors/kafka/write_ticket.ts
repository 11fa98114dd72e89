import { shownKey } from "../../base/shown_key.ts";
import type { Batch, Counts, Message, Rejection, WriteReport } from "../../connector/mod.ts";

const NOTHING_SKIPPED: Counts = {};

/** What is to be written, as a batch has it. */
export type Outgoing = Pick<Batch, "messages" | "packed">;

/** One call of `write`: counts its messages down as their fate becomes known. */
export class WriteTicket {
  readonly outgoing: Outgoing;
  /** The partition of each message. */
  readonly partitions: Int32Array;
  /** The time of messages that have none. */
  readonly startedMs: number = Date.now();
  /** Resolves when the last message is settled. */
  readonly report: Promise<WriteReport>;
  readonly #resolvers = Promise.withResolvers<WriteReport>();
  readonly #rejections: Rejection[] = [];
  #writtenCount = 0;

  constructor(outgoing: Outgoing, partitions: Int32Array) {
    this.outgoing = outgoing;
    this.partitions = partitions;
    this.report = this.#resolvers.promise;
    this.#settle();
  }

  /** The numbers of the message `firstIndex` and of those behind it in its partition, `count` in all. */
  *indexesFrom(firstIndex: number, count: number): Generator<number> {
    const partition = this.partitions[firstIndex];
    let leftCount = count;
    for (let index = firstIndex; leftCount > 0 && index < this.partitions.length; index++) {
      if (this.partitions[index] !== partition) continue;
      leftCount -= 1;
      yield index;
    }
  }

  /** Message number `index`. */
  message(index: number): Message {
    const { outgoing } = this;
    const message = outgoing.packed?.message(index) ?? outgoing.messages[index];
    if (message === undefined) throw new RangeError(`there is no message ${index}`);
    return message;
  }

  delivered(count: number): void {
    this.#writtenCount += count;
    this.#settle();
  }

  rejected(index: number, code: string, reason: string): void {
    const { sequence, line, key } = this.message(index);
    this.#rejections.push({ sequence, line, key: shownKey(key), code, reason });
    this.#settle();
  }

  fail(error: unknown): void {
    this.#resolvers.reject(error);
  }

  #settle(): void {
    if (this.#writtenCount + this.#rejections.length < this.partitions.length) return;
    this.#resolvers.resolve({
      written: this.#writtenCount,
      deleted: 0,
      skipped: NOTHING_SKIPPED,
      rejections: this.#rejections.toSorted((a, b) => (a.sequence < b.sequence ? -1 : 1)),
    });
  }
}
