import { BufferPool } from "../../base/buffer_pool.ts";
import { KonnError } from "../../base/errors.ts";
import type { Message } from "../../connector/mod.ts";
import type { PackedMessages } from "../../connector/packed_messages.ts";
import { compress, COMPRESSIONS, type Compression } from "./compression.ts";
import { crc32c } from "./crc32c.ts";
import { LAYOUT, MAGIC, TRANSACTIONAL_BIT } from "./record_batch_layout.ts";
import { varintBytes, varlongBytes, writeVarint, writeVarlong } from "./varint.ts";

const {
  LENGTH_AT,
  LEADER_EPOCH_AT,
  LENGTH_BASE_BYTES,
  MAGIC_AT,
  CRC_AT,
  ATTRIBUTES_AT,
  LAST_OFFSET_DELTA_AT,
  BASE_TIMESTAMP_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_ID_AT,
  PRODUCER_EPOCH_AT,
  BASE_SEQUENCE_AT,
  RECORD_COUNT_AT,
  RECORDS_AT,
} = LAYOUT;

const NO_LEADER_EPOCH = -1;
/** The attributes of a record, which have no meaning yet. */
const ATTRIBUTES_BYTES = 1;
const MAX_VARINT_BYTES = 5;

/** A record on its way to Kafka: a message without its sequence, which the broker assigns. */
export type OutgoingRecord = Pick<Message, "key" | "value" | "headers" | "timestampMs">;

/** What the records of a batch have in common. */
export interface EncodeOptions {
  /** From InitProducerId; -1 for a producer that is not idempotent. */
  readonly producerId: bigint;
  /** From InitProducerId; -1 for a producer that is not idempotent. */
  readonly producerEpoch: number;
  /**
   * The sequence of the first record, which the caller counts per partition from 0 on, one a
   * record, going from 2^31-1 back to 0; -1 for a producer that is not idempotent.
   */
  readonly firstSequence: number;
  readonly transactional: boolean;
  readonly compression: Compression;
}

const pool = new BufferPool();

/**
 * Makes a record batch of records as they come, each of which is copied at once. Timestamps are taken
 * as they are, as whole milliseconds, and count as the time of creation.
 */
export class RecordBatchBuilder {
  #buffer: Buffer;
  #length: number = RECORDS_AT;
  #count = 0;
  #baseTimestampMs = 0;
  #maxTimestampMs = 0;

  /** @param expectedBytes how large the batch will be, about: spares growing */
  constructor(expectedBytes = 0) {
    this.#buffer = pool.take(Math.max(expectedBytes, RECORDS_AT));
  }

  get count(): number {
    return this.#count;
  }

  /** Of the batch as it is now, if nothing packs it. */
  get sizeBytes(): number {
    return this.#length;
  }

