import { createOpenSearchSink } from "../../core/connectors/opensearch/bulk_indexer.ts";
import { SILENT_OBSERVER } from "../../core/observe/observer.ts";
import { createOpenSearchSearcher } from "../../core/connectors/opensearch/searcher.ts";
import { documentsOf, request } from "../e2e/index_reader.ts";
import { uniqueName } from "../e2e/konn.ts";
import { sharedServices } from "../services/mod.ts";
import { seedMessage } from "./seed.ts";
import { searcherContract } from "./searcher_contract.ts";
import { writeEntities } from "./shop.ts";
import { sinkContract } from "./sink_contract.ts";

const NEVER = new AbortController().signal;
const STREAM = { address: "kafka://k1/cdc-events", identity: { cluster: "k1", "topic id": "t1" } };

sinkContract("opensearch", {
  resumable: true,
  writtenAgain: "once",
  tombstone: "removes",
  undeliverable: (sequence) => seedMessage({ key: "k", value: "not JSON" }, sequence),
  place: async () => {
    const index = uniqueName("contract");
    const { openSearch } = await sharedServices();
    return {
      sink: () => createOpenSearchSink({ url: openSearch.url, index, observer: SILENT_OBSERVER }),
      contents: async () =>
        new Map(
          [...(await documentsOf(index))].map(([id, { source }]) => [id, String(source["name"])]),
        ),
      entriesCount: async () => (await documentsOf(index)).size,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  },
});

searcherContract("opensearch", async () => {
  const index = uniqueName("contract");
  const { url } = (await sharedServices()).openSearch;
  const searcher = createOpenSearchSearcher({ url, index });
  return {
    searcher,
    write: async (entities, firstSequence) => {
      await using sink = createOpenSearchSink({ url, index, observer: SILENT_OBSERVER });
      await sink.open({ stream: STREAM, resume: undefined, fromBeginning: false, signal: NEVER });
      await writeEntities(sink, entities, firstSequence);
      await request(`/${index}/_refresh`, { method: "POST" });
    },
    [Symbol.asyncDispose]: async () => {
      await searcher[Symbol.asyncDispose]();
      await request(`/${index}-*`, { method: "DELETE" });
    },
  };
});
