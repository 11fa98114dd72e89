import {
  type EncodeOptions,
  type OutgoingRecord,
  RecordBatchBuilder,
} from "../../../core/connectors/kafka/record_batch_builder.ts";

/** All records in one batch. */
export function encodeRecordBatch(
  records: readonly OutgoingRecord[],
  options: EncodeOptions,
): Buffer {
  const builder = new RecordBatchBuilder();
  for (const record of records) builder.add(record);
  return builder.seal(options);
}
