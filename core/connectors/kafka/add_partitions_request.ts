import type { TopicPartition } from "./offsets.ts";
import type { ProducerIdentity } from "./producer_session.ts";
import { ERROR_CODES, ProtocolError } from "./protocol_error.ts";
import type { KafkaRequest, KafkaResponse } from "./request.ts";
import { RequestWriter, type ResponseReader } from "./wire.ts";

const ADD_PARTITIONS_TO_TXN_API_KEY = 24;
const ADD_PARTITIONS_TO_TXN_VERSION = 0;

/**
 * Makes partitions part of a transaction, all of them or none. kafkajs tells only the first error,
 * which may be no more than "not attempted, because of another one".
 */
export function addPartitionsRequest(
  partitions: readonly TopicPartition[],
  { transactionalId, producerId, producerEpoch }: ProducerIdentity,
): KafkaRequest<undefined> {
  const byTopic = [...Map.groupBy(partitions, ({ topic }) => topic)];
  const writer = new RequestWriter()
    .string(transactionalId)
    .int64(producerId)
    .int16(producerEpoch)
    .int32(byTopic.length);
  for (const [topic, items] of byTopic) {
    writer.string(topic).int32(items.length);
    for (const { partition } of items) writer.int32(partition);
  }
  return {
    apiKey: ADD_PARTITIONS_TO_TXN_API_KEY,
    apiVersion: ADD_PARTITIONS_TO_TXN_VERSION,
    apiName: "AddPartitionsToTxn",
    isFlexible: false,
    body: [writer.finish()],
    decode: decodeAnswer,
  };
}

/** Throws the error that says most. */
function decodeAnswer(reader: ResponseReader): KafkaResponse<undefined> {
  const throttleMs = reader.int32();
  const codes = reader
    .array(() => {
      reader.string(); // The topic.
      return reader.array(() => {
        reader.int32(); // The partition.
        return reader.int16();
      });
    })
    .flat()
    .filter((code) => code !== ERROR_CODES.NONE);
  const [first] = codes;
  if (first === undefined) return { value: undefined, throttleMs };
  const cause = codes.find((code) => code !== ERROR_CODES.OPERATION_NOT_ATTEMPTED);
  throw new ProtocolError(cause ?? first);
}
