import { shownKey } from "../../base/shown_key.ts";
import type { Counts, Message, Rejection, WriteReport } from "../../connector/mod.ts";

const NOTHING_SKIPPED: Counts = {};

/** One call of `write`: counts its messages down as their fate becomes known. */
export class WriteTicket {
  /** Resolves when the last message is settled. */
  readonly report: Promise<WriteReport>;
  readonly #resolvers = Promise.withResolvers<WriteReport>();
  readonly #rejections: Rejection[] = [];
  readonly #totalCount: number;
  #writtenCount = 0;

  constructor(messagesCount: number) {
    this.#totalCount = messagesCount;
    this.report = this.#resolvers.promise;
    this.#settle();
  }

  delivered(): void {
    this.#writtenCount++;
    this.#settle();
  }

  rejected(message: Message, code: string, reason: string): void {
    const { sequence, line } = message;
    const key = shownKey(message.key);
    this.#rejections.push({ sequence, line, key, code, reason });
    this.#settle();
  }

  fail(error: unknown): void {
    this.#resolvers.reject(error);
  }

  #settle(): void {
    if (this.#writtenCount + this.#rejections.length < this.#totalCount) return;
    this.#resolvers.resolve({
      written: this.#writtenCount,
      deleted: 0,
      skipped: NOTHING_SKIPPED,
      rejections: this.#rejections.toSorted((a, b) => (a.sequence < b.sequence ? -1 : 1)),
    });
  }
}
