import type { Batch, Message } from "../../core/connector/mod.ts";
import type { FoldResult } from "../../core/indexing/fold_batch.ts";
import { bytesOf } from "../cdc/captures.ts";

export const A = "c/cp/o/service/a";
export const B = "c/cp/o/service/b";
const PLACEHOLDER = "__debezium_unavailable_value";

export function upsert(key: string, name: string, op = "u") {
  return { key, value: { op, ts_ms: 7, after: { key, value: { object: { name } } } } };
}

export function unavailable(key: string, op = "u") {
  return { key, value: { op, after: { key, value: PLACEHOLDER } } };
}

/** Its value is no JSON. */
export function refused(key: string) {
  return { key, value: { op: "u", after: { key, value: "{broken" } } };
}

export function tombstone(key: string) {
  return { key, value: null };
}

export interface Event {
  readonly key: string | null;
  readonly value: unknown;
}

/** Messages 10, 11, 12, ... of one lane, and lines 1, 2, 3, ... */
export function batchOf(...events: readonly Event[]): Batch {
  return batchOfMessages(
    events.map(({ key, value }, at) => ({
      sequence: BigInt(10 + at),
      key: bytesOf(key),
      value: bytesOf(value === null ? null : JSON.stringify(value)),
      headers: [],
      timestampMs: 0,
      line: at + 1,
    })),
  );
}

export function batchOfMessages(messages: readonly Message[]): Batch {
  return {
    lane: "topic/0",
    messages,
    position: "",
    nextSequence: 0n,
    rejections: [],
    skipped: {},
    sizeBytes: 0,
  };
}

export function namesOf(result: FoldResult) {
  return result.mutations.map(({ key, document }) => [key, document?.name ?? null]);
}

export function countOf({ mutations, rejections, skipped }: FoldResult): number {
  const skippedCount = Object.values(skipped).reduce((sum, count) => sum + count, 0);
  return mutations.length + rejections.length + skippedCount;
}
