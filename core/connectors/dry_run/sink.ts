import type { Batch, Sink, WriteReport } from "../../connector/mod.ts";
import { foldBatch, type OnTruncate, refuseTruncate } from "../../indexing/mod.ts";

/** A sink that counts what an index would be given, and writes nothing. Never resumed. */
export function createDryRunSink(onTruncate: OnTruncate): Sink {
  return {
    address: "dry-run",
    open: () => Promise.resolve({ identity: {}, state: undefined }),
    write: (batch) => Promise.resolve(countBatch(batch, onTruncate)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function countBatch(batch: Batch, onTruncate: OnTruncate): WriteReport {
  const fold = foldBatch(batch);
  refuseTruncate(batch, fold, onTruncate);
  const deleted = fold.mutations.filter(({ document }) => document === null).length;
  const { mutations, skipped, rejections } = fold;
  return { written: mutations.length - deleted, deleted, skipped, rejections };
}
