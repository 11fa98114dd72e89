/** Kafka to OpenSearch. */
import { join } from "node:path";
import type { Benchmark, Figures } from "./benchmark.ts";
import {
  type BenchWorld,
  countDocuments,
  deleteIndex,
  measureKonn,
  measurePeer,
  stream,
} from "./bench_world.ts";
import { BulkRecorder } from "./bulk_recorder.ts";
import type { StreamKind } from "./sample_stream.ts";
import { KONN, uniqueName } from "../e2e/konn.ts";

const NAIVE = "naive kafkajs";
const RAW = "raw _bulk";

export interface SyncOptions {
  readonly kind: StreamKind;
  readonly eventsCount: number;
  /** Holds the stream. */
  readonly topic: string;
}

export async function syncBenchmark(world: BenchWorld, options: SyncOptions): Promise<Benchmark> {
  const { kind, eventsCount, topic } = options;
  const { brokers, openSearchUrl } = world.services;
  const recording = join(world.folder, `recording-${kind}`);
  await record(world, options, recording);
  const withIndex = async (work: (index: string) => Promise<Figures>): Promise<Figures> => {
    const index = uniqueName("bench");
    const figures = await work(index);
    await deleteIndex(world, index);
    return figures;
  };
  return {
    name: `sync ${kind}`,
    title: `Sync, ${kind}: ${eventsCount.toLocaleString("en")} events of three partitions into an index`,
    contenders: [
      { name: "konn", run: () => withIndex((index) => sync(world, options, index)) },
      {
        name: RAW,
        run: () =>
          withIndex((index) =>
            measurePeer(world, "raw_bulk.ts", [recording, openSearchUrl, index]),
          ),
      },
      {
        name: NAIVE,
        run: () =>
          withIndex((index) =>
            measurePeer(world, "naive_indexer.ts", [brokers, topic, openSearchUrl, index]),
          ),
      },
    ],
    goals: [
      { measure: "documents/s", rival: RAW, atLeast: 0.9 },
      ...(kind === "mixed" ? [{ measure: "events/s", rival: NAIVE, atLeast: 3 } as const] : []),
      { measure: "CPU", rival: NAIVE, atMost: 0.5 },
      { measure: "MiB", atMost: 200 },
    ],
  };
}

async function sync(
  world: BenchWorld,
  { kind, eventsCount, topic }: SyncOptions,
  index: string,
): Promise<Figures> {
  const args = ["sync", "--topic", topic, "--index", index, "--until-end"];
  const figures = await measureKonn(world, args, eventsCount);
  const { liveCount } = stream(kind, eventsCount);
  const found = await countDocuments(world, index);
  // Every entity of the other streams is one that is searched for.
  if (kind !== "mixed" && found !== liveCount) {
    throw new Error(`the index holds ${found} entities instead of ${liveCount}`);
  }
  return figures;
}

/** Keeps what konn writes, to be sent again without it. */
async function record(world: BenchWorld, { topic }: SyncOptions, folder: string): Promise<void> {
  await using recorder = new BulkRecorder(folder, world.services.openSearchUrl);
  const index = uniqueName("bench");
  const child = Bun.spawn({
    cmd: [KONN, "sync", "--topic", topic, "--index", index, "--until-end"],
    cwd: world.folder,
    env: { KONN_BROKERS: world.services.brokers, KONN_OPENSEARCH_URL: recorder.url },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const stderr = await child.stderr.text();
  if ((await child.exited) !== 0) throw new Error(`konn could not be recorded: ${stderr}`);
  recorder.finish();
  await deleteIndex(world, index);
}
