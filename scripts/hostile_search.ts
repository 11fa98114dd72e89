#!/usr/bin/env bun
/**
 * Queries that somebody makes who wants to break something, through the API over OpenSearch: what is
 * answered, how fast, and whether the index is the same afterwards.
 *
 *   bun tests/services/main.ts -- bun scripts/hostile_search.ts [--runs 10000] [--opensearch URL]
 *     [--index NAME]
 *
 * Without --index it searches the sample corpus, in an index of its own. Ends with 1 where something
 * was answered with neither 200 nor 400, or took more than a second.
 */
import { parseArgs } from "node:util";
import * as fc from "fast-check";
import { createOpenSearchSink } from "../core/connectors/opensearch/bulk_indexer.ts";
import { createOpenSearchSearcher } from "../core/connectors/opensearch/searcher.ts";
import { SILENT_OBSERVER } from "../core/observe/observer.ts";
import { HOSTILE_PIECES } from "../tests/contract/shop.ts";
import { indexCorpus, percentile, readJudged } from "../tests/search/relevance.ts";
import { asker } from "../tests/serve/asking.ts";

const { values } = parseArgs({
  options: {
    opensearch: {
      type: "string",
      default: process.env["KONN_OPENSEARCH_URL"] ?? "http://127.0.0.1:9200",
    },
    runs: { type: "string", default: "10000" },
    index: { type: "string" },
  },
});
const SLOWEST_MS = 1_000;
const SHOWN_COUNT = 10;

const pieces = fc.constantFrom(...HOSTILE_PIECES);
const lists = fc.array(pieces, { maxLength: 24 });
const hostile = fc.oneof(
  lists.map((list) => list.join("")),
  lists.map((list) => list.join(" ")),
  fc.string({ unit: "binary", maxLength: 256 }),
  fc.string({ unit: "grapheme", maxLength: 256 }),
  pieces.map((piece) => piece.repeat(200).slice(0, 256)),
  pieces.map((piece) => piece.repeat(10_000).slice(0, 10_240)),
);

const url = values.opensearch;
const index = values.index ?? `hostile-${crypto.randomUUID()}`;
if (values.index === undefined) await build();
process.exitCode = (await attack()) ? 0 : 1;
if (values.index === undefined) await fetch(`${url}/${index}-*`, { method: "DELETE" });

async function build(): Promise<void> {
  const { corpus } = await readJudged();
  await using sink = createOpenSearchSink({ url, index, observer: SILENT_OBSERVER });
  await indexCorpus(sink, corpus);
  await fetch(`${url}/${index}/_refresh`, { method: "POST" });
}

async function attack(): Promise<boolean> {
  await using searcher = createOpenSearchSearcher({ url, index });
  const ask = asker({ searcher });
  // The first search of a searcher looks at the index as well.
  await ask("/v1/search?q=");
  const before = (await ask("/v1/search?q=")).text;
  const statuses = new Map<number, number>();
  const times: { text: string; status: number; ms: number }[] = [];
  for (const text of fc.sample(hostile, Number(values.runs))) {
    const startedMs = performance.now();
    const { status } = await ask(`/v1/search?${new URLSearchParams({ q: text }).toString()}`);
    times.push({ text, status, ms: performance.now() - startedMs });
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  const isSame = (await ask("/v1/search?q=")).text === before;
  const sorted = times.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const [p50, p99, longest] = [0.5, 0.99, 1].map((share) => percentile(sorted, share).toFixed(0));
  const bad = times.filter(
    ({ status, ms }) => (status !== 200 && status !== 400) || ms > SLOWEST_MS,
  );
  console.log(`${times.length} queries: ${JSON.stringify(Object.fromEntries(statuses))}`);
  console.log(
    `p50 ${p50} ms, p99 ${p99} ms, longest ${longest} ms; the index is ${isSame ? "the same" : "another"}`,
  );
  for (const { text, status, ms } of bad.slice(0, SHOWN_COUNT)) {
    console.log(`  ${status} in ${ms.toFixed(0)} ms: ${JSON.stringify(text.slice(0, 200))}`);
  }
  return bad.length === 0 && isSame;
}
