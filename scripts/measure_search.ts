#!/usr/bin/env bun
/**
 * How fast the embedded engine indexes, opens and searches as somebody types.
 *
 *   bun scripts/measure_search.ts [--copies 50] [--queries 2000] [--keep FILE]
 *
 * Each copy of the sample corpus has ids and control planes of its own, and names of which one word
 * is another one, so that the vocabulary stays that of people. --keep uses a file again. Indexing and
 * searching are processes of their own, each with a peak of memory of its own. That of the indexer
 * holds the corpus that it is fed with.
 */
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Sink } from "../core/connector/mod.ts";
import { createSqliteSink } from "../core/connectors/sqlite/indexer.ts";
import { createSqliteSearcher } from "../core/connectors/sqlite/searcher.ts";
import { SILENT_OBSERVER } from "../core/observe/observer.ts";
import { parseQuery } from "../core/search/mod.ts";
import { TemporaryFolder } from "../tests/fakes/temporary_folder.ts";
import { copiesOf, typedTexts } from "../tests/search/many_entities.ts";
import { indexCorpus, percentile, readJudged } from "../tests/search/relevance.ts";

const { values } = parseArgs({
  options: {
    copies: { type: "string", default: "50" },
    queries: { type: "string", default: "2000" },
    keep: { type: "string" },
    part: { type: "string" },
  },
});

using folder = new TemporaryFolder();
const path = values.keep ?? folder.file("index.sqlite");
if (values.part === "index") await build(Number(values.copies));
else if (values.part === "search") await measure();
else {
  if (!existsSync(path)) await inProcess("index");
  await inProcess("search");
}

async function inProcess(part: string): Promise<void> {
  const { copies, queries } = values;
  const own = ["--part", part, "--keep", path, "--copies", copies, "--queries", queries];
  const { exited } = Bun.spawn([process.execPath, import.meta.path, ...own], {
    stdout: "inherit",
    stderr: "inherit",
  });
  if ((await exited) !== 0) process.exitCode = 1;
}

async function build(copiesCount: number): Promise<void> {
  const { corpus } = await readJudged();
  const entitiesCount = corpus.length * copiesCount;
  let cpuSeconds = 0;
  const sink = timed(createSqliteSink({ path, observer: SILENT_OBSERVER }), (spent) => {
    cpuSeconds += spent;
  });
  const seconds = await indexCorpus(sink, copiesOf(corpus, copiesCount));
  // Only then is all of it in the file itself.
  await sink[Symbol.asyncDispose]();
  console.log(
    `indexed ${entitiesCount} entities in ${seconds.toFixed(1)} s: ${Math.round(entitiesCount / seconds)}/s, ${Math.round(entitiesCount / cpuSeconds)} per second of the processor, ${megabytes(Bun.file(path).size)} MB`,
  );
  console.log(`memory of the indexer: ${megabytes(peakBytes())} MB at its peak`);
}

/** A sink that reports the processor time of each call. */
function timed(sink: Sink, spent: (cpuSeconds: number) => void): Sink {
  const time = async <Result>(call: () => Promise<Result>): Promise<Result> => {
    const before = process.cpuUsage();
    const result = await call();
    const { user, system } = process.cpuUsage(before);
    spent((user + system) / 1_000_000);
    return result;
  };
  return {
    address: (signal) => sink.address(signal),
    open: (options) => sink.open(options),
    write: (batch, signal) => time(() => sink.write(batch, signal)),
    commit: (lanes) => time(async () => await sink.commit?.(lanes)),
    caughtUp: (signal) => time(async () => await sink.caughtUp?.(signal)),
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  };
}

async function measure(): Promise<void> {
  await using searcher = createSqliteSearcher({ path });
  let startedMs = performance.now();
  const all = await searcher.search({ query: parseQuery(""), size: 10 });
  console.log(
    `opened ${all.total.count} entities in ${(performance.now() - startedMs).toFixed(0)} ms`,
  );
  const { queries } = await readJudged();
  const texts = typedTexts(queries, Number(values.queries));
  const cpuBefore = process.cpuUsage();
  const times: { text: string; ms: number; cpuMs: number }[] = [];
  for (const text of texts) {
    const query = parseQuery(text);
    startedMs = performance.now();
    const cpu = process.cpuUsage();
    await searcher.search({ query, size: 10 });
    const { user: searchUser, system: searchSystem } = process.cpuUsage(cpu);
    const cpuMs = (searchUser + searchSystem) / 1_000;
    times.push({ text, ms: performance.now() - startedMs, cpuMs });
    // Between two keys there is time for what has been put off.
    await Bun.sleep(0);
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
  const { user, system } = process.cpuUsage(cpuBefore);
  const eachMs = (user + system) / 1_000 / times.length;
  console.log(`${eachMs.toFixed(1)} ms of the processor each, with what was put off`);
  const nowBytes = process.memoryUsage.rss();
  console.log(
    `memory of the searcher: ${megabytes(nowBytes)} MB, ${megabytes(peakBytes())} MB at its peak`,
  );
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

/** The most that this process has held in memory. */
function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1_024;
}

function megabytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(0);
}
