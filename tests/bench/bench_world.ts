/** What all benchmarks of a run share: services, streams, a folder, and how to run what is measured. */
import { join } from "node:path";
import { withAdmin } from "../connectors/kafka/support.ts";
import { createTopic } from "../services/kafka_topic.ts";
import { KONN, uniqueName } from "../e2e/konn.ts";
import type { Figures } from "./benchmark.ts";
import { measuredRun, type MeasuredRun, type RunOptions } from "./measured_run.ts";
import type { BenchServices } from "./services.ts";
import { KEY_END, keyedFile, streamFile, type StreamFile } from "./stream_file.ts";
import type { StreamKind } from "./sample_stream.ts";

const SEED = 1;
const PARTITIONS_COUNT = 3;
const PEERS = join(import.meta.dir, "peers");

export interface BenchWorld {
  readonly services: BenchServices;
  /** For what runs leave behind. */
  readonly folder: string;
  /** Of the longest stream; those that take longer per event are shorter. */
  readonly eventsCount: number;
  /** Without what would have to be installed first. */
  readonly isQuick: boolean;
}

export function stream(kind: StreamKind, eventsCount: number): StreamFile {
  return streamFile({ kind, eventsCount, seed: SEED });
}

/** Runs a command in a folder of its own. */
export async function measure(
  { services, folder }: BenchWorld,
  command: readonly string[],
  options: Pick<RunOptions, "stdoutPath" | "onMemory"> = {},
): Promise<MeasuredRun> {
  const environment = {
    KONN_BROKERS: services.brokers,
    KONN_OPENSEARCH_URL: services.openSearchUrl,
  };
  return await measuredRun(command, { cwd: folder, services, environment, ...options });
}

/** Runs konn with a state folder of its own, and checks that it has dealt with all events. */
export async function measureKonn(
  world: BenchWorld,
  args: readonly string[],
  eventsCount: number,
  onMemory: (residentBytes: number) => void = () => undefined,
): Promise<Figures> {
  const state = join(world.folder, uniqueName("state"));
  const command = [KONN, ...args, "--json", "--state-dir", state];
  const run = await measure(world, command, { onMemory });
  const { events, written, deleted }: KonnSummary = JSON.parse(run.stdout);
  if (events !== eventsCount) throw new Error(`konn ${args.join(" ")} saw ${events} events`);
  return { ...figuresOf(run), events, documents: written + deleted };
}

interface KonnSummary {
  readonly events: number;
  readonly written: number;
  readonly deleted: number;
}

/** Runs a program of `peers/`, which tells its own time: the start of the runtime is not counted. */
export async function measurePeer(
  world: BenchWorld,
  script: string,
  args: readonly string[],
): Promise<Figures> {
  const run = await measure(world, [process.execPath, join(PEERS, script), ...args]);
  const told: { events?: number; documents?: number; seconds: number } = JSON.parse(run.stdout);
  return { ...figuresOf(run), events: told.documents ?? 0, ...told };
}

export function figuresOf(run: MeasuredRun): Omit<Figures, "events" | "documents"> {
  const { seconds, cpuSeconds, peakBytes } = run;
  const { kafkaCpuSeconds, openSearchCpuSeconds, othersShare } = run;
  return { seconds, cpuSeconds, peakBytes, kafkaCpuSeconds, openSearchCpuSeconds, othersShare };
}

/** What kcat needs to put keyed lines into a topic, each once. */
export function kcatProduce({ services }: BenchWorld, topic: string, file: StreamFile): string[] {
  const once = ["-X", "enable.idempotence=true", "-X", "acks=all"];
  const where = ["-b", services.brokers, "-t", topic];
  return ["kcat", "-P", ...where, ...once, "-K", KEY_END, "-l", keyedFile(file)];
}

/** Fills a topic, without anything in it that is not an event. */
export async function produce(world: BenchWorld, topic: string, file: StreamFile): Promise<void> {
  if (hasKcat()) await measure(world, kcatProduce(world, topic, file));
  else await measurePeer(world, "naive_producer.ts", [world.services.brokers, topic, file.path]);
}

/** Makes a topic for the time of the work. */
export async function withTopic<Result>(
  { services }: BenchWorld,
  work: (topic: string) => Promise<Result>,
): Promise<Result> {
  const topic = uniqueName("bench");
  const brokers = services.brokers.split(",");
  await withAdmin(brokers, (admin) =>
    createTopic(admin, { topic, numPartitions: PARTITIONS_COUNT }),
  );
  try {
    return await work(topic);
  } finally {
    await withAdmin(brokers, (admin) => admin.deleteTopics({ topics: [topic] }));
  }
}

/** Removes an index, or what is behind an alias. */
export async function deleteIndex({ services }: BenchWorld, name: string): Promise<void> {
  const response = await fetch(`${services.openSearchUrl}/${name}`);
  const found: Record<string, unknown> = response.ok ? Object(await response.json()) : {};
  for (const index of Object.keys(found)) {
    await fetch(`${services.openSearchUrl}/${index}`, { method: "DELETE" });
  }
}

/** How many documents a search of the index or alias can find. */
export async function countDocuments({ services }: BenchWorld, name: string): Promise<number> {
  const response = await fetch(`${services.openSearchUrl}/${name}/_count`);
  const { count }: { count: number } = Object(await response.json());
  return count;
}

export function hasKcat(): boolean {
  return Bun.which("kcat") !== null;
}
