import { KonnError } from "../../base/errors.ts";
import type { Sink } from "../../connector/mod.ts";
import type { Observer } from "../../observe/observer.ts";
import { FileSink } from "./file_sink.ts";
import type { LineFormat } from "./position.ts";
import { StdoutSink } from "./stdout_sink.ts";

export interface JsonlSinkOptions {
  /** `-` is stdout. */
  readonly path: string;
  readonly format: LineFormat;
  /** What to do with a file that is there and of which the checkpoint knows nothing. */
  readonly existing: "refuse" | "append" | "overwrite";
  readonly observer: Observer;
}

/**
 * Writes JSON lines. An event line is a message's value as it is; a record line, as `kcat -J`
 * writes it, holds key, headers, time and place as well.
 *
 * A file is synced to disk before a write resolves, and on resuming it is cut to the length that
 * the checkpoint knows. Errors: `FILE_EXISTS`, `OUTPUT_CHANGED`, `OUTPUT_UNWRITABLE`, and
 * `OUTPUT_CLOSED` when the reader of stdout has gone. Rejection of event lines:
 * `VALUE_NOT_ONE_LINE`; tombstones, which an event line cannot hold, are skipped.
 */
export function createJsonlSink(options: JsonlSinkOptions): Sink {
  refuseCompressedName(options.path);
  return options.path === "-" ? new StdoutSink(options.format) : new FileSink(options);
}

/** A name that promises what is not in the file would mislead whoever reads it. */
function refuseCompressedName(path: string): void {
  if (!/\.(gz|zst)$/.test(path)) return;
  throw new KonnError(`Cannot write ${path}: konn writes plain lines only`, {
    code: "OUTPUT_NOT_COMPRESSED",
    kind: "usage",
    hint: "Write to `-` and compress what comes: konn pipe ... --to - | zstd > FILE.",
  });
}
