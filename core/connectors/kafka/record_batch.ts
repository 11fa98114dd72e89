/**
 * Kafka's record batch, magic 2: the form in which records travel in Produce and Fetch and lie on
 * the brokers' disks (https://kafka.apache.org/documentation/#recordbatch).
 */
import { KonnError } from "../../base/errors.ts";
import type { Header, Message } from "../../connector/mod.ts";
import { COMPRESSIONS, decompress } from "./compression.ts";
import { crc32c } from "./crc32c.ts";
import { DecompressedSizeError } from "./decompressed_size_error.ts";
import { LAYOUT, MAGIC, TRANSACTIONAL_BIT } from "./record_batch_layout.ts";
import { RecordReader } from "./varint.ts";

const {
  LENGTH_BASE_BYTES,
  LENGTH_AT,
  MAGIC_AT,
  CRC_AT,
  ATTRIBUTES_AT,
  LAST_OFFSET_DELTA_AT,
  BASE_TIMESTAMP_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
  RECORDS_AT,
} = LAYOUT;

/** The most that the records of one batch may unpack to. */
export const MAX_DECOMPRESSED_BYTES = 64 * 1024 * 1024;
/** Once the batches of one Fetch have unpacked to this, the rest is left for the next Fetch. */
const DECOMPRESSED_BUDGET_BYTES = 32 * 1024 * 1024;

const COMPRESSION_MASK = 0x07;
const LOG_APPEND_TIME_BIT = 0x08;
const CONTROL_BIT = 0x20;
/** The type of a control record, the second int16 of its key. */
const ABORT_MARKER = 0;

const NO_HEADERS: readonly Header[] = [];

/** A transaction that a Fetch response names as aborted. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

export interface DecodeOptions {
  /** The offset that was asked for. Brokers answer with whole batches, which may begin below it. */
  readonly fetchOffset: bigint;
  /** As the Fetch response lists them for this partition. */
  readonly abortedTransactions: readonly AbortedTransaction[];
  /** Leave out the records of aborted transactions. */
  readonly readCommitted: boolean;
}

/** What the record set of one partition in a Fetch response holds. */
export interface DecodedBatches {
  /** In the order of their offsets. Keys and values are views on the fetched bytes, if unpacked. */
  readonly messages: readonly Message[];
  /**
   * Where the next Fetch starts: behind the last batch that was decoded, even if none of its
   * records is in `messages`, and never below the offset that was asked for.
   */
  readonly nextOffset: bigint;
  /** Records of control batches (commit and abort markers), which are no messages. */
  readonly controlRecordCount: number;
  /** Records of aborted transactions that were left out, whole batches at a time. */
  readonly abortedRecordCount: number;
  /**
   * 0, or, when there are bytes but not one whole batch, the size that the first one announces: the
   * least that the next Fetch must allow. It is as unchecked as the bytes are. Brokers send the
   * first batch whole whatever the limit (KIP-74), so this is seen only with one that does not.
   */
  readonly needBytes: number;
}

/**
 * Reads the record set of one partition: whole batches and perhaps the beginning of another, which
 * is passed over. It may stop early once much has been unpacked; `nextOffset` tells.
 *
 * Throws a `KonnError` that names the offset of the batch:
 * `KAFKA_CORRUPT_BATCH` when a checksum is wrong or a batch cannot be read,
 * `KAFKA_UNSUPPORTED_BATCH` for the format before Kafka 0.11 or an unknown compression,
 * `KAFKA_BATCH_TOO_LARGE` beyond {@link MAX_DECOMPRESSED_BYTES}.
 */
export function decodeRecordBatches(records: Buffer, options: DecodeOptions): DecodedBatches {
  const aborted = new AbortedProducers(options.abortedTransactions);
  const messages: Message[] = [];
  let nextOffset = options.fetchOffset;
  let controlRecordCount = 0;
  let abortedRecordCount = 0;
  let needBytes = 0;
  let decompressedBytes = 0;
  let position = 0;
  while (position < records.length && decompressedBytes < DECOMPRESSED_BUDGET_BYTES) {
    const sizeBytes = announcedBytes(records, position);
    if (position + sizeBytes > records.length) {
      if (position === 0) needBytes = sizeBytes;
      break;
    }
    const batch = openBatch(records.subarray(position, position + sizeBytes));
    position += sizeBytes;
    const isAborted = options.readCommitted && aborted.advance(batch);
    if (batch.isControl) {
      controlRecordCount += batch.recordCount;
    } else if (isAborted) {
      abortedRecordCount += batch.recordCount;
    } else {
      decompressedBytes += readRecords(batch, options.fetchOffset, messages);
    }
    const batchEnd = batch.lastOffset + 1n;
    if (batchEnd > nextOffset) nextOffset = batchEnd;
  }
  return { messages, nextOffset, controlRecordCount, abortedRecordCount, needBytes };
}

