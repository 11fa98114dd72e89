#!/usr/bin/env bun
/**
 * How fast the embedded engine indexes, opens and searches as somebody types.
 *
 *   bun scripts/measure_search.ts [--copies 50] [--queries 2000] [--keep FILE]
 *
 * Each copy of the sample corpus has ids and control planes of its own, and names of which one word
 * is another one, so that the vocabulary stays that of people. --keep uses a file again.
 */
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { createSqliteSink } from "../core/connectors/sqlite/indexer.ts";
import { createSqliteSearcher } from "../core/connectors/sqlite/searcher.ts";
import { SILENT_OBSERVER } from "../core/observe/observer.ts";
import { parseQuery, SearchError } from "../core/search/mod.ts";
import { TemporaryFolder } from "../tests/fakes/temporary_folder.ts";
import { copiesOf, typedTexts } from "../tests/search/many_entities.ts";
import { indexCorpus, percentile, readJudged } from "../tests/search/relevance.ts";

const FIXTURES = new URL("../tests/fixtures/search/", import.meta.url);
const { values } = parseArgs({
  options: {
    copies: { type: "string", default: "50" },
    queries: { type: "string", default: "2000" },
    keep: { type: "string" },
  },
});

const { corpus, queries } = await readJudged({
  corpus: new URL("corpus.jsonl.zst", FIXTURES),
  queries: new URL("queries.jsonl.zst", FIXTURES),
});
using folder = new TemporaryFolder();
const path = values.keep ?? folder.file("index.sqlite");
if (!existsSync(path)) await build(Number(values.copies));
await measure();

async function build(copiesCount: number): Promise<void> {
  const entitiesCount = corpus.length * copiesCount;
  await using sink = createSqliteSink({ path, observer: SILENT_OBSERVER });
  const seconds = await indexCorpus(sink, copiesOf(corpus, copiesCount));
  console.log(
    `indexed ${entitiesCount} entities in ${seconds.toFixed(1)} s: ${Math.round(entitiesCount / seconds)}/s, ${megabytes(Bun.file(path).size)} MB`,
  );
}

async function measure(): Promise<void> {
  const beforeBytes = process.memoryUsage.rss();
  await using searcher = createSqliteSearcher({ path });
  let startedMs = performance.now();
  const all = await searcher.search({ query: parseQuery(""), size: 10 });
  console.log(
    `opened ${all.total.count} entities in ${(performance.now() - startedMs).toFixed(0)} ms`,
  );
  const times: { text: string; ms: number; cpuMs: number }[] = [];
  for (const text of typedTexts(queries, Number(values.queries))) {
    try {
      const query = parseQuery(text);
      startedMs = performance.now();
      const cpu = process.cpuUsage();
      await searcher.search({ query, size: 10 });
      const { user, system } = process.cpuUsage(cpu);
      times.push({ text, ms: performance.now() - startedMs, cpuMs: (user + system) / 1_000 });
    } catch (error) {
      if (!(error instanceof SearchError)) throw error;
    }
  }
  // On a machine that is shared, the time of the processor says more than that on the wall.
  report(
    "on the wall",
    times.map(({ ms }) => ms),
  );
  report(
    "of the processor",
    times.map(({ cpuMs }) => cpuMs),
  );
  console.log(`memory of the searcher: ${megabytes(process.memoryUsage.rss() - beforeBytes)} MB`);
  for (const { text, cpuMs: ms } of times.toSorted((a, b) => b.cpuMs - a.cpuMs).slice(0, 8)) {
    console.log(`  ${ms.toFixed(1).padStart(7)} ms ${text}`);
  }
}

function report(what: string, ms: readonly number[]): void {
  const sorted = ms.toSorted((a, b) => a - b);
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentile(sorted, share).toFixed(1));
  const longest = sorted.at(-1)?.toFixed(1);
  console.log(
    `${sorted.length} searches as typed, ${what}: p50 ${p50} ms, p95 ${p95} ms, p99 ${p99} ms, longest ${longest} ms`,
  );
}

function megabytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(0);
}
