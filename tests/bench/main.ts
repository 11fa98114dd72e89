/**
 * Measures konn beside what else could do its work, on this machine, in one run:
 *
 *     bun run bench [--events 1000000] [--rounds 5] [--only replay,sync] [--json FILE]
 *     bun run bench --quick
 *
 * It prints tables and writes all figures to a JSON file. Quote ratios: they hold on other machines
 * and under other loads better than figures do.
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import {
  type Benchmark,
  type BenchmarkResult,
  type BenchReport,
  eventsPerSecond,
  type Figures,
  runBenchmark,
} from "./benchmark.ts";
import { type BenchWorld, produce, stream, withTopic } from "./bench_world.ts";
import { embeddedBenchmark } from "./embedded_benchmark.ts";
import { loadAverage } from "./process_stats.ts";
import { replayBenchmark } from "./replay_benchmark.ts";
import { tableOf } from "./report.ts";
import type { StreamKind } from "./sample_stream.ts";
import { withSearchBenchmark } from "./search_benchmark.ts";
import { benchServices } from "./services.ts";
import { startBenchmark } from "./start_benchmark.ts";
import { syncBenchmark } from "./sync_benchmark.ts";
import { transferBenchmarks } from "./transfer_benchmark.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    events: { type: "string" },
    rounds: { type: "string" },
    only: { type: "string", default: "" },
    json: { type: "string", default: "dist/bench.json" },
  },
});
const eventsCount = Number(values.events ?? (values.quick ? 20_000 : 1_000_000));
const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
const wanted = values.only.split(",").filter(Boolean);

const results: BenchmarkResult[] = [];
const loadBefore = loadAverage();
const startedAt = new Date().toISOString();
using folder = new TemporaryFolder();
await using services = await benchServices();
const world: BenchWorld = { services, folder: folder.path, eventsCount, isQuick: values.quick };

if (isWanted("start")) await run(await startBenchmark(world));
if (isWanted("replay")) await run(replayBenchmark(world));
if (isWanted("transfer")) {
  await withStream("mixed", eventsCount, async (topic) => {
    for (const benchmark of transferBenchmarks(world, { eventsCount, topic })) await run(benchmark);
  });
}
// Each event of the other streams is a document to be analyzed.
const documentsCount = Math.ceil(eventsCount / 5);
for (const kind of ["mixed", "unique", "churn"] as const) {
  if (!isWanted("sync") && !isWanted(`sync ${kind}`)) continue;
  const count = kind === "mixed" ? eventsCount : documentsCount;
  await withStream(kind, count, async (topic) => {
    await run(await syncBenchmark(world, { kind, eventsCount: count, topic }));
  });
}
if (isWanted("try")) await run(embeddedBenchmark(world, documentsCount));
if (isWanted("search")) {
  const counts = { entitiesCount: eventsCount, searchesCount: values.quick ? 200 : 1_000 };
  await withSearchBenchmark(world, counts, run);
}

const machine = { processors: cpus().length, model: cpus()[0]?.model };
const load = { before: loadBefore, after: loadAverage() };
const report: BenchReport = { startedAt, machine, load, rounds, benchmarks: results };
writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
console.log(`\nAll figures: ${values.json}`);

/** Puts a stream into a topic for the time of the work. */
async function withStream(
  kind: StreamKind,
  count: number,
  work: (topic: string) => Promise<void>,
): Promise<void> {
  const file = stream(kind, count);
  await withTopic(world, async (topic) => {
    await produce(world, topic, file);
    await work(topic);
  });
}

function isWanted(name: string): boolean {
  return wanted.length === 0 || wanted.includes(name);
}

async function run(benchmark: Benchmark): Promise<void> {
  const result = await runBenchmark(benchmark, { rounds, onRun: progress });
  results.push(result);
  console.log(tableOf(result));
  // Processors are counted in hundredths of a second: of short runs that says nothing.
  if (result.contenders.some(({ median }) => median.latency)) return;
  const shares = result.contenders.map(({ median }) => percent(median.othersShare));
  console.log(`  others had ${shares.join(", ")} of the machine`);
}

function progress(name: string, figures: Figures): void {
  const rate = Math.round(eventsPerSecond(figures)).toLocaleString("en");
  process.stderr.write(`  ${name}: ${rate}/s, ${figures.cpuSeconds.toFixed(1)} CPU s\n`);
}

function percent(share: number | undefined): string {
  return share === undefined ? "?" : `${(share * 100).toFixed(0)} %`;
}