/** A whole batch whose checksum is right. */
interface Batch {
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly lastOffsetDelta: number;
  readonly baseTimestampMs: number;
  /** The time of all records, where the broker stamps them. */
  readonly appendTimestampMs: number | undefined;
  readonly producerId: bigint;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly compressionCode: number;
  readonly recordCount: number;
  /** The records, still packed. */
  readonly section: Buffer;
}

/** The size of the batch at `position`, of which as little as one byte may be there. */
function announcedBytes(records: Buffer, position: number): number {
  const availableBytes = records.length - position;
  if (availableBytes > MAGIC_AT) {
    const magic = records.readInt8(position + MAGIC_AT);
    if (magic !== MAGIC) {
      throw batchError(records.readBigInt64BE(position), {
        code: "KAFKA_UNSUPPORTED_BATCH",
        state: `its format is of version ${magic}, konn reads version ${MAGIC}`,
        hint: "Copy the topic into a new one with a client that still reads it, then read that.",
      });
    }
  }
  if (availableBytes < LENGTH_BASE_BYTES) return RECORDS_AT;
  const sizeBytes = LENGTH_BASE_BYTES + records.readInt32BE(position + LENGTH_AT);
  if (sizeBytes < RECORDS_AT) {
    throw corruptBatch(
      records.readBigInt64BE(position),
      `it announces ${sizeBytes} bytes, less than a header has`,
    );
  }
  return sizeBytes;
}

/** Verifies the checksum and reads the header of a whole batch. */
function openBatch(bytes: Buffer): Batch {
  const baseOffset = bytes.readBigInt64BE(0);
  if (crc32c(bytes, ATTRIBUTES_AT) !== bytes.readUInt32BE(CRC_AT)) {
    throw corruptBatch(baseOffset, "its checksum is wrong");
  }
  const attributes = bytes.readInt16BE(ATTRIBUTES_AT);
  const lastOffsetDelta = bytes.readInt32BE(LAST_OFFSET_DELTA_AT);
  const recordCount = bytes.readInt32BE(RECORD_COUNT_AT);
  if (lastOffsetDelta < 0 || recordCount < 0) {
    throw corruptBatch(baseOffset, "its header counts less than nothing");
  }
  const hasAppendTime = (attributes & LOG_APPEND_TIME_BIT) !== 0;
  return {
    baseOffset,
    lastOffset: baseOffset + BigInt(lastOffsetDelta),
    lastOffsetDelta,
    baseTimestampMs: Number(bytes.readBigInt64BE(BASE_TIMESTAMP_AT)),
    appendTimestampMs: hasAppendTime ? Number(bytes.readBigInt64BE(MAX_TIMESTAMP_AT)) : undefined,
    producerId: bytes.readBigInt64BE(PRODUCER_ID_AT),
    isTransactional: (attributes & TRANSACTIONAL_BIT) !== 0,
    isControl: (attributes & CONTROL_BIT) !== 0,
    compressionCode: attributes & COMPRESSION_MASK,
    recordCount,
    section: bytes.subarray(RECORDS_AT),
  };
}

/**
 * Appends the records at `fetchOffset` or above to `messages` and returns how many bytes they were
 * unpacked to, 0 if they were not packed.
 */
function readRecords(batch: Batch, fetchOffset: bigint, messages: Message[]): number {
  const compression = COMPRESSIONS[batch.compressionCode];
  if (compression === undefined) {
    throw batchError(batch.baseOffset, {
      code: "KAFKA_UNSUPPORTED_BATCH",
      state: `its compression has the unknown code ${batch.compressionCode}`,
    });
  }
  try {
    const section = decompress(batch.section, compression, MAX_DECOMPRESSED_BYTES);
    parseRecords(section, batch, fetchOffset, messages);
    return compression === "none" ? 0 : section.length;
  } catch (cause) {
    if (cause instanceof DecompressedSizeError) {
      throw batchError(batch.baseOffset, {
        code: "KAFKA_BATCH_TOO_LARGE",
        state: `its ${compression} data unpacks to more than ${MAX_DECOMPRESSED_BYTES} bytes`,
        hint: "Let the producer send smaller batches (batch.size).",
        cause,
      });
    }
    throw corruptBatch(batch.baseOffset, "its records cannot be read", cause);
  }
}

