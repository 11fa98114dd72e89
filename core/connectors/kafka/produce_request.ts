import type { KafkaRequest, KafkaResponse } from "./request.ts";
import { RequestWriter, type ResponseReader } from "./wire.ts";

export const PRODUCE_API_KEY = 0;
/** The first version that takes zstd (Kafka 2.1). */
export const PRODUCE_VERSION = 7;

const ACKS_OF_ALL_REPLICAS = -1;

export interface ProducePartition {
  readonly partition: number;
  /** One encoded record batch. */
  readonly batch: Buffer;
}

export interface ProduceOptions {
  readonly topic: string;
  readonly transactionalId: string | null;
  /** How long the broker may wait for the acknowledgement of the other replicas. */
  readonly timeoutMs: number;
}

export interface ProducedPartition {
  readonly partition: number;
  readonly errorCode: number;
}

/** Writes one batch to each of these partitions, which one broker leads. */
export function produceRequest(
  partitions: readonly ProducePartition[],
  options: ProduceOptions,
): KafkaRequest<readonly ProducedPartition[]> {
  return {
    apiKey: PRODUCE_API_KEY,
    apiVersion: PRODUCE_VERSION,
    apiName: "Produce",
    isFlexible: false,
    body: encodeProduce(partitions, options),
    decode: decodeProduce,
  };
}

function encodeProduce(
  partitions: readonly ProducePartition[],
  options: ProduceOptions,
): Uint8Array[] {
  const topicsCount = 1;
  const head = new RequestWriter()
    .string(options.transactionalId)
    .int16(ACKS_OF_ALL_REPLICAS)
    .int32(options.timeoutMs)
    .int32(topicsCount)
    .string(options.topic)
    .int32(partitions.length);
  const batches = partitions.flatMap(({ partition, batch }) => [
    new RequestWriter().int32(partition).int32(batch.length).finish(),
    batch,
  ]);
  return [head.finish(), ...batches];
}

function decodeProduce(reader: ResponseReader): KafkaResponse<readonly ProducedPartition[]> {
  const topics = reader.array(() => {
    reader.string(); // The topic: there is only one.
    return reader.array(() => readPartition(reader));
  });
  return { value: topics.flat(), throttleMs: reader.int32() };
}

function readPartition(reader: ResponseReader): ProducedPartition {
  const partition = reader.int32();
  const errorCode = reader.int16();
  reader.int64(); // The offset of the first record.
  reader.int64(); // The time of appending.
  reader.int64(); // The offset at which the log starts.
  return { partition, errorCode };
}
