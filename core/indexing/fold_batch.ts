import { shownKey } from "../base/shown_key.ts";
import type { Delete, Refusal, Truncate, Unavailable, Upsert } from "../cdc/change.ts";
import { decodeChange } from "../cdc/decode.ts";
import { readRecordKey } from "../cdc/record_key.ts";
import type { Batch, Counts, Message, Rejection } from "../connector/mod.ts";
import { entityTypeOf } from "../konnect/entity_key.ts";
import { UNSEARCHED_TYPES } from "../konnect/entity_types.ts";
import type { KnownDocuments } from "./known_documents.ts";
import { textHash } from "./known_documents.ts";
import { versionOf } from "./mutation.ts";
import type { Mutation } from "./mutation.ts";
import { contentOf, RowContent, scanUpsert } from "./row_content.ts";

/** The longest id that an OpenSearch document can have. */
export const KEY_MAX_BYTES = 512;

/** The most bytes of UTF-8 that one unit of UTF-16 can stand for. */
const UTF8_BYTES_PER_UNIT_MAX = 3;

const KEY_FAULTS = {
  KEY_EMPTY: "The key is empty, and no document can have an empty id",
  KEY_TOO_LONG: `The key has more than ${KEY_MAX_BYTES} bytes, and no document can have such an id`,
} as const satisfies Record<string, string>;

export interface FoldOptions {
  /**
   * The table was truncated here, as a place in PostgreSQL's log: changes below it are of rows that
   * are gone. Undefined: it never was.
   */
  readonly truncatedAtLsn?: number | undefined;
  /** Entity types that are skipped, as written in the keys: {@link UNSEARCHED_TYPES} if not set. */
  readonly unsearchedTypes?: ReadonlySet<string> | undefined;
  /** What the index holds already, so that changes to the same are skipped. */
  readonly known?: KnownDocuments | undefined;
}

/**
 * What a batch does to an index. Every message of the batch is counted once:
 * `mutations.length + rejections.length + the sum of skipped = batch.messages.length`. A sink
 * sorts the mutations into written, deleted, skipped and rejected as the index answers.
 */
export interface FoldResult {
  /** At most one for each key: the last change that says what the row is now. */
  readonly mutations: readonly Mutation[];
  /**
   * By reason: `superseded` (a later change of the key is in the batch), `unchanged` (the index holds
   * that document already), `unsearched_type`, `unavailable_value`, `truncate`, `truncated` (of a
   * row that a truncate has removed), and what the decoder ignored.
   */
  readonly skipped: Counts;
  readonly rejections: readonly Rejection[];
  /** The first message that empties the whole table, which no document can express. */
  readonly truncatedAt: { readonly sequence: bigint; readonly lsn: number | undefined } | undefined;
  /** The first row event of which nobody knows whether it was before the truncate or after it. */
  readonly unplacedAt?: bigint | undefined;
  /** The first row event without a Kafka key: such events are in no order across partitions. */
  readonly keylessAt: bigint | undefined;
  /** Keys whose new name came without their value, which the stream may never hold. */
  readonly unavailableKeys: readonly string[];
  /** Keys of events that were refused, and that may be delivered after all, between the others. */
  readonly refusedKeys: readonly string[];
  /** Values of a kind that has no place in their document, in all documents. */
  readonly droppedFieldsCount: number;
}

const DEFAULT_UNSEARCHED_TYPES: ReadonlySet<string> = new Set(UNSEARCHED_TYPES);

/** Folds a batch to the last change of each key. Pure: the index is not asked. */
export function foldBatch(batch: Batch, options: FoldOptions = {}): FoldResult {
  const fold = new Fold(options);
  for (const message of batch.messages) fold.add(message);
  return fold.result();
}

/** A change of one row; of an upsert only that it is one. */
type RowChange = Pick<Upsert, "kind" | "key" | "eventTimeMs" | "lsn"> | Delete | Unavailable;

/** A change that says what the row is now, and the message that brought it. */
interface Standing {
  readonly change: RowChange;
  readonly message: Message;
  /**
   * Undefined where this change and all of the key before it give the document that the index holds.
   */
  readonly content: RowContent | undefined;
}

class Fold {
  readonly #unsearchedTypes: ReadonlySet<string>;
  readonly #known: KnownDocuments | undefined;
  readonly #standing = new Map<string, Standing>();
  readonly #skipped: Record<string, number> = {};
  readonly #rejections: Rejection[] = [];
  readonly #unavailableKeys: string[] = [];
  readonly #refusedKeys = new Set<string>();
  readonly #truncatedAtLsn: number;
  #truncatedAt: FoldResult["truncatedAt"];
  #keylessAt: bigint | undefined;
  #unplacedAt: bigint | undefined;

  constructor(options: FoldOptions) {
    this.#unsearchedTypes = options.unsearchedTypes ?? DEFAULT_UNSEARCHED_TYPES;
    this.#known = options.known;
    this.#truncatedAtLsn = options.truncatedAtLsn ?? 0;
  }

