/** A file into the embedded index, as `konn try` does it before it serves. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { uniqueName } from "../e2e/konn.ts";
import type { Benchmark } from "./benchmark.ts";
import { type BenchWorld, measureKonn, stream } from "./bench_world.ts";

export function embeddedBenchmark(world: BenchWorld, eventsCount: number): Benchmark {
  const file = stream("unique", eventsCount);
  return {
    name: "try",
    title: `Into the embedded index: ${eventsCount.toLocaleString("en")} entities of a file`,
    contenders: [
      {
        name: "konn",
        run: async () => {
          const index = join(world.folder, uniqueName("index.sqlite"));
          const args = ["pipe", "--from", `file:${file.path}`, "--to", `sqlite:${index}`];
          const figures = await measureKonn(world, args, eventsCount);
          rmSync(index);
          return figures;
        },
      },
    ],
    goals: [{ measure: "documents/s", atLeast: 50_000 }],
  };
}
