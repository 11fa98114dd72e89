/**
 * How soon a change in a topic is found by the search: produce, `konn sync`, OpenSearch, `konn serve`.
 *
 *     bun tests/services/main.ts -- bun tests/bench/freshness.ts [CHANGES]
 */
import { measureFreshness } from "../e2e/freshness.ts";
import { percentile } from "../search/relevance.ts";
import { loadAverage } from "./process_stats.ts";

const [changes = "200"] = process.argv.slice(2);
const sorted = (await measureFreshness(Number(changes))).toSorted((a, b) => a - b);
const [p50, p95, p99, longest] = [0.5, 0.95, 0.99, 1].map((share) => {
  return Math.round(percentile(sorted, share));
});
console.log(
  JSON.stringify({
    changes: sorted.length,
    p50_ms: p50,
    p95_ms: p95,
    p99_ms: p99,
    longest_ms: longest,
    load: loadAverage(),
  }),
);
