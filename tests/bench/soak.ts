/**
 * Whether memory stays what it is: a replay of many events, then a sync of them, and how much memory
 * konn has meanwhile, tenth by tenth of the time. It takes minutes, and some 2 KB of disk an event.
 *
 *     bun scripts/build.ts && bun tests/bench/soak.ts [EVENTS] [FILE.json]
 */
import { writeFileSync } from "node:fs";
import { uniqueName } from "../e2e/konn.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { medianOf } from "./benchmark.ts";
import { type BenchWorld, measureKonn, stream, withTopic } from "./bench_world.ts";
import { loadAverage } from "./process_stats.ts";
import { benchServices } from "./services.ts";

const [events = "10000000", file = "dist/soak.json"] = process.argv.slice(2);
const eventsCount = Number(events);
const PARTS_COUNT = 10;
const MEBIBYTE = 1024 * 1024;

using folder = new TemporaryFolder();
await using services = await benchServices();
const world: BenchWorld = { services, folder: folder.path, eventsCount, isQuick: false };
const lines = stream("mixed", eventsCount);
const results: object[] = [];

await withTopic(world, async (topic) => {
  await soak("replay", ["replay", lines.path, "--topic", topic]);
  const index = uniqueName("soak");
  await soak("sync", ["sync", "--topic", topic, "--index", index, "--until-end"]);
});
writeFileSync(file, `${JSON.stringify({ eventsCount, runs: results }, undefined, 2)}\n`);

async function soak(name: string, args: readonly string[]): Promise<void> {
  const samples: number[] = [];
  const load = loadAverage();
  const figures = await measureKonn(world, args, eventsCount, (bytes) => samples.push(bytes));
  const peak = Math.round(figures.peakBytes / MEBIBYTE);
  const length = Math.ceil(samples.length / PARTS_COUNT);
  const tenths = Array.from({ length: PARTS_COUNT }, (_, at) =>
    Math.round(medianOf(samples.slice(at * length, (at + 1) * length)) / MEBIBYTE),
  );
  const { seconds, cpuSeconds } = figures;
  results.push({ name, peakMiB: peak, tenthsMiB: tenths, seconds, cpuSeconds, load });
  const rate = Math.round(eventsCount / seconds).toLocaleString("en");
  console.log(`${name}: ${rate}/s, peak ${peak} MiB, by tenths ${tenths.join(" ")} MiB`);
}
