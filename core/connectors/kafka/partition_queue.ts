import { type Message, NO_TIMESTAMP } from "../../connector/mod.ts";
import type { PackedMessages } from "../../connector/packed_messages.ts";
import type { Compression } from "./compression.ts";
import type { Routed } from "./leader_router.ts";
import type { ProducerSession } from "./producer_session.ts";
import { OutgoingBatch } from "./outgoing_batch.ts";
import { NO_LEADER } from "./topics.ts";
import type { WriteTicket } from "./write_ticket.ts";

/** Brokers take batches up to 1 MiB where nobody said otherwise (message.max.bytes). */
const USUAL_BATCH_BYTES = 900 * 1024;
const MIN_BATCH_BYTES = 16 * 1024;

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
  /** Batches that wait, the last of which may still grow. */
  readonly #waiting: OutgoingBatch[] = [];
  /** Halves of a batch that was refused, the first one last. */
  readonly #halves: OutgoingBatch[] = [];
  /** Sent again as it is, byte by byte, until its fate is known. */
  #current: { readonly batch: OutgoingBatch; readonly encoded: Buffer } | undefined;
  #maxBatchBytes: number = USUAL_BATCH_BYTES;
  /** Of the last batch that was sent: the next one may well be of that size. */
  #usualBytes = 0;

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  get isEmpty(): boolean {
    return this.#current === undefined && this.#halves.length === 0 && this.#waiting.length === 0;
  }

  /** Takes message number `index` of a `write`. */
  add(message: Message, index: number, ticket: WriteTicket): void {
    const { key, value, headers } = message;
    const timestampMs =
      message.timestampMs === NO_TIMESTAMP ? ticket.startedMs : message.timestampMs;
    const batch = this.#batchFor(OutgoingBatch.recordBytes(message));
    batch.add({ key, value, headers, timestampMs }, index, ticket);
  }

  addPacked(packed: PackedMessages, index: number, ticket: WriteTicket): void {
    this.#batchFor(OutgoingBatch.packedBytes(packed, index)).addPacked(packed, index, ticket);
  }

  /** The batch to send: the last one again, until one of the three below was called. */
  nextBatch(session: ProducerSession, compression: Compression): Buffer {
    this.#current ??= this.#encode(this.#halves.pop() ?? this.#waiting.shift(), {
      session,
      compression,
    });
    return this.#current.encoded;
  }

  /** The batch is in the log. */
  delivered(session: ProducerSession): void {
    const batch = this.#takeBatch();
    if (batch === undefined) return;
    session.advance(this.topic, this.partition, batch.count);
    batch.delivered();
  }

  /** The broker does not take the batch: down to one record, parts of it may do. */
  refused(code: string, reason: string): void {
    const encoded = this.#current?.encoded;
    const batch = this.#takeBatch();
    if (batch === undefined || encoded === undefined) return;
    if (batch.count === 1) batch.rejected(code, reason);
    else this.#halves.push(...batch.split(encoded).toReversed());
  }

  /** The topic takes less than is usual: spares the next batches the detour. */
  makeBatchesSmaller(): void {
    if ((this.#current?.batch.count ?? 0) <= 1) return;
    this.#maxBatchBytes = Math.max(MIN_BATCH_BYTES, Math.floor(this.#maxBatchBytes / 2));
  }

  /** Everybody who waits hears that nothing is known. */
  fail(error: unknown): void {
    for (const batch of [...this.#halves, ...this.#waiting]) batch.fail(error);
    this.#current?.batch.fail(error);
    this.#current = undefined;
    this.#halves.length = 0;
    this.#waiting.length = 0;
  }

  #takeBatch(): OutgoingBatch | undefined {
    const batch = this.#current?.batch;
    this.#current = undefined;
    return batch;
  }

  /** The batch that a record of this size belongs into. */
  #batchFor(bytes: number): OutgoingBatch {
    const last = this.#waiting.at(-1);
    if (last !== undefined && last.sizeBytes + bytes <= this.#maxBatchBytes) return last;
    const batch = new OutgoingBatch(Math.max(bytes, this.#usualBytes));
    this.#waiting.push(batch);
    return batch;
  }

  #encode(
    batch: OutgoingBatch | undefined,
    { session, compression }: { session: ProducerSession; compression: Compression },
  ): { readonly batch: OutgoingBatch; readonly encoded: Buffer } {
    if (batch === undefined) throw new Error("nothing waits to be sent");
    this.#usualBytes = Math.min(batch.sizeBytes, USUAL_BATCH_BYTES);
    const encoded = batch.seal({
      producerId: session.producerId,
      producerEpoch: session.producerEpoch,
      firstSequence: session.nextSequence(this.topic, this.partition),
      transactional: session.transactionalId !== null,
      compression,
    });
    return { batch, encoded };
  }
}
