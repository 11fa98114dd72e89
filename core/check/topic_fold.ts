import { releaseMemory } from "../base/release_memory.ts";
import { shownKey } from "../base/shown_key.ts";
import type { Change, Truncate } from "../cdc/change.ts";
import { decodeChange } from "../cdc/decode.ts";
import type { Batch, Lane, Message, Position, Source } from "../connector/mod.ts";
import { type OnTruncate, refuseTruncate, versionOf, KEY_MAX_BYTES } from "../indexing/mod.ts";
import { entityDocument } from "../konnect/entity_document.ts";
import { parseEntityKey } from "../konnect/entity_key.ts";
import { contentHash, contentText, hashOfText } from "./content_hash.ts";
import type { ExpectedRows } from "./expected_rows.ts";

export interface TopicFoldOptions {
  /** Entity types that the index leaves out. */
  readonly skipTypes: readonly string[];
  readonly truncatedAtLsn: number | undefined;
  readonly onTruncate: OnTruncate;
}

/** A change of one row that can be in the index, and the message that brought it. */
interface RowEvent {
  readonly key: string;
  readonly lane: Lane;
  readonly message: Message;
  readonly change: Extract<Change, { kind: "upsert" | "delete" | "unavailable" }>;
}

/** What reading a topic came to. */
export interface TopicReading {
  readonly eventsCount: number;
  /** Events that no document can be made of: the dead letters of a sync. */
  readonly refusedCount: number;
  readonly refusedKeys: readonly string[];
  /** Where each lane was left. */
  readonly positions: ReadonlyMap<Lane, Position>;
  /** The first sequence that each lane still has, where that is not 0: those below are gone. */
  readonly starts: ReadonlyMap<Lane, bigint>;
  /** The sequence of the next message of each lane. */
  readonly ends: ReadonlyMap<Lane, bigint>;
}

const MAX_REFUSED_KEYS_COUNT = 1_000;

/**
 * Reads a bounded source to its end and tells of every change of a row that belongs into an index.
 * It shares with the sync what a row means, and nothing of how changes are folded and written.
 */
export class TopicReader {
  readonly #options: TopicFoldOptions;
  readonly #skipTypes: ReadonlySet<string>;
  readonly #refusedKeys: string[] = [];
  readonly #positions = new Map<Lane, Position>();
  readonly #starts = new Map<Lane, bigint>();
  readonly #ends = new Map<Lane, bigint>();
  #eventsCount = 0;
  #refusedCount = 0;

  constructor(options: TopicFoldOptions) {
    this.#options = options;
    this.#skipTypes = new Set(options.skipTypes);
  }

  /** @param onBatch gets the row events of a batch, in order */
  async read(
    source: Source,
    options: { from: ReadonlyMap<Lane, Position>; stop: AbortSignal },
    onBatch: (events: readonly RowEvent[]) => void,
  ): Promise<TopicReading> {
    for await (const batch of source.read(options)) {
      this.#notePlace(batch, options.from);
      onBatch(this.#rowEvents(batch));
      releaseMemory(batch.sizeBytes);
    }
    return {
      eventsCount: this.#eventsCount,
      refusedCount: this.#refusedCount,
      refusedKeys: this.#refusedKeys,
      positions: this.#positions,
      starts: this.#starts,
      ends: this.#ends,
    };
  }

  /** A source begins a lane that does not start at 0 with an empty batch. */
  #notePlace({ lane, messages, position, nextSequence }: Batch, from: ReadonlyMap<Lane, Position>) {
    const isFirst = !this.#positions.has(lane) && !from.has(lane);
    if (isFirst && messages.length === 0 && nextSequence > 0n) this.#starts.set(lane, nextSequence);
    this.#positions.set(lane, position);
    this.#ends.set(lane, nextSequence);
  }

  #rowEvents(batch: Batch): RowEvent[] {
    this.#eventsCount += batch.messages.length;
    return batch.messages.flatMap((message) => this.#rowEvent(batch, message) ?? []);
  }

  #rowEvent({ lane }: Batch, message: Message): RowEvent | undefined {
    const change = decodeChange(message);
    if (change.kind === "refuse") this.#refuse(message.key);
    else if (change.kind === "truncate") this.#refuseTruncate(lane, message, change);
    else if (change.kind !== "ignore" && this.#belongs(change)) {
      return { key: change.key, lane, message, change };
    }
    return undefined;
  }

  #refuseTruncate(lane: Lane, { sequence }: Message, { lsn }: Truncate): void {
    const { truncatedAtLsn = 0, onTruncate } = this.#options;
    if (lsn !== undefined && lsn <= truncatedAtLsn) return;
    refuseTruncate({ lane }, { truncatedAt: { sequence, lsn } }, onTruncate);
  }

  #belongs({ key, lsn }: RowEvent["change"]): boolean {
    const { truncatedAtLsn = 0 } = this.#options;
    if (lsn !== undefined && lsn < truncatedAtLsn) return false;
    if (key === "" || Buffer.byteLength(key) > KEY_MAX_BYTES) {
      this.#refuse(key);
      return false;
    }
    return !this.#skipTypes.has(parseEntityKey(key).type);
  }

  #refuse(key: string | Uint8Array | null): void {
    this.#refusedCount += 1;
    if (this.#refusedKeys.length >= MAX_REFUSED_KEYS_COUNT) return;
    this.#refusedKeys.push(shownKey(key) ?? "");
  }
}

/** Sets in `rows` what these events make of their rows. */
export function foldRowEvents(rows: ExpectedRows, events: readonly RowEvent[]): void {
  rows.together(() => {
    for (const { key, lane, message, change } of events) {
      const version = versionOf(message.sequence);
      if (change.kind === "upsert") {
        const { document } = entityDocument(key, change.row);
        const text = contentText(document);
        rows.noteSize(text.length);
        rows.put(key, { state: "live", lane, version, contentHash: hashOfText(text) });
      } else if (change.kind === "delete") {
        rows.put(key, { state: "deleted", lane, version, contentHash: 0n });
      } else if (leavesUnknown(rows.find(key)?.state, change.isNewKey)) {
        rows.put(key, { state: "unknown", lane, version, contentHash: 0n });
      }
    }
  });
}

/** Takes out of the findings what a sync has made of these later events. */
export function explainFindings(rows: ExpectedRows, events: readonly RowEvent[]): void {
  rows.together(() => {
    for (const { key, change } of events) {
      if (change.kind === "upsert") {
        rows.explain(key, contentHash(entityDocument(key, change.row).document));
      } else if (change.kind === "delete") {
        rows.explain(key, undefined);
      } else if (leavesUnknown(rows.find(key)?.state, change.isNewKey)) {
        rows.dropFinding(key);
      }
    }
  });
}

/**
 * A value that was not sent leaves the row as it was. Of a row that was never there, or that was
 * made anew under this key, nothing is known then; an update of a row that is gone is an echo.
 */
function leavesUnknown(
  before: "live" | "deleted" | "unknown" | undefined,
  isNewKey: boolean,
): boolean {
  return before === undefined || (before === "deleted" && isNewKey);
}