function parseRecords(
  section: Uint8Array,
  batch: Batch,
  fetchOffset: bigint,
  messages: Message[],
): void {
  // A plain view makes cheaper subarrays than a Buffer does.
  const bytes = new Uint8Array(section.buffer, section.byteOffset, section.byteLength);
  const reader = new RecordReader(bytes);
  const firstWantedDelta = Number(fetchOffset - batch.baseOffset);
  let previousDelta = -1;
  for (let index = 0; index < batch.recordCount; index++) {
    const bodyBytes = reader.readVarint();
    const endPosition = reader.position + bodyBytes;
    reader.readByte(); // The attributes of a record have no meaning yet.
    const timestampDelta = reader.readVarlong();
    const offsetDelta = reader.readVarint();
    if (offsetDelta <= previousDelta || offsetDelta > batch.lastOffsetDelta) {
      throw new RangeError("the offsets of the records are out of order");
    }
    previousDelta = offsetDelta;
    const key = reader.readBytes();
    const value = reader.readBytes();
    const headers = readHeaders(reader);
    if (reader.position !== endPosition) {
      throw new RangeError("a record is not as long as it announces");
    }
    if (offsetDelta < firstWantedDelta) continue;
    messages.push({
      sequence: batch.baseOffset + BigInt(offsetDelta),
      key,
      value,
      headers,
      timestampMs: batch.appendTimestampMs ?? batch.baseTimestampMs + timestampDelta,
    });
  }
  if (reader.position !== bytes.length) throw new RangeError("bytes follow the last record");
}

function readHeaders(reader: RecordReader): readonly Header[] {
  const count = reader.readVarint();
  if (count === 0) return NO_HEADERS;
  if (count < 0) throw new RangeError("a record has less than no headers");
  const headers: Header[] = [];
  for (let index = 0; index < count; index++) {
    const name = reader.readBytes();
    if (name === null) throw new RangeError("a header has no name");
    headers.push({ name: utf8(name), value: reader.readBytes() });
  }
  return headers;
}

/** Bytes that are not UTF-8 become U+FFFD: Kafka wants header names in UTF-8. */
function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

/**
 * Tells which batches belong to aborted transactions, as the Java client does (CompletedFetch): a
 * producer counts as aborted from the first offset of a listed transaction to its abort marker.
 */
class AbortedProducers {
  readonly #producerIds = new Set<bigint>();
  /** By first offset, the lowest last. */
  readonly #upcoming: AbortedTransaction[];

  constructor(transactions: readonly AbortedTransaction[]) {
    this.#upcoming = transactions.toSorted((a, b) => (a.firstOffset < b.firstOffset ? 1 : -1));
  }

  /** Goes on to the next batch of the partition and tells whether its records are aborted. */
  advance(batch: Batch): boolean {
    for (
      let next = this.#upcoming.at(-1);
      next !== undefined && next.firstOffset <= batch.lastOffset;
      next = this.#upcoming.at(-1)
    ) {
      this.#producerIds.add(next.producerId);
      this.#upcoming.pop();
    }
    if (batch.isControl) {
      if (isAbortMarker(batch)) this.#producerIds.delete(batch.producerId);
      return false;
    }
    return batch.isTransactional && this.#producerIds.has(batch.producerId);
  }
}

/** Whether the first record of a control batch, which compaction may have removed, is an abort. */
function isAbortMarker(batch: Batch): boolean {
  const markers: Message[] = [];
  readRecords(batch, batch.baseOffset, markers);
  const key = markers[0]?.key;
  return key?.[2] === 0 && key[3] === ABORT_MARKER;
}

interface BatchErrorDetails {
  readonly code: string;
  readonly state: string;
  readonly hint?: string;
  readonly cause?: unknown;
}

function corruptBatch(offset: bigint, state: string, cause?: unknown): KonnError {
  return batchError(offset, {
    code: "KAFKA_CORRUPT_BATCH",
    state,
    hint: "Read the partition with another client: if that fails as well, the broker's copy is damaged.",
    cause,
  });
}

function batchError(offset: bigint, { state, ...options }: BatchErrorDetails): KonnError {
  return new KonnError(`Cannot decode the record batch at offset ${offset}: ${state}`, options);
}
