import { releaseGiant } from "../../base/release_memory.ts";
import { NO_TIMESTAMP, type Message } from "../../connector/mod.ts";
import type { Compression } from "./compression.ts";
import type { Routed } from "./leader_router.ts";
import type { ProducerSession } from "./producer_session.ts";
import { encodeRecordBatch, type OutgoingRecord } from "./record_batch.ts";
import { NO_LEADER } from "./topics.ts";
import type { WriteTicket } from "./write_ticket.ts";

/** Brokers take batches up to 1 MiB where nobody said otherwise (message.max.bytes). */
const USUAL_BATCH_BYTES = 900 * 1024;
const MIN_BATCH_BYTES = 16 * 1024;
/** The most that a record takes beside its bytes: seven integers of variable length. */
const RECORD_OVERHEAD_BYTES = 32;
const HEADER_OVERHEAD_BYTES = 10;
/** Sent records at the front of the queue before it is moved together. */
const MAX_SENT_COUNT = 4_096;

/** A message that waits for its delivery, and who is to hear of it. */
export interface PendingRecord {
  readonly message: Message;
  readonly ticket: WriteTicket;
}

interface PendingBatch {
  readonly records: readonly PendingRecord[];
  /** Sent again as it is, byte by byte, until its fate is known. */
  readonly encoded: Buffer;
}

/** What is to be written to one partition, in order, and the one batch that is on its way. */
export class PartitionQueue implements Routed {
  readonly topic: string;
  readonly partition: number;
  leader: number = NO_LEADER;
  isAstray = false;
  /** Its batch is part of a request. */
  isBusy = false;
  /** When it was last part of a request; who waited longest is served first. */
  servedAt = 0;
  #records: PendingRecord[] = [];
  #sentCount = 0;
  /** Halves of a batch that was refused, the first one last. */
  readonly #halves: (readonly PendingRecord[])[] = [];
  #batch: PendingBatch | undefined;
  #maxBatchBytes: number = USUAL_BATCH_BYTES;

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  get isEmpty(): boolean {
    return (
      this.#batch === undefined &&
      this.#halves.length === 0 &&
      this.#sentCount === this.#records.length
    );
  }

  add(record: PendingRecord): void {
    this.#records.push(record);
  }

  /** The batch to send: the last one again, until one of the three below was called. */
  nextBatch(session: ProducerSession, compression: Compression): Buffer {
    this.#batch ??= this.#encode(this.#halves.pop() ?? this.#takeRecords(), session, compression);
    return this.#batch.encoded;
  }

  /** The batch is in the log. */
  delivered(session: ProducerSession): void {
    const records = this.#takeBatch();
    session.advance(this.topic, this.partition, records.length);
    for (const { ticket } of records) ticket.delivered();
  }

  /** The broker does not take the batch: down to one record, parts of it may do. */
  refused(code: string, reason: string): void {
    const records = this.#takeBatch();
    const [first] = records;
    if (records.length === 1 && first !== undefined) {
      first.ticket.rejected(first.message, code, reason);
      return;
    }
    const middle = Math.ceil(records.length / 2);
    this.#halves.push(records.slice(middle), records.slice(0, middle));
  }

  /** The topic takes less than is usual: spares the next batches the detour. */
  makeBatchesSmaller(): void {
    if ((this.#batch?.records.length ?? 0) <= 1) return;
    this.#maxBatchBytes = Math.max(MIN_BATCH_BYTES, Math.floor(this.#maxBatchBytes / 2));
  }

  /** Everybody who waits hears that nothing is known. */
  fail(error: unknown): void {
    const waiting = [this.#batch?.records ?? [], ...this.#halves, this.#records];
    for (const { ticket } of waiting.flat()) ticket.fail(error);
    this.#batch = undefined;
    this.#halves.length = 0;
    this.#records = [];
    this.#sentCount = 0;
  }

  #takeBatch(): readonly PendingRecord[] {
    const { records = [], encoded } = this.#batch ?? {};
    this.#batch = undefined;
    releaseGiant(encoded?.length ?? 0);
    return records;
  }

  #encode(
    records: readonly PendingRecord[],
    session: ProducerSession,
    compression: Compression,
  ): PendingBatch {
    const nowMs = Date.now();
    const outgoing = records.map(({ message }) => stamped(message, nowMs));
    const encoded = encodeRecordBatch(outgoing, {
      producerId: session.producerId,
      producerEpoch: session.producerEpoch,
      firstSequence: session.nextSequence(this.topic, this.partition),
      transactional: session.transactionalId !== null,
      compression,
    });
    return { records, encoded };
  }

  /** As many as fit into a batch, at least one. */
  #takeRecords(): readonly PendingRecord[] {
    const start = this.#sentCount;
    let end = start;
    for (let size = 0; end < this.#records.length; end++) {
      const record = this.#records[end];
      if (record === undefined) break;
      size += recordBytes(record.message);
      if (size > this.#maxBatchBytes && end > start) break;
    }
    const taken = this.#records.slice(start, end);
    this.#sentCount = end;
    if (end === this.#records.length || end > MAX_SENT_COUNT) {
      this.#records = this.#records.slice(end);
      this.#sentCount = 0;
    }
    return taken;
  }
}

function stamped(message: Message, nowMs: number): OutgoingRecord {
  if (message.timestampMs !== NO_TIMESTAMP) return message;
  const { key, value, headers } = message;
  return { key, value, headers, timestampMs: nowMs };
}

/** At least the size that the record has in a batch. */
function recordBytes({ key, value, headers }: Message): number {
  let size = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) {
    size += HEADER_OVERHEAD_BYTES + Buffer.byteLength(header.name) + (header.value?.length ?? 0);
  }
  return size;
}
