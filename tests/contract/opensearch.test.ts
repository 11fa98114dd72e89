import { createOpenSearchSink } from "../../core/connectors/opensearch/bulk_indexer.ts";
import { SILENT_OBSERVER } from "../../core/observe/observer.ts";
import { documentsOf } from "../e2e/index_reader.ts";
import { uniqueName } from "../e2e/konn.ts";
import { sharedServices } from "../services/mod.ts";
import { seedMessage } from "./seed.ts";
import { sinkContract } from "./sink_contract.ts";

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
