import type { Batch, Sink, WriteReport } from "../../connector/mod.ts";
import { foldBatch, type OnTruncate, refuseTruncate } from "../../indexing/mod.ts";

export interface DryRunSinkOptions {
  readonly onTruncate: OnTruncate;
  /** Entity types that are not indexed; by default those that nobody searches. */
  readonly skipTypes?: readonly string[] | undefined;
}

/** A sink that counts what an index would be given, and writes nothing. Never resumed. */
export function createDryRunSink({ onTruncate, skipTypes }: DryRunSinkOptions): Sink {
  const unsearchedTypes = skipTypes && new Set(skipTypes);
  const write = (batch: Batch): WriteReport => {
    const fold = foldBatch(batch, { unsearchedTypes });
    refuseTruncate(batch, fold, onTruncate);
    const deleted = fold.mutations.filter(({ document }) => document === null).length;
    const { mutations, skipped, rejections } = fold;
    return { written: mutations.length - deleted, deleted, skipped, rejections };
  };
  return {
    address: () => Promise.resolve("dry-run"),
    open: () => Promise.resolve({ identity: {}, state: undefined }),
    write: (batch) => Promise.resolve(write(batch)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
