import type { Counts, Rejection, WriteReport } from "../../connector/mod.ts";
import type { FoldResult, KnownDocuments, Mutation } from "../../indexing/mod.ts";
import { isEntity, searchFields } from "./search_fields.ts";

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
  return Buffer.from(`${action}\n${JSON.stringify(documentSource(document, now))}\n`);
}

/** What is sent of a document, or of the tombstone that stands for one that is gone. */
export function documentSource(document: object | null, now: Date): object {
  if (!document) return { deleted: true, deleted_at: now.toISOString() };
  const search = isEntity(document) ? { search: searchFields(document) } : {};
  return { ...document, deleted: false, ...search };
}

/**
 * One call of `write`: counts its documents down as their fate becomes known, and has it remembered
 * what the index holds from now on.
 */
export class BatchTicket {
  /** Resolves when the last document is settled. */
  readonly report: Promise<WriteReport>;
  readonly #resolvers = Promise.withResolvers<WriteReport>();
  readonly #known: KnownDocuments;
  readonly #fold: FoldResult;
  readonly #skipped: Record<string, number>;
  readonly #rejections: Rejection[];
  #openCount: number;
  #written = 0;
  #deleted = 0;

  constructor(fold: FoldResult, known: KnownDocuments) {
    this.report = this.#resolvers.promise;
    this.#known = known;
    this.#fold = fold;
    this.#skipped = { ...fold.skipped };
    this.#rejections = [...fold.rejections];
    this.#openCount = fold.mutations.length;
    if (this.#openCount === 0) this.#resolve();
  }

  written(mutation: Mutation): void {
    this.#known.acknowledged(mutation);
    if (mutation.document) this.#written += 1;
    else this.#deleted += 1;
    this.#settle();
  }

  /** The index has this version or a later one. */
  alreadyApplied(mutation: Mutation): void {
    this.#known.forget(mutation);
    const reason = "already_applied";
    this.#skipped[reason] = (this.#skipped[reason] ?? 0) + 1;
    this.#settle();
  }

  rejected(mutation: Mutation, code: string, reason: string): void {
    this.#known.forget(mutation);
    const { sequence, line, key } = mutation;
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
      unavailableKeys: this.#fold.unavailableKeys,
      droppedFieldsCount: this.#fold.droppedFieldsCount,
    });
  }
}
