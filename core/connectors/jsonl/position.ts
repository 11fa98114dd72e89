import * as v from "valibot";
import { KonnError } from "../../base/errors.ts";
import type { Position } from "../../connector/mod.ts";

/** What the lines of a file are: Debezium events as they stand, or records as `kcat -J` writes. */
export type LineFormat = "event" | "record";

/** A place between two lines of a file, as decompressed. */
export interface FilePosition {
  readonly byte: number;
  /** How many lines lie before it. */
  readonly line: number;
  /** Of the bytes before it, so that another or an edited file is found out. */
  readonly hash: string;
  /** What the lines before turned out to be; absent as long as none told. */
  readonly format?: LineFormat | undefined;
}

const COUNT_SCHEMA = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const POSITION_SCHEMA = v.strictObject({
  byte: COUNT_SCHEMA,
  line: COUNT_SCHEMA,
  hash: v.string(),
  format: v.optional(v.picklist(["event", "record"])),
});

export function formatPosition(position: FilePosition): Position {
  return JSON.stringify(position);
}

/** Reads back what {@link formatPosition} wrote. Throws on anything else. */
export function parsePosition(text: Position): FilePosition {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), POSITION_SCHEMA), text);
  if (parsed.success) return parsed.output;
  throw new KonnError("Cannot go on in the file: the saved position is none of a file", {
    code: "POSITION_MALFORMED",
    hint: "Start over: replay --again, pipe --from-beginning.",
  });
}
