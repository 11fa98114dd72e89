import { expect, test } from "bun:test";
import type { Batch } from "../../../core/connector/mod.ts";
import { limitBatches } from "../../../core/connectors/kafka/batch_limits.ts";
import { batchOf, event, events, NEVER } from "./support.ts";

test("limitBatches() does cut at maxEventsCount, behind the last message", async () => {
  const batches = await limited([batchOf(events(3)), batchOf([event(7), event(9)])], {
    maxEventsCount: 4,
  });
  expect(batches.map(shape)).toEqual([
    { sequences: [0n, 1n, 2n], position: "3", nextSequence: 3n },
    { sequences: [7n], position: "8", nextSequence: 8n },
  ]);
});

test("limitBatches() does split at maxBatchCount and keep the end of the batch", async () => {
  const batch = { ...batchOf([event(4), event(6), event(8)]), position: "12", nextSequence: 12n };
  const batches = await limited([{ ...batch, sizeBytes: 30 }], { maxBatchCount: 2 });
  expect(batches.map(shape)).toEqual([
    { sequences: [4n, 6n], position: "7", nextSequence: 7n },
    { sequences: [8n], position: "12", nextSequence: 12n },
  ]);
  expect(batches.map(({ sizeBytes }) => sizeBytes)).toEqual([20, 10]);
});

test("limitBatches() does hand on batches without messages", async () => {
  const gap = { ...batchOf([]), position: "5", nextSequence: 5n };
  expect(await limited([gap], { maxBatchCount: 1, maxEventsCount: 1 })).toEqual([gap]);
});

test("limitBatches() does read nothing for a limit of 0", async () => {
  expect(await limited([batchOf(events(1))], { maxEventsCount: 0 })).toEqual([]);
});

test("limitBatches() does end between two pieces when it is stopped", async () => {
  const stop = new AbortController();
  const seen: Batch[] = [];
  const pieces = limitBatches(iterate([batchOf(events(9))]), {
    maxBatchCount: 2,
    stop: stop.signal,
  });
  for await (const piece of pieces) {
    seen.push(piece);
    stop.abort();
  }
  expect(seen.map(shape)).toEqual([{ sequences: [0n, 1n], position: "2", nextSequence: 2n }]);
});

async function limited(
  batches: readonly Batch[],
  limits: { maxEventsCount?: number; maxBatchCount?: number },
): Promise<Batch[]> {
  return await Array.fromAsync(limitBatches(iterate(batches), { ...limits, stop: NEVER }));
}

async function* iterate(batches: readonly Batch[]): AsyncGenerator<Batch> {
  yield* batches;
}

function shape({ messages, position, nextSequence }: Batch) {
  return { sequences: messages.map(({ sequence }) => sequence), position, nextSequence };
}
