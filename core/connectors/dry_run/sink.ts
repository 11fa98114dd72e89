import type { Batch, Sink, WriteReport } from "../../connector/mod.ts";

/** A sink that counts what an index would be given and writes nothing. Never resumed. */
export function createDryRunSink(fold: (batch: Batch) => WriteReport): Sink {
  return {
    address: "dry-run",
    open: () => Promise.resolve({ identity: {}, state: undefined }),
    write: (batch) => Promise.resolve(fold(batch)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
