/** Kafka to Kafka, and Kafka to a file. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { uniqueName } from "../e2e/konn.ts";
import type { Benchmark, Contender } from "./benchmark.ts";
import {
  type BenchWorld,
  figuresOf,
  hasKcat,
  measure,
  measureKonn,
  withTopic,
} from "./bench_world.ts";

const KCAT = "kcat -C";

export interface TransferOptions {
  readonly eventsCount: number;
  /** Holds the events. */
  readonly topic: string;
}

export function transferBenchmarks(world: BenchWorld, options: TransferOptions): Benchmark[] {
  const { eventsCount, topic } = options;
  const args = ["pipe", "--from", `kafka:${topic}`, "--until-end", "--to"];
  const events = eventsCount.toLocaleString("en");
  const rivals = hasKcat() ? [kcat(world, options)] : [];
  const goals = [
    ...(hasKcat() ? [{ measure: "events/s", rival: KCAT, atLeast: 0.5 } as const] : []),
    { measure: "MiB", atMost: 200 } as const,
  ];
  const toKafka = () =>
    withTopic(world, (target) => measureKonn(world, [...args, `kafka:${target}`], eventsCount));
  const toFile = async () => {
    const target = join(world.folder, uniqueName("copy.jsonl"));
    const figures = await measureKonn(world, [...args, `file:${target}`], eventsCount);
    rmSync(target);
    return figures;
  };
  const konn = (run: Contender["run"]): Contender => ({
    name: "konn",
    run: async () => ({ ...(await run()), documents: undefined }),
  });
  return [
    {
      name: "kafka to kafka",
      title: `Kafka to Kafka: ${events} events, once each`,
      contenders: [konn(toKafka), ...rivals],
      goals,
    },
    {
      name: "kafka to file",
      title: `Kafka to a file: ${events} events, with their keys and headers`,
      contenders: [konn(toFile), ...rivals],
      goals,
    },
  ];
}

/** It writes nothing anywhere, and checks no checksum. */
function kcat(world: BenchWorld, { eventsCount, topic }: TransferOptions): Contender {
  const { brokers } = world.services;
  const command = ["kcat", "-C", "-q", "-e", "-o", "beginning", "-b", brokers, "-t", topic];
  return {
    name: KCAT,
    run: async () => {
      const run = await measure(world, command, { stdoutPath: "/dev/null" });
      return { ...figuresOf(run), events: eventsCount };
    },
  };
}
