import type { Batch, ReadOptions } from "../../connector/mod.ts";

/**
 * Cuts batches down to the limits of a run, and ends when it is stopped. A piece ends behind its
 * last message, so that the position is right wherever the reading ends.
 */
export async function* limitBatches(
  batches: AsyncIterable<Batch>,
  { maxEventsCount = Infinity, maxBatchCount = Infinity, stop }: LimitOptions,
): AsyncGenerator<Batch> {
  let leftCount = maxEventsCount;
  if (leftCount <= 0) return;
  for await (const batch of batches) {
    for (const piece of split(batch, maxBatchCount)) {
      const taken = piece.messages.length > leftCount ? head(piece, leftCount) : piece;
      leftCount -= taken.messages.length;
      yield taken;
      if (leftCount <= 0 || stop.aborted) return;
    }
  }
}

type LimitOptions = Pick<ReadOptions, "maxEventsCount" | "maxBatchCount" | "stop">;

function* split(batch: Batch, maxCount: number): Generator<Batch> {
  const count = batch.messages.length;
  let start = 0;
  for (; start + maxCount < count; start += maxCount) {
    yield head(tail(batch, start), maxCount);
  }
  yield tail(batch, start);
}

/** The messages of a batch from number `start` on. */
function tail(batch: Batch, start: number): Batch {
  if (start === 0) return batch;
  const messages = batch.messages.slice(start);
  return { ...batch, messages, sizeBytes: shareOf(batch, messages.length) };
}

/** The first messages of a batch that has more. */
function head(batch: Batch, count: number): Batch {
  const messages = batch.messages.slice(0, count);
  const last = messages.at(-1);
  if (last === undefined) return batch;
  const nextSequence = last.sequence + 1n;
  return {
    ...batch,
    messages,
    position: nextSequence.toString(),
    nextSequence,
    sizeBytes: shareOf(batch, count),
  };
}

function shareOf(batch: Batch, count: number): number {
  return Math.ceil((batch.sizeBytes * count) / batch.messages.length);
}
