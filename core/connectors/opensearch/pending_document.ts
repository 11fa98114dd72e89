import type { Counts, Rejection, WriteReport } from "../../connector/mod.ts";
import type { FoldResult, Mutation } from "../../indexing/mod.ts";

/** A document that waits for its bulk, ready to be sent, and who is to hear of its fate. */
export interface PendingDocument {
  readonly mutation: Mutation;
  /** Its two lines of a bulk body, each with its newline. */
  readonly lines: Buffer;
  readonly ticket: BatchTicket;
}

/** The bulk lines that write a mutation: the document, or the tombstone of a deleted one. */
export function bulkLines({ key, version, document }: Mutation, now: Date): Buffer {
  const action = `{"index":{"_id":${JSON.stringify(key)},"version":${version},"version_type":"external"}}`;
  const source = document
    ? { ...document, deleted: false }
    : { deleted: true, deleted_at: now.toISOString() };
  return Buffer.from(`${action}\n${JSON.stringify(source)}\n`);
}

/** One call of `write`: counts its documents down as their fate becomes known. */
export class BatchTicket {
  /** Resolves when the last document is settled. */
  readonly report: Promise<WriteReport>;
  readonly #resolvers = Promise.withResolvers<WriteReport>();
  readonly #skipped: Record<string, number>;
  readonly #rejections: Rejection[];
  #openCount: number;
  #written = 0;
  #deleted = 0;

  constructor({ mutations, skipped, rejections }: FoldResult) {
    this.report = this.#resolvers.promise;
    this.#skipped = { ...skipped };
    this.#rejections = [...rejections];
    this.#openCount = mutations.length;
    if (this.#openCount === 0) this.#resolve();
  }

  written({ document }: Mutation): void {
    if (document) this.#written += 1;
    else this.#deleted += 1;
    this.#settle();
  }

  skipped(reason: string): void {
    this.#skipped[reason] = (this.#skipped[reason] ?? 0) + 1;
    this.#settle();
  }

  rejected({ sequence, line, key }: Mutation, code: string, reason: string): void {
    this.#rejections.push({ sequence, line, key, code, reason });
    this.#settle();
  }

  fail(error: unknown): void {
    this.#resolvers.reject(error);
  }

  #settle(): void {
    this.#openCount -= 1;
    if (this.#openCount === 0) this.#resolve();
  }

  #resolve(): void {
    const skipped: Counts = this.#skipped;
    const rejections = this.#rejections.toSorted((a, b) => (a.sequence < b.sequence ? -1 : 1));
    this.#resolvers.resolve({
      written: this.#written,
      deleted: this.#deleted,
      skipped,
      rejections,
    });
  }
}
