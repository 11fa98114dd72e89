#!/usr/bin/env bun
/**
 * How fast OpenSearch indexes and searches as somebody types, beside two requests that anybody would
 * send: a textbook `multi_match`, and one for everything.
 *
 *   bun tests/services/main.ts -- bun scripts/measure_opensearch.ts [--copies 5] [--queries 600]
 *     [--opensearch URL] [--index NAME]
 *
 * --index searches one that is there, and leaves it there.
 */
import { parseArgs } from "node:util";
import { createOpenSearchSink } from "../core/connectors/opensearch/bulk_indexer.ts";
import { createOpenSearchSearcher } from "../core/connectors/opensearch/searcher.ts";
import { SILENT_OBSERVER } from "../core/observe/observer.ts";
import { parseQuery } from "../core/search/mod.ts";
import { copiesOf, typedTexts } from "../tests/search/many_entities.ts";
import { indexCorpus, percentile, readJudged } from "../tests/search/relevance.ts";

const { values } = parseArgs({
  options: {
    opensearch: {
      type: "string",
      default: process.env["KONN_OPENSEARCH_URL"] ?? "http://127.0.0.1:9200",
    },
    copies: { type: "string", default: "5" },
    queries: { type: "string", default: "600" },
    index: { type: "string" },
  },
});
/** Searches of one kind in a row: a busy machine disturbs all kinds alike. */
const BLOCK_SEARCHES_COUNT = 100;
/** OpenSearch looks at its processor time once a second. */
const CPU_DELAY_MS = 1_100;
const PAGE_SIZE = 10;
const TEXTS = ["name", "hosts", "paths", "tags", "labels", "description"];

const { corpus, queries } = await readJudged();
const url = values.opensearch;
const index = values.index ?? `measure-${crypto.randomUUID()}`;
if (values.index === undefined) await build(Number(values.copies));
await measure();
if (values.index === undefined) await fetch(`${url}/${index}-*`, { method: "DELETE" });

async function build(copiesCount: number): Promise<void> {
  const count = corpus.length * copiesCount;
  const before = await cpuMs();
  await using sink = createOpenSearchSink({ url, index, observer: SILENT_OBSERVER });
  const seconds = await indexCorpus(sink, copiesOf(corpus, copiesCount));
  await fetch(`${url}/${index}/_refresh`, { method: "POST" });
  const after = await cpuMs();
  const ours = Math.round(((after.konn - before.konn) * 1_000) / count);
  const theirs = Math.round(((after.openSearch - before.openSearch) * 1_000) / count);
  console.log(
    `${count} entities in ${seconds.toFixed(1)} s: ${Math.round(count / seconds)}/s; processor time of each: OpenSearch ${theirs} us, konn ${ours} us, the making of the corpus included`,
  );
}

async function measure(): Promise<void> {
  await using searcher = createOpenSearchSearcher({ url, index });
  const kinds: Record<string, (text: string) => Promise<unknown>> = {
    konn: (text) => searcher.search({ query: parseQuery(text), size: PAGE_SIZE }),
    multi_match: (text) => ask({ multi_match: { query: text, fields: TEXTS, fuzziness: "AUTO" } }),
    match_all: () => ask({ match_all: {} }),
  };
  const texts = typedTexts(queries, Number(values.queries));
  const all = await searcher.search({ query: parseQuery(""), size: PAGE_SIZE });
  console.log(`${all.total.count} entities, ${texts.length} searches as typed`);
  for (const text of texts.slice(0, BLOCK_SEARCHES_COUNT)) {
    for (const search of Object.values(kinds)) await search(text);
  }
  const found = Object.keys(kinds).map((kind) => ({ kind, ms: [0].slice(1), konn: 0, their: 0 }));
  for (let start = 0; start < texts.length; start += BLOCK_SEARCHES_COUNT) {
    for (const result of found) {
      const search = kinds[result.kind];
      const before = await cpuMs();
      for (const text of texts.slice(start, start + BLOCK_SEARCHES_COUNT)) {
        const startedMs = performance.now();
        await search?.(text);
        result.ms.push(performance.now() - startedMs);
      }
      const after = await cpuMs();
      result.konn += (after.konn - before.konn) / texts.length;
      result.their += (after.openSearch - before.openSearch) / texts.length;
    }
  }
  console.log("ms                p50     p95     p99 longest   CPU of OpenSearch   and of konn");
  for (const { kind, ms, konn, their } of found) {
    const sorted = ms.toSorted((a, b) => a - b);
    const shares = [0.5, 0.95, 0.99, 1].map((share) => percentile(sorted, share));
    const cells = shares.map((value) => value.toFixed(1).padStart(8)).join("");
    console.log(
      `${kind.padEnd(13)}${cells}${their.toFixed(1).padStart(20)}${konn.toFixed(1).padStart(14)}`,
    );
  }
}

async function ask(query: object): Promise<void> {
  const response = await fetch(`${url}/${index}/_search`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ size: PAGE_SIZE, query }),
  });
  if (!response.ok) throw new Error(await response.text());
  await response.json();
}

/** Processor time so far. */
async function cpuMs(): Promise<{ konn: number; openSearch: number }> {
  const { user, system } = process.cpuUsage();
  await Bun.sleep(CPU_DELAY_MS);
  const response = await fetch(`${url}/_nodes/stats/process?filter_path=nodes.*.process.cpu`);
  const { nodes }: { nodes: Record<string, { process: { cpu: { total_in_millis: number } } }> } =
    JSON.parse(await response.text());
  const totals = Object.values(nodes).map(({ process: { cpu } }) => cpu.total_in_millis);
  return {
    konn: (user + system) / 1_000,
    openSearch: totals.reduce((sum, total) => sum + total, 0),
  };
}
