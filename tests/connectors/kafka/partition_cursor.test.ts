import { expect, test } from "bun:test";
import type { FetchedPartition } from "../../../core/connectors/kafka/fetch_request.ts";
import { PartitionCursor, offsetOf } from "../../../core/connectors/kafka/partition_cursor.ts";
import { events } from "./support.ts";
import { encodeRecordBatch } from "./encode_batch.ts";

test("take() does hold back what lies beyond the end", () => {
  const cursor = new PartitionCursor("t", 0, { start: 0n, end: 3n });
  const batch = cursor.take(fetched({ records: batchAt(0n, 5) }));
  expect(batch?.messages.map(({ sequence }) => sequence)).toEqual([0n, 1n, 2n]);
  expect(batch?.position).toBe("3");
  expect(cursor.isDone).toBe(true);
});

test("take() does start in the middle of a batch", () => {
  const cursor = new PartitionCursor("t", 0, { start: 3n, end: undefined });
  const batch = cursor.take(fetched({ records: batchAt(0n, 5) }));
  expect(batch?.messages.map(({ sequence }) => sequence)).toEqual([3n, 4n]);
  expect(batch?.nextSequence).toBe(5n);
  expect(cursor.offset).toBe(5n);
});

test("take() does allow more for a batch that was cut", () => {
  const cursor = new PartitionCursor("t", 0, { start: 0n, end: undefined });
  cursor.maxBytes = 100;
  expect(cursor.take(fetched({ records: batchAt(0n, 50).subarray(0, 100) }))).toBeUndefined();
  expect(cursor.maxBytes).toBe(batchAt(0n, 50).length);
});

test("takeGap() does move over records that compaction took, up to the end", () => {
  const cursor = new PartitionCursor("t", 0, { start: 3n, end: 8n });
  expect(sureGap(cursor, 6n)).toMatchObject({
    messages: [],
    position: "6",
    nextSequence: 6n,
  });
  expect(sureGap(cursor, 9n)?.position).toBe("8");
  expect(cursor.isDone).toBe(true);
});

test("takeGap() does nothing without an end, or where nothing is decided", () => {
  const following = new PartitionCursor("t", 0, { start: 3n, end: undefined });
  expect(sureGap(following, 6n)).toBeUndefined();
  const blocked = new PartitionCursor("t", 0, { start: 3n, end: 8n });
  expect(sureGap(blocked, 3n)).toBeUndefined();
});

test("takeGap() does not believe one empty answer, nor several within a moment", () => {
  const cursor = new PartitionCursor("t", 0, { start: 0n, end: 8n });
  const empty = fetched({ lastStableOffset: 8n });
  for (const atMs of [0, 400, 900, 999]) expect(cursor.takeGap(empty, atMs)).toBeUndefined();
  expect(cursor.take(fetched({ records: batchAt(0n, 2) }))?.nextSequence).toBe(2n);
  for (const atMs of [1_000, 2_500]) expect(cursor.takeGap(empty, atMs)).toBeUndefined();
  expect(cursor.takeGap(empty, 2_600)?.nextSequence).toBe(8n);
});

test("isBlockedBy() does tell an open transaction from a leader that lags behind", () => {
  const cursor = new PartitionCursor("t", 0, { start: 3n, end: 8n });
  expect(cursor.isBlockedBy(fetched({ lastStableOffset: 3n, highWatermark: 8n }))).toBe(true);
  expect(cursor.isBlockedBy(fetched({ lastStableOffset: 3n, highWatermark: 3n }))).toBe(false);
  expect(cursor.isAheadOf(fetched({ lastStableOffset: 3n, highWatermark: 3n }))).toBe(true);
});

test("offsetOf() does read decimal offsets only", () => {
  expect(offsetOf("t/0", "9007199254740993")).toBe(9007199254740993n);
  for (const position of ["", "-1", "1.5", "0x1", " 1", "99999999999999999999"]) {
    expect(() => offsetOf("t/0", position)).toThrow("Cannot resume t/0");
  }
});

/** What the cursor makes of a leader that says for a while that it has nothing. */
function sureGap(cursor: PartitionCursor, lastStableOffset: bigint) {
  const answers = [0, 600, 1_200].map((atMs) =>
    cursor.takeGap(fetched({ lastStableOffset }), atMs),
  );
  return answers.at(-1);
}

function fetched(options: Partial<FetchedPartition>): FetchedPartition {
  return {
    topic: "t",
    partition: 0,
    errorCode: 0,
    highWatermark: 100n,
    lastStableOffset: 100n,
    abortedTransactions: [],
    records: Buffer.alloc(0),
    ...options,
  };
}

/** A batch as a broker sends it: with the offset of its first record, which no checksum covers. */
function batchAt(baseOffset: bigint, count: number): Buffer {
  const batch = encodeRecordBatch(events(count, { timestampMs: 1 }), {
    producerId: -1n,
    producerEpoch: -1,
    firstSequence: -1,
    transactional: false,
    compression: "none",
  });
  batch.writeBigInt64BE(baseOffset, 0);
  return batch;
}