  add(message: Message): void {
    const scanned = scanUpsert(message);
    if (scanned !== undefined) {
      if (this.#isOfInterest(scanned, message)) {
        this.#stand(scanned, message, RowContent.scanned(scanned.key));
      }
      return;
    }
    const change = decodeChange(message);
    switch (change.kind) {
      case "upsert":
      case "delete":
        if (this.#isOfInterest(change, message)) this.#stand(change, message, contentOf(change));
        return;
      case "unavailable":
        if (this.#isOfInterest(change, message)) this.#addUnavailable(change);
        return;
      case "ignore":
        return this.#skip(change.reason);
      case "truncate":
        return this.#addTruncate(change, message);
      case "refuse":
        return this.#addRefused(message, change);
    }
  }

  result(): FoldResult {
    let droppedFieldsCount = 0;
    const mutations: Mutation[] = [];
    for (const { change, message, content } of this.#standing.values()) {
      if (content === undefined) {
        this.#skip("unchanged");
        continue;
      }
      droppedFieldsCount += content.droppedFields;
      mutations.push({
        key: change.key,
        version: versionOf(message.sequence),
        document: content.document,
        text: content.text,
        form: content.form,
        sequence: message.sequence,
        line: message.line,
        eventTimeMs: change.eventTimeMs,
      });
    }
    return {
      mutations,
      skipped: this.#skipped,
      rejections: this.#rejections,
      truncatedAt: this.#truncatedAt,
      keylessAt: this.#keylessAt,
      unplacedAt: this.#unplacedAt,
      unavailableKeys: this.#unavailableKeys,
      refusedKeys: [...this.#refusedKeys],
      droppedFieldsCount,
    };
  }

  /** Counts what is none: what a truncate has removed, what nobody searches, what has no id. */
  #isOfInterest(change: RowChange, message: Message): boolean {
    const { key, lsn } = change;
    if (lsn !== undefined && lsn < this.#truncatedAtLsn) {
      this.#skip("truncated");
      return false;
    }
    if (lsn === undefined && this.#truncatedAtLsn > 0) this.#unplacedAt ??= message.sequence;
    if (message.key === null) this.#keylessAt ??= message.sequence;
    const fault = keyFault(key);
    if (fault !== undefined) {
      this.#reject(message, { code: fault, reason: KEY_FAULTS[fault], key });
      return false;
    }
    if (!this.#unsearchedTypes.has(entityTypeOf(key))) return true;
    this.#skip("unsearched_type");
    return false;
  }

  #addRefused(message: Message, fault: Refusal): void {
    const key = keyOf(message);
    if (key !== undefined) this.#refusedKeys.add(key);
    this.#reject(message, { ...fault, key });
  }

  #addUnavailable({ key, isNewKey }: Unavailable): void {
    if (isNewKey) this.#unavailableKeys.push(key);
    this.#skip("unavailable_value");
  }

  #stand(change: RowChange, message: Message, content: RowContent): void {
    const { key } = change;
    const earlier = this.#standing.get(key);
    if (earlier !== undefined) this.#skip("superseded");
    const isUnchanged = earlier?.content === undefined && this.#isKnown(key, content);
    if (!isUnchanged) content.keep();
    this.#standing.set(key, { change, message, content: isUnchanged ? undefined : content });
  }

  #isKnown(key: string, content: RowContent): boolean {
    const known = this.#known;
    const { form } = content;
    // What was refused may come after all, and what came behind it must then have a later version.
    if (known === undefined || this.#refusedKeys.has(key)) return false;
    if (form !== undefined && known.isOfForm(key, form)) return true;
    const hash = known.hashOf(key);
    if (hash === undefined || hash !== textHash(content.text)) return false;
    if (form !== undefined) known.madeFrom(key, form);
    return true;
  }

  #addTruncate({ lsn }: Truncate, { sequence }: Message): void {
    this.#skip("truncate");
    if (lsn === undefined || lsn > this.#truncatedAtLsn) this.#truncatedAt ??= { sequence, lsn };
  }

  #skip(reason: string): void {
    this.#skipped[reason] = (this.#skipped[reason] ?? 0) + 1;
  }

  #reject(message: Message, fault: Pick<Rejection, "code" | "reason" | "key">): void {
    const { code, reason, key } = fault;
    const { sequence, line } = message;
    this.#rejections.push({ sequence, line, key: shownKey(key ?? null), code, reason });
  }
}

function keyFault(key: string): keyof typeof KEY_FAULTS | undefined {
  if (key === "") return "KEY_EMPTY";
  if (key.length * UTF8_BYTES_PER_UNIT_MAX <= KEY_MAX_BYTES) return undefined;
  return Buffer.byteLength(key) > KEY_MAX_BYTES ? "KEY_TOO_LONG" : undefined;
}

/** What a person can look for in place of a record that was not understood. */
function keyOf(message: Message): string | undefined {
  const recordKey = readRecordKey(message.key);
  return recordKey.kind === "row" ? recordKey.key : undefined;
}
