import { KonnError } from "../base/errors.ts";
import type { Batch } from "../connector/mod.ts";
import type { FoldResult } from "./fold_batch.ts";

/** What to do when the whole table is emptied at once, which no document can express. */
export type OnTruncate = "halt" | "ignore" | "rebuild";

/** The table was truncated. Carries the place in PostgreSQL's log behind which it goes on. */
export class TableTruncatedError extends KonnError {
  readonly lsn: number | undefined;

  constructor(lane: string, { sequence, lsn }: NonNullable<FoldResult["truncatedAt"]>) {
    super(`Cannot go on with ${lane} at ${sequence}: the whole table was truncated`, {
      code: "TABLE_TRUNCATED",
      kind: "failed",
      hint: "--on-truncate rebuild builds the index anew from what came after; --on-truncate ignore keeps documents of rows that are gone.",
    });
    this.lsn = lsn;
  }
}

/** Ends a run at an event that empties the whole table, unless such events are ignored. */
export function refuseTruncate(
  { lane }: Pick<Batch, "lane">,
  { truncatedAt, unplacedAt }: Pick<FoldResult, "truncatedAt" | "unplacedAt">,
  onTruncate: OnTruncate,
): void {
  if (onTruncate === "ignore") return;
  if (unplacedAt !== undefined) throw unplaced(lane, unplacedAt, "event");
  if (truncatedAt === undefined) return;
  const isUnplaced = onTruncate === "rebuild" && truncatedAt.lsn === undefined;
  if (isUnplaced) throw unplaced(lane, truncatedAt.sequence, "truncate");
  throw new TableTruncatedError(lane, truncatedAt);
}

/** Only PostgreSQL's log tells what came before a truncate, since partitions have no common order. */
function unplaced(lane: string, sequence: bigint, what: string): KonnError {
  return new KonnError(
    `Cannot build the index anew from what came after the truncate: the ${what} in ${lane} at ${sequence} has no source.lsn`,
    {
      code: "TRUNCATE_UNPLACED",
      kind: "failed",
      hint: "Have Debezium send whole envelopes with their source. Or take a new snapshot into a new topic, and sync that.",
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
