import type { Message } from "../../connector/mod.ts";
import type { PackedMessages } from "../../connector/packed_messages.ts";
import { decodeRecordBatches } from "./record_batch.ts";
import {
  type EncodeOptions,
  type OutgoingRecord,
  RecordBatchBuilder,
} from "./record_batch_builder.ts";
import type { WriteTicket } from "./write_ticket.ts";

/** The most that a record takes beside its bytes: seven integers of variable length. */
const RECORD_OVERHEAD_BYTES = 32;
const HEADER_OVERHEAD_BYTES = 10;

/** Consecutive records of a batch that came with one call of `write`. */
interface Part {
  readonly ticket: WriteTicket;
  /** The number that the first of them has in its `write`. The others follow in its partition. */
  readonly firstIndex: number;
  count: number;
}

/** A record batch on its way, and who is to hear of its records. */
export class OutgoingBatch {
  readonly #builder: RecordBatchBuilder;
  readonly #parts: Part[] = [];

  /** @param expectedBytes how large it will be, about */
  constructor(expectedBytes: number) {
    this.#builder = new RecordBatchBuilder(expectedBytes);
  }

  /** At least the size that the record has in a batch. */
  static recordBytes({ key, value, headers }: Message): number {
    let size = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
    for (const header of headers) {
      size += HEADER_OVERHEAD_BYTES + Buffer.byteLength(header.name) + (header.value?.length ?? 0);
    }
    return size;
  }

  static packedBytes(packed: PackedMessages, index: number): number {
    return (
      RECORD_OVERHEAD_BYTES +
      (packed.keyEnd(index) - packed.keyStart(index)) +
      (packed.valueEnd(index) - packed.valueStart(index))
    );
  }

  get count(): number {
    return this.#builder.count;
  }

  get sizeBytes(): number {
    return this.#builder.sizeBytes;
  }

  add(record: OutgoingRecord, index: number, ticket: WriteTicket): void {
    this.#builder.add(record);
    this.#note(index, ticket);
  }

  addPacked(packed: PackedMessages, index: number, ticket: WriteTicket): void {
    this.#builder.addPacked(packed, index, ticket.startedMs);
    this.#note(index, ticket);
  }

  seal(options: EncodeOptions): Buffer {
    return this.#builder.seal(options);
  }

  /** It is in the log. Nothing may be done with it any more. */
  delivered(): void {
    for (const { ticket, count } of this.#parts) ticket.delivered(count);
    this.#builder.recycle();
  }

  /** Its only record can never be delivered. */
  rejected(code: string, reason: string): void {
    for (const { ticket, firstIndex } of this.#parts) ticket.rejected(firstIndex, code, reason);
    this.#builder.recycle();
  }

  fail(error: unknown): void {
    for (const { ticket } of this.#parts) ticket.fail(error);
  }

  /**
   * The first and the second half of it as batches of their own, in its place.
   *
   * @param encoded as it was sealed
   */
  split(encoded: Buffer): [OutgoingBatch, OutgoingBatch] {
    const options = { fetchOffset: 0n, abortedTransactions: [], readCommitted: false };
    const { messages } = decodeRecordBatches(encoded, options);
    const halves: [OutgoingBatch, OutgoingBatch] = [new OutgoingBatch(0), new OutgoingBatch(0)];
    const firstCount = Math.ceil(messages.length / 2);
    let at = 0;
    for (const { ticket, firstIndex, count } of this.#parts) {
      for (const index of ticket.indexesFrom(firstIndex, count)) {
        const message = messages[at];
        if (message !== undefined) halves[at < firstCount ? 0 : 1].add(message, index, ticket);
        at += 1;
      }
    }
    this.#builder.recycle();
    return halves;
  }

  #note(index: number, ticket: WriteTicket): void {
    const last = this.#parts.at(-1);
    if (last?.ticket === ticket) last.count += 1;
    else this.#parts.push({ ticket, firstIndex: index, count: 1 });
  }
}
