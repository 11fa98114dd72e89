import type { Counts, Rejection, WriteReport } from "../../connector/mod.ts";
import type { FoldResult, KnownDocuments, Mutation } from "../../indexing/mod.ts";
import { isEntity, searchFields } from "./search_fields.ts";

/** A document that waits for its bulk, ready to be sent, and who is to hear of its fate. */
export interface PendingDocument {
  readonly mutation: Mutation;
  /** Its two lines of a bulk body, each with its newline. */
  readonly lines: string;
  /** The size of the lines. */
  readonly bytes: number;
  readonly ticket: BatchTicket;
}

/** A mutation as it waits for its bulk: as the document, or as the tombstone of a deleted one. */
export function pendingDocument(
  mutation: Mutation,
  { now, ticket }: { now: Date; ticket: BatchTicket },
): PendingDocument {
  const { key, version } = mutation;
  const action = `{"index":{"_id":${JSON.stringify(key)},"version":${version},"version_type":"external"}}`;
  const lines = `${action}\n${sourceText(mutation, now)}\n`;
  return { mutation, lines, bytes: Buffer.byteLength(lines), ticket };
}

/** As {@link documentSource}, as JSON: what stands in the document was written once already. */
function sourceText({ document, text }: Mutation, now: Date): string {
  if (!document) return JSON.stringify(documentSource(null, now));
  return `${text.slice(0, -1)},${JSON.stringify(addedFields(document)).slice(1)}`;
}

/** What is sent of a document, or of the tombstone that stands for one that is gone. */
export function documentSource(document: object | null, now: Date): object {
  if (!document) return { deleted: true, deleted_at: now.toISOString() };
  return { ...document, ...addedFields(document) };
}

/** What is sent beside the document itself. */
function addedFields(document: object): object {
  return { deleted: false, ...(isEntity(document) && { search: searchFields(document) }) };
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