  add({ key, value, headers, timestampMs }: OutgoingRecord): void {
    const timestampDelta = this.#stamp(timestampMs);
    let bodyBytes =
      ATTRIBUTES_BYTES +
      varlongBytes(timestampDelta) +
      varintBytes(this.#count) +
      nullableBytes(key) +
      nullableBytes(value) +
      varintBytes(headers.length);
    for (const header of headers) {
      const nameBytes = Buffer.byteLength(header.name);
      bodyBytes += varintBytes(nameBytes) + nameBytes + nullableBytes(header.value);
    }
    this.#begin(bodyBytes, timestampDelta);
    this.#writeNullable(key);
    this.#writeNullable(value);
    this.#writeVarint(headers.length);
    for (const header of headers) {
      this.#writeVarint(Buffer.byteLength(header.name));
      this.#length += this.#buffer.write(header.name, this.#length, "utf8");
      this.#writeNullable(header.value);
    }
    this.#count += 1;
  }

  /** Adds message number `index`, straight from where it lies. */
  addPacked(packed: PackedMessages, index: number, timestampMs: number): void {
    const keyStart = packed.keyStart(index);
    const keyEnd = packed.keyEnd(index);
    const valueStart = packed.valueStart(index);
    const valueEnd = packed.valueEnd(index);
    const keyBytes = keyEnd - keyStart;
    const valueBytes = valueEnd - valueStart;
    const timestampDelta = this.#stamp(timestampMs);
    const headersBytes = 1;
    this.#begin(
      ATTRIBUTES_BYTES +
        varlongBytes(timestampDelta) +
        varintBytes(this.#count) +
        varintBytes(keyBytes) +
        keyBytes +
        varintBytes(valueBytes) +
        valueBytes +
        headersBytes,
      timestampDelta,
    );
    this.#writeVarint(keyBytes);
    this.#copy(packed.keyBytes(index), keyStart, keyEnd);
    this.#writeVarint(valueBytes);
    this.#copy(packed.bytes, valueStart, valueEnd);
    this.#writeVarint(0);
    this.#count += 1;
  }

  /**
   * The finished batch. It may be sealed again, with other options: what was returned before counts
   * no more then.
   *
   * Throws `KAFKA_EMPTY_BATCH` when there is no record, since brokers refuse a batch without any.
   */
  seal(options: EncodeOptions): Buffer {
    if (this.#count === 0) {
      throw new KonnError("Cannot encode a record batch: it has no records", {
        code: "KAFKA_EMPTY_BATCH",
        kind: "failed",
      });
    }
    let batch = this.#buffer.subarray(0, this.#length);
    if (options.compression !== "none") {
      const section = compress(batch.subarray(RECORDS_AT), options.compression);
      batch = Buffer.allocUnsafe(RECORDS_AT + section.length);
      batch.set(section, RECORDS_AT);
    }
    batch.writeBigInt64BE(BigInt(this.#baseTimestampMs), BASE_TIMESTAMP_AT);
    batch.writeBigInt64BE(BigInt(this.#maxTimestampMs), MAX_TIMESTAMP_AT);
    batch.writeInt32BE(this.#count - 1, LAST_OFFSET_DELTA_AT);
    batch.writeInt32BE(this.#count, RECORD_COUNT_AT);
    writeCommonHeader(batch, options);
    batch.writeUInt32BE(crc32c(batch, ATTRIBUTES_AT), CRC_AT);
    return batch;
  }

  /** Nobody reads the batch any more, and nothing more is added. */
  recycle(): void {
    pool.give(this.#buffer);
    this.#buffer = Buffer.alloc(0);
  }

  /** How long after the first record this one is, in milliseconds. */
  #stamp(timestampMs: number): number {
    if (this.#count === 0) {
      this.#baseTimestampMs = timestampMs;
      this.#maxTimestampMs = timestampMs;
    } else if (timestampMs > this.#maxTimestampMs) {
      this.#maxTimestampMs = timestampMs;
    }
    return timestampMs - this.#baseTimestampMs;
  }

  /** Writes what stands in front of the key, and makes room for all of the record. */
  #begin(bodyBytes: number, timestampDelta: number): void {
    this.#reserve(MAX_VARINT_BYTES + bodyBytes);
    this.#writeVarint(bodyBytes);
    this.#buffer[this.#length++] = 0;
    this.#length = writeVarlong(this.#buffer, this.#length, timestampDelta);
    this.#writeVarint(this.#count);
  }

  #writeNullable(bytes: Uint8Array | null): void {
    this.#writeVarint(bytes === null ? -1 : bytes.length);
    if (bytes === null) return;
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #writeVarint(value: number): void {
    this.#length = writeVarint(this.#buffer, this.#length, value);
  }

  #copy(from: Uint8Array, start: number, end: number): void {
    copyBytes.call(from, this.#buffer, this.#length, start, end);
    this.#length += end - start;
  }

  #reserve(count: number): void {
    const wanted = this.#length + count;
    if (wanted <= this.#buffer.length) return;
    const grown = pool.take(Math.max(wanted, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    pool.give(this.#buffer);
    this.#buffer = grown;
  }
}

/** Copies a part without making a view of it first. */
const copyBytes = Buffer.prototype.copy;

/** The fields of the header that do not depend on the records. The offset is the broker's. */
function writeCommonHeader(batch: Buffer, options: EncodeOptions): void {
  const compressionCode = COMPRESSIONS.indexOf(options.compression);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.length - LENGTH_BASE_BYTES, LENGTH_AT);
  batch.writeInt32BE(NO_LEADER_EPOCH, LEADER_EPOCH_AT);
  batch.writeInt8(MAGIC, MAGIC_AT);
  batch.writeInt16BE(
    options.transactional ? compressionCode | TRANSACTIONAL_BIT : compressionCode,
    ATTRIBUTES_AT,
  );
  batch.writeBigInt64BE(options.producerId, PRODUCER_ID_AT);
  batch.writeInt16BE(options.producerEpoch, PRODUCER_EPOCH_AT);
  batch.writeInt32BE(options.firstSequence, BASE_SEQUENCE_AT);
}

function nullableBytes(bytes: Uint8Array | null): number {
  return bytes === null ? varintBytes(-1) : varintBytes(bytes.length) + bytes.length;
}
