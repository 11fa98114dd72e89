/** File to Kafka. */
import type { Benchmark, Contender, Figures } from "./benchmark.ts";
import {
  type BenchWorld,
  figuresOf,
  hasKcat,
  kcatProduce,
  measure,
  measureKonn,
  measurePeer,
  stream,
  withTopic,
} from "./bench_world.ts";
import { producerPerformance, sentPerSecond } from "./producer_performance.ts";

const KCAT = "kcat -P";
const PERFORMANCE = "Kafka's perf tool";
const KAFKAJS = "kafkajs";

export function replayBenchmark(world: BenchWorld): Benchmark {
  const { eventsCount } = world;
  const file = stream("mixed", eventsCount);
  const replay = (...flags: readonly string[]): Promise<Figures> =>
    withTopic(world, async (topic) => {
      const args = ["replay", file.path, "--topic", topic, ...flags];
      const { documents: _, ...figures } = await measureKonn(world, args, eventsCount);
      return figures;
    });
  const kcat: Contender = {
    name: KCAT,
    run: () =>
      withTopic(world, async (topic) => {
        const run = await measure(world, kcatProduce(world, topic, file));
        return { ...figuresOf(run), events: eventsCount };
      }),
  };
  const performance: Contender = {
    name: PERFORMANCE,
    run: () =>
      withTopic(world, async (topic) => {
        const { brokers } = world.services;
        const recordBytes = Math.round(file.bytes / eventsCount);
        const options = { brokers, topic, recordsCount: eventsCount, recordBytes };
        const run = await measure(world, await producerPerformance(options));
        const seconds = eventsCount / sentPerSecond(run.stdout);
        return { ...figuresOf(run), events: eventsCount, seconds };
      }),
  };
  const kafkajs: Contender = {
    name: KAFKAJS,
    run: () =>
      withTopic(world, (topic) =>
        measurePeer(world, "naive_producer.ts", [world.services.brokers, topic, file.path]),
      ),
  };
  return {
    name: "replay",
    title: `Replay: ${eventsCount.toLocaleString("en")} lines of a file into three partitions`,
    contenders: [
      { name: "konn", run: () => replay() },
      { name: "konn, not once", run: () => replay("--at-least-once") },
      ...(hasKcat() ? [kcat] : []),
      ...(world.isQuick ? [] : [performance]),
      kafkajs,
    ],
    goals: [
      ...(hasKcat() ? [{ measure: "events/s", rival: KCAT, atLeast: 0.6 } as const] : []),
      ...(world.isQuick
        ? []
        : [{ measure: "events/s", rival: PERFORMANCE, atLeast: 1.5 } as const]),
      { measure: "events/s", rival: KAFKAJS, atLeast: 6 },
      { measure: "MiB", atMost: 200 },
    ],
  };
}
