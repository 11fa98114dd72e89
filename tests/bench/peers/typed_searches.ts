/**
 * Searches an index as somebody types the judged queries, letter by letter, one after the other.
 *
 *     bun tests/bench/peers/typed_searches.ts embedded|opensearch PATH|URL INDEX SEARCHES
 */
import { createOpenSearchSearcher } from "../../../core/connectors/opensearch/searcher.ts";
import { createSqliteSearcher } from "../../../core/connectors/sqlite/searcher.ts";
import { parseQuery } from "../../../core/search/mod.ts";
import { typedTexts } from "../../search/many_entities.ts";
import { percentile, readJudged } from "../../search/relevance.ts";

const [engine, place = "", index = "", searches = "1000"] = process.argv.slice(2);
const PAGE_SIZE = 10;
/** Before anything is measured: connections, caches, compiled code. */
const WARM_UP_COUNT = 100;

const { queries } = await readJudged();
await using searcher =
  engine === "embedded"
    ? createSqliteSearcher({ path: place })
    : createOpenSearchSearcher({ url: place, index });
const texts = typedTexts(queries, Number(searches));
for (const text of texts.slice(0, WARM_UP_COUNT)) await search(text);
const startedMs = performance.now();
const times: number[] = [];
for (const text of texts) {
  const fromMs = performance.now();
  await search(text);
  times.push(performance.now() - fromMs);
}
const seconds = (performance.now() - startedMs) / 1_000;
const sorted = times.toSorted((a, b) => a - b);
const latency = {
  p50Ms: percentile(sorted, 0.5),
  p95Ms: percentile(sorted, 0.95),
  p99Ms: percentile(sorted, 0.99),
};
console.log(JSON.stringify({ events: times.length, seconds, latency }));

async function search(text: string): Promise<void> {
  await searcher.search({ query: parseQuery(text), size: PAGE_SIZE });
}
