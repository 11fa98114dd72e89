import { ProtocolError } from "./protocol_error.ts";
import type { AbortedTransaction } from "./record_batch.ts";
import type { KafkaRequest, KafkaResponse } from "./request.ts";
import { RequestWriter, type ResponseReader } from "./wire.ts";

export const FETCH_API_KEY = 1;
/** The last version that names topics and is not flexible (Kafka 2.3). */
export const FETCH_VERSION = 11;

const CONSUMER_REPLICA_ID = -1;
const READ_COMMITTED = 1;
const NO_SESSION_ID = 0;
const NO_SESSION_EPOCH = -1;
const NO_LEADER_EPOCH = -1;
const NO_LOG_START_OFFSET = -1n;

export interface FetchPartition {
  readonly topic: string;
  readonly partition: number;
  readonly fetchOffset: bigint;
  readonly maxBytes: number;
}

export interface FetchOptions {
  /** How long the broker may wait for the first new record. */
  readonly maxWaitMs: number;
  /** For all partitions; exceeded by a first batch that is larger. */
  readonly maxBytes: number;
}

export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: bigint;
  /** Below it every transaction is decided; read_committed readers see no further. */
  readonly lastStableOffset: bigint;
  readonly abortedTransactions: readonly AbortedTransaction[];
  /** Record batches, a view on the response. */
  readonly records: Buffer;
}

/**
 * Asks for committed records. The order of the partitions matters: brokers fill the response in
 * that order, and send the first batch that they find whole whatever its size (KIP-74).
 */
export function fetchRequest(
  partitions: readonly FetchPartition[],
  options: FetchOptions,
): KafkaRequest<readonly FetchedPartition[]> {
  return {
    apiKey: FETCH_API_KEY,
    apiVersion: FETCH_VERSION,
    apiName: "Fetch",
    isFlexible: false,
    body: [encodeFetch(partitions, options)],
    decode: decodeFetch,
  };
}

function encodeFetch(partitions: readonly FetchPartition[], options: FetchOptions): Buffer {
  const minBytes = 1;
  const writer = new RequestWriter()
    .int32(CONSUMER_REPLICA_ID)
    .int32(options.maxWaitMs)
    .int32(minBytes)
    .int32(options.maxBytes)
    .int8(READ_COMMITTED)
    .int32(NO_SESSION_ID)
    .int32(NO_SESSION_EPOCH);
  // A topic may stand in the list more than once, so one entry a partition keeps their order.
  writer.int32(partitions.length);
  for (const { topic, partition, fetchOffset, maxBytes } of partitions) {
    writer.string(topic).int32(1);
    writer.int32(partition).int32(NO_LEADER_EPOCH).int64(fetchOffset);
    writer.int64(NO_LOG_START_OFFSET).int32(maxBytes);
  }
  const forgottenTopicsCount = 0;
  const rackId = "";
  return writer.int32(forgottenTopicsCount).string(rackId).finish();
}

function decodeFetch(reader: ResponseReader): KafkaResponse<readonly FetchedPartition[]> {
  const throttleMs = reader.int32();
  const errorCode = reader.int16();
  if (errorCode !== 0) throw new ProtocolError(errorCode);
  reader.int32(); // The session id.
  const topics = reader.array(() => {
    const topic = reader.string() ?? "";
    return reader.array(() => readPartition(reader, topic));
  });
  return { value: topics.flat(), throttleMs };
}

function readPartition(reader: ResponseReader, topic: string): FetchedPartition {
  const partition = reader.int32();
  const errorCode = reader.int16();
  const highWatermark = reader.int64();
  const lastStableOffset = reader.int64();
  reader.int64(); // The offset at which the log starts.
  const abortedTransactions = reader.array(() => ({
    producerId: reader.int64(),
    firstOffset: reader.int64(),
  }));
  reader.int32(); // The replica to prefer, told only to clients that name a rack.
  const records = reader.bytes();
  return {
    topic,
    partition,
    errorCode,
    highWatermark,
    lastStableOffset,
    abortedTransactions,
    records,
  };
}
