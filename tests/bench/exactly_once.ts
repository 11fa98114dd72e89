/**
 * What exactly-once costs: replays of one file with transactions and without, in turn, into topics
 * of three partitions; the median of the ratios of neighbours.
 *
 *     bun tests/services/main.ts -- bun tests/bench/exactly_once.ts [LINES] [ROUNDS]
 */
import { writeNumberedFile } from "../chaos/numbered_file.ts";
import { konn, uniqueName } from "../e2e/konn.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";

const [lines = "1000000", rounds = "5"] = process.argv.slice(2);
const environment = { KONN_BROKERS: process.env["KONN_BROKERS"] ?? "localhost:9092" };
using folder = new TemporaryFolder();
const file = folder.file("numbered.jsonl");
writeNumberedFile(file, Number(lines));

async function eventsPerSecond(...flags: readonly string[]): Promise<number> {
  const args = ["replay", file, "--topic", uniqueName("bench"), "--json", ...flags];
  const { exitCode, stdout, stderr } = await konn(args, { cwd: folder.path, environment });
  if (exitCode !== 0) throw new Error(stderr);
  const { events, seconds }: { events: number; seconds: number } = JSON.parse(stdout);
  return Math.round(events / seconds);
}

const ratios: number[] = [];
for (let round = 0; round < Number(rounds); round += 1) {
  const once = await eventsPerSecond();
  const atLeastOnce = await eventsPerSecond("--at-least-once");
  ratios.push(once / atLeastOnce);
  console.log(JSON.stringify({ once, at_least_once: atLeastOnce, ratio: once / atLeastOnce }));
}
const median = ratios.toSorted((a, b) => a - b)[Math.floor(ratios.length / 2)];
console.log(JSON.stringify({ median_ratio: median }));

const startedMs = performance.now();
const topic = uniqueName("bench");
await konn(["replay", file, "--topic", topic], { cwd: folder.path, environment });
const againMs = performance.now();
await konn(["replay", file, "--topic", topic], { cwd: folder.path, environment });
console.log(
  JSON.stringify({
    first_ms: Math.round(againMs - startedMs),
    again_ms: Math.round(performance.now() - againMs),
  }),
);
