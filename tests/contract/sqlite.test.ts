import { Database } from "bun:sqlite";
import { createSqliteSink } from "../../core/connectors/sqlite/indexer.ts";
import { createSqliteSearcher } from "../../core/connectors/sqlite/searcher.ts";
import { SILENT_OBSERVER } from "../../core/observe/observer.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { seedMessage } from "./seed.ts";
import { searcherContract } from "./searcher_contract.ts";
import { writeEntities } from "./shop.ts";
import { sinkContract } from "./sink_contract.ts";

const NEVER = new AbortController().signal;
const STREAM = { address: "file:a", identity: { "stream id": "a" } };

sinkContract("sqlite", {
  resumable: true,
  writtenAgain: "once",
  tombstone: "removes",
  streamId: "a",
  keepsReplaced: false,
  undeliverable: (sequence) => seedMessage({ key: "k", value: "not JSON" }, sequence),
  place: () => {
    const folder = new TemporaryFolder();
    const path = folder.file("index.sqlite");
    return Promise.resolve({
      sink: () => createSqliteSink({ path, observer: SILENT_OBSERVER }),
      contents: () => Promise.resolve(liveNames(path)),
      entriesCount: () => Promise.resolve(liveNames(path).size),
      [Symbol.asyncDispose]: () => {
        folder[Symbol.dispose]();
        return Promise.resolve();
      },
    });
  },
});

searcherContract("sqlite", async () => {
  const folder = new TemporaryFolder();
  const path = folder.file("index.sqlite");
  const searcher = createSqliteSearcher({ path });
  return {
    searcher,
    write: async (entities, firstSequence) => {
      await using sink = createSqliteSink({ path, observer: SILENT_OBSERVER });
      await sink.open({ stream: STREAM, resume: undefined, fromBeginning: false, signal: NEVER });
      await writeEntities(sink, entities, firstSequence);
      await sink.caughtUp?.(NEVER);
    },
    [Symbol.asyncDispose]: async () => {
      await searcher[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
});

/** The name of each entity in the live generation. */
function liveNames(path: string): Map<string, string> {
  using database = new Database(path, { readwrite: true });
  const live = database
    .query<{ number: number }, []>("SELECT number FROM konn_generation WHERE is_live = 1")
    .get();
  const rows = database
    .query<{ key: string; document: string }, []>(
      `SELECT key, document FROM entity_${live?.number}`,
    )
    .all();
  return new Map(rows.map(({ key, document }) => [key, JSON.parse(document).name]));
}
