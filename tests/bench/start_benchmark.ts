/** How long programs take to start, beside Bun itself. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KONN, SAMPLE, uniqueName } from "../e2e/konn.ts";
import { percentile } from "../search/relevance.ts";
import type { Benchmark, Contender, Figures } from "./benchmark.ts";
import { type BenchWorld, figuresOf, measure, withTopic } from "./bench_world.ts";

const STARTS_COUNT = 15;
const VERSION = "konn --version";
const HELP = "konn --help";
const FIRST_EVENT = "konn replay, one event";

export async function startBenchmark(world: BenchWorld): Promise<Benchmark> {
  const empty = await compileEmptyProgram(join(world.folder, "empty"));
  const line = join(world.folder, "one.jsonl");
  const text = await Bun.file(SAMPLE).text();
  writeFileSync(line, text.slice(0, text.indexOf("\n") + 1));
  const always = (name: string, command: readonly string[]): Contender => ({
    name,
    run: () => startOften(world, () => command),
  });
  return {
    name: "start",
    title: `Start to end, ${STARTS_COUNT} times in each round`,
    contenders: [
      always(VERSION, [KONN, "--version"]),
      always(HELP, [KONN, "--help"]),
      {
        // To its end: that is later than the acknowledgement of the event.
        name: FIRST_EVENT,
        run: () =>
          withTopic(world, (topic) =>
            startOften(world, () => {
              const state = join(world.folder, uniqueName("state"));
              const args = ["replay", line, "--topic", topic, "--again", "--state-dir", state];
              return [KONN, ...args];
            }),
          ),
      },
      always("a compiled program that does nothing", [empty]),
      always("bun --version", [process.execPath, "--version"]),
    ],
    goals: [
      { measure: "p50 ms", contender: VERSION, atMost: 15 },
      { measure: "p50 ms", contender: HELP, atMost: 25 },
      { measure: "p50 ms", contender: FIRST_EVENT, atMost: 300 },
    ],
  };
}

type RunFigures = ReturnType<typeof figuresOf>;

async function startOften(world: BenchWorld, command: () => readonly string[]): Promise<Figures> {
  const runs: RunFigures[] = [];
  for (let start = 0; start < STARTS_COUNT; start += 1) {
    runs.push(figuresOf(await measure(world, command())));
  }
  const times = runs.map(({ seconds }) => seconds * 1_000).toSorted((a, b) => a - b);
  const [last] = runs.toSorted((a, b) => b.peakBytes - a.peakBytes);
  if (!last) throw new Error("nothing was started");
  const sum = (pick: (run: RunFigures) => number): number =>
    runs.reduce((total, run) => total + pick(run), 0);
  return {
    ...last,
    events: STARTS_COUNT,
    seconds: sum(({ seconds }) => seconds),
    cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
    latency: {
      p50Ms: percentile(times, 0.5),
      p95Ms: percentile(times, 0.95),
      p99Ms: percentile(times, 0.99),
    },
  };
}

/** What a compiled program costs before its first line. */
async function compileEmptyProgram(folder: string): Promise<string> {
  mkdirSync(folder);
  const source = join(folder, "empty.ts");
  const output = join(folder, "empty");
  writeFileSync(source, "");
  const flags = ["--compile", "--bytecode", "--format=esm", `--outfile=${output}`];
  const child = Bun.spawn([process.execPath, "build", source, ...flags], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if ((await child.exited) !== 0) throw new Error("the empty program could not be compiled");
  return output;
}
