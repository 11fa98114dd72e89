/** Searches in both engines, over the same entities. */
import { join } from "node:path";
import { KONN, uniqueName } from "../e2e/konn.ts";
import type { Benchmark } from "./benchmark.ts";
import { type BenchWorld, deleteIndex, measure, measurePeer } from "./bench_world.ts";
import { corpusFile } from "./corpus_file.ts";

const EMBEDDED = "embedded index";
const OPENSEARCH = "OpenSearch";
const SCRIPT = "typed_searches.ts";

/** Makes both indexes, has them searched, and removes them. */
export async function withSearchBenchmark(
  world: BenchWorld,
  { entitiesCount, searchesCount }: { entitiesCount: number; searchesCount: number },
  use: (benchmark: Benchmark) => Promise<void>,
): Promise<void> {
  const { path, eventsCount } = await corpusFile(entitiesCount);
  const embedded = join(world.folder, uniqueName("index.sqlite"));
  const index = uniqueName("bench");
  const url = world.services.openSearchUrl;
  for (const to of [`sqlite:${embedded}`, `opensearch:${index}`]) {
    const state = join(world.folder, uniqueName("state"));
    await measure(world, [
      KONN,
      "pipe",
      "--from",
      `file:${path}`,
      "--to",
      to,
      "--state-dir",
      state,
    ]);
  }
  const searches = String(searchesCount);
  await use({
    name: "search",
    title: `Searches as somebody types, over ${eventsCount.toLocaleString("en")} entities`,
    contenders: [
      {
        name: EMBEDDED,
        run: () => measurePeer(world, SCRIPT, ["embedded", embedded, "", searches]),
      },
      {
        name: OPENSEARCH,
        run: () => measurePeer(world, SCRIPT, ["opensearch", url, index, searches]),
      },
    ],
    goals: [
      { measure: "p99 ms", contender: EMBEDDED, atMost: 30 },
      { measure: "p99 ms", contender: OPENSEARCH, atMost: 50 },
    ],
  });
  await deleteIndex(world, index);
}
