import { KonnError } from "../base/errors.ts";
import type { Batch } from "../connector/mod.ts";
import type { FoldResult } from "./fold_batch.ts";

/** Ends a run at an event that empties the whole table: no document can express it. */
export function refuseTruncate({ lane }: Batch, { truncatedAt }: FoldResult): void {
  if (truncatedAt === undefined) return;
  throw new KonnError(
    `Cannot go on with ${lane} at ${truncatedAt}: the whole table was truncated`,
    {
      code: "TABLE_TRUNCATED",
      kind: "failed",
      hint: "The event names no rows and has no order across partitions. Build the index anew once the table is filled again: konn sync --from-beginning.",
    },
  );
}

/**
 * Ends a run at a row event without a Kafka key in a stream of several lanes: the changes of one
 * row may then stand in two lanes, and nobody can say which of them is the later one.
 */
export function refuseUnorderedRows(
  { lane }: Batch,
  { keylessAt }: FoldResult,
  lanesCount: number,
): void {
  if (keylessAt === undefined || lanesCount === 1) return;
  throw new KonnError(
    `Cannot go on with ${lane} at ${keylessAt}: the row event has no Kafka key, and there are ${lanesCount} partitions`,
    {
      code: "KEYLESS_EVENT",
      hint: "Its order among the changes of its row is lost. Give the table a primary key or set message.key.columns in Debezium.",
    },
  );
}
