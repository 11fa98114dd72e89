import type { Sink } from "../../../core/connector/mod.ts";
import { createSqliteSink } from "../../../core/connectors/sqlite/indexer.ts";
import { SILENT_OBSERVER } from "../../../core/observe/observer.ts";
import { type Entity, writeEntities } from "../../contract/shop.ts";

export const NEVER = new AbortController().signal;
export const STREAM = { address: "file:a", identity: { "stream id": "a" } };

export function openSqlite(path: string): Sink {
  return createSqliteSink({ path, observer: SILENT_OBSERVER });
}

/** Makes an index of these entities. */
export async function makeIndex(path: string, entities: readonly Entity[]): Promise<void> {
  await using sink = openSqlite(path);
  await sink.open({ stream: STREAM, resume: undefined, fromBeginning: false, signal: NEVER });
  await writeEntities(sink, entities);
  await sink.caughtUp?.(NEVER);
}
