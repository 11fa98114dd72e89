import { KonnError } from "../../base/errors.ts";
import type { Batch, Counts, Lane, Message, Origin, Position } from "../../connector/mod.ts";
import type { FetchedPartition } from "./fetch_request.ts";
import type { Routed } from "./leader_router.ts";
import { decodeRecordBatches } from "./record_batch.ts";
import { NO_LEADER } from "./topics.ts";

/** What a partition may fill of one response, unless one batch alone is larger. */
const PARTITION_FETCH_BYTES = 1024 * 1024;
/** The most that is asked for a batch that a broker does not send whole by itself. */
const MAX_BATCH_BYTES = 32 * 1024 * 1024;
/** What a message takes beside its bytes: the objects around them, roughly. */
const MESSAGE_OVERHEAD_BYTES = 256;

/**
 * That nothing is left at an offset is believed when the leader has said so again and again: one
 * empty answer may also come from a broker that gave up waiting for its remote storage (KIP-405).
 */
const GAP_ANSWERS_COUNT = 3;
const GAP_AFTER_MS = 1_000;

const NOTHING_SKIPPED: Counts = {};

/** The name of the lane of a partition. */
export function laneOf(topic: string, partition: number): Lane {
  return `${topic}/${partition}`;
}

/** Reads a position of ours, which is the decimal offset of the next record. */
export function offsetOf(lane: Lane, position: Position): bigint {
  if (/^\d{1,19}$/.test(position)) return BigInt(position);
  throw new KonnError(`Cannot resume ${lane}: its position is not an offset`, {
    code: "KAFKA_POSITION_INVALID",
    hint: "Start over with --from-beginning.",
  });
}

/** How far a partition has been read, and how far it is to be read. */
export class PartitionCursor implements Routed {
  readonly topic: string;
  readonly partition: number;
  readonly lane: Lane;
  leader: number = NO_LEADER;
  isAstray = false;
  /** It is part of a request, or of a response that has not been taken apart yet. */
  isBusy = false;
  /** When it last had records; who waited longest is served first. */
  servedAt = 0;
  maxBytes: number = PARTITION_FETCH_BYTES;
  /** Since when reading waits for a transaction that is open below the end. */
  blockedSinceMs: number | undefined;
  #emptySinceMs = 0;
  #emptyAnswersCount = 0;
  readonly #origin: Origin;
  /** In bounded reading, the end. */
  readonly #end: bigint | undefined;
  #offset: bigint;

  constructor(topic: string, partition: number, range: { start: bigint; end: bigint | undefined }) {
    this.topic = topic;
    this.partition = partition;
    this.lane = laneOf(topic, partition);
    this.#origin = { topic, partition };
    this.#offset = range.start;
    this.#end = range.end;
  }

  /** The offset of the next record to read. */
  get offset(): bigint {
    return this.#offset;
  }

  get isDone(): boolean {
    return this.#end !== undefined && this.#offset >= this.#end;
  }

  /** A batch of nothing that says where reading begins. */
  place(): Batch {
    return this.#batch([], 0);
  }

  /** Whether a decision about a transaction is all that is missing to go on to the end. */
  isBlockedBy({ highWatermark, lastStableOffset }: FetchedPartition): boolean {
    if (this.#end === undefined || this.isDone) return false;
    return this.#offset >= lastStableOffset && lastStableOffset < highWatermark;
  }

  /** Whether the leader has not heard yet how far the partition had been replicated. */
  isAheadOf({ highWatermark }: FetchedPartition): boolean {
    return this.#end !== undefined && !this.isDone && this.#offset >= highWatermark;
  }

  /**
   * Takes what was fetched at `offset` and moves on behind it. Undefined when that brings nothing:
   * no message and no progress.
   */
  take(fetched: FetchedPartition): Batch | undefined {
    this.#emptyAnswersCount = 0;
    const decoded = decodeRecordBatches(fetched.records, {
      fetchOffset: this.#offset,
      abortedTransactions: fetched.abortedTransactions,
      readCommitted: true,
    });
    if (decoded.needBytes > 0) this.#allow(decoded.needBytes);
    return this.#advance(decoded.messages, decoded.nextOffset);
  }

  /**
   * The leader says that it has nothing at `offset` or above that may be seen. Once that is certain,
   * what lies below the end is gone (compaction took the last records), as far as transactions are
   * decided. Undefined as long as it is not.
   */
  takeGap({ lastStableOffset }: FetchedPartition, nowMs: number): Batch | undefined {
    if (this.#end === undefined || lastStableOffset <= this.#offset) return undefined;
    if (this.#emptyAnswersCount === 0) this.#emptySinceMs = nowMs;
    this.#emptyAnswersCount += 1;
    const isCertain =
      this.#emptyAnswersCount >= GAP_ANSWERS_COUNT && nowMs - this.#emptySinceMs >= GAP_AFTER_MS;
    if (!isCertain) return undefined;
    this.#emptyAnswersCount = 0;
    return this.#advance([], lastStableOffset);
  }

  #advance(found: readonly Message[], foundEnd: bigint): Batch | undefined {
    const end = this.#end;
    const isBeyondEnd = end !== undefined && foundEnd > end;
    const next = isBeyondEnd ? end : foundEnd;
    if (next === this.#offset) return undefined;
    this.#offset = next;
    const messages: Message[] = [];
    let sizeBytes = 0;
    for (const message of found) {
      if (isBeyondEnd && message.sequence >= end) break;
      const { sequence, key, value, headers, timestampMs } = message;
      messages.push({ sequence, key, value, headers, timestampMs, origin: this.#origin });
      sizeBytes += messageBytes(message);
    }
    return this.#batch(messages, sizeBytes);
  }

  #batch(messages: readonly Message[], sizeBytes: number): Batch {
    return {
      lane: this.lane,
      messages,
      position: this.#offset.toString(),
      nextSequence: this.#offset,
      rejections: [],
      skipped: NOTHING_SKIPPED,
      sizeBytes,
    };
  }

  #allow(batchBytes: number): void {
    if (batchBytes > MAX_BATCH_BYTES) {
      throw new KonnError(
        `Cannot read ${this.lane} at offset ${this.#offset}: its record batch has ${batchBytes} bytes, more than the ${MAX_BATCH_BYTES} that konn reads at once`,
        { code: "KAFKA_BATCH_TOO_LARGE" },
      );
    }
    this.maxBytes = Math.max(this.maxBytes, batchBytes);
  }
}

function messageBytes({ key, value, headers }: Message): number {
  let size = MESSAGE_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) size += header.name.length + (header.value?.length ?? 0);
  return size;
}
