import { createSink, createSource } from "../../core/connectors/mod.ts";
import { createSqliteSearcher } from "../../core/connectors/sqlite/searcher.ts";
import { createRunObserver, SILENT_LOGGER } from "../../core/observe/observer.ts";
import { run } from "../../core/pipeline/mod.ts";
import type { Searcher } from "../../core/search/mod.ts";
import { SAMPLE } from "../e2e/konn.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";

/** A real index of a file's events, with the folder that it lives in. */
export interface SampleIndex extends AsyncDisposable {
  readonly path: string;
  readonly searcher: Searcher;
}

/** Indexes JSON lines, by default those of the sample. */
export async function sampleIndex(lines?: string): Promise<SampleIndex> {
  const folder = new TemporaryFolder();
  const path = folder.file("index.sqlite");
  const file = lines === undefined ? SAMPLE : folder.file("events.jsonl");
  if (lines !== undefined) await Bun.write(file, lines);
  const observer = createRunObserver(SILENT_LOGGER);
  const options = {
    observer,
    brokers: [],
    openSearchUrl: "",
    security: { kafka: () => ({}), openSearch: () => ({}) },
  } as const;
  await run({
    source: (await createSource(`file:${file}`, options)).end,
    sink: (await createSink(`sqlite:${path}`, options)).end,
    stateDir: folder.file("state"),
    resumable: false,
    stop: new AbortController().signal,
    observer,
  });
  const searcher = createSqliteSearcher({ path });
  return {
    path,
    searcher,
    [Symbol.asyncDispose]: async () => {
      await searcher[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

/** The event line of an entity. */
export function eventLine(key: string, object: object): string {
  return `${JSON.stringify({ before: null, after: { key, value: { object } }, op: "c", ts_ms: 1 })}\n`;
}
