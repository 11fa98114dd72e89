import * as v from "valibot";
import type { SinkFacts } from "../connector/mod.ts";

const NOTE_VERSION = 1;
const NOTE_SCHEMA = v.strictObject({
  konn: v.literal(NOTE_VERSION),
  sink: v.record(v.string(), v.string()),
  state: v.optional(v.string()),
});

/**
 * What a source with shared positions keeps beside them, so that nobody goes on by positions of
 * another sink. Equal facts give equal notes.
 */
export function formatNote({ identity, state }: SinkFacts): string {
  const sink = Object.fromEntries(
    Object.entries(identity).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
  return JSON.stringify({ konn: NOTE_VERSION, sink, state });
}

/** Undefined for a note that this konn has not written. */
export function parseNote(note: string): SinkFacts | undefined {
  try {
    const { sink, state } = v.parse(NOTE_SCHEMA, JSON.parse(note));
    return { identity: sink, state };
  } catch {
    return undefined;
  }
}
