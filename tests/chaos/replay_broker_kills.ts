/**
 * Kills the brokers of a cluster in turn while `konn replay` runs, and konn itself now and then,
 * and then has kcat count what read_committed readers see.
 *
 *     bun tests/chaos/replay_broker_kills.ts [BROKER_KILLS] [LINES]
 */
import { spawnKonn, uniqueName } from "../e2e/konn.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { type KafkaCluster, startKafkaCluster } from "../services/mod.ts";
import { compareWithKcat } from "./committed_lines.ts";
import { writeNumberedFile } from "./numbered_file.ts";

const BROKERS_COUNT = 3;
const PARTITIONS_COUNT = 3;
/** How long a broker stays away, and how long all of them are there until the next one goes. */
const MAX_ABSENCE_MS = 3_000;
const MAX_REST_MS = 3_000;
/** A kill takes about so long on the whole, restart included. */
const SECONDS_PER_KILL = 6;
/** konn is killed as well, from time to time. */
const MAX_KONN_LIFE_MS = 60_000;
const MAX_RUNS_COUNT = 1_000;

export interface BrokerKillsReport {
  readonly brokerKillsCount: number;
  readonly konnKillsCount: number;
  /** Runs that ended with a reason and had to be started again. */
  readonly konnEnds: readonly string[];
  readonly linesCount: number;
  readonly seconds: number;
  readonly faults: readonly string[];
}

/** Replays a file while brokers are killed and come back. */
export async function replayOverBrokerKills(
  cluster: KafkaCluster,
  { brokerKillsCount, linesCount }: { brokerKillsCount: number; linesCount: number },
): Promise<BrokerKillsReport> {
  using folder = new TemporaryFolder();
  const file = folder.file("numbered.jsonl");
  writeNumberedFile(file, linesCount);
  const topic = uniqueName("broker-kills");
  const startedMs = performance.now();
  const chaos = killInTurn(cluster, brokerKillsCount);
  const rate = Math.ceil(linesCount / (brokerKillsCount * SECONDS_PER_KILL));
  const args = ["replay", file, "--topic", topic, "--rate", `${rate}/s`];
  const options = { cwd: folder.path, environment: { KONN_BROKERS: cluster.brokers } };
  const konnEnds: string[] = [];
  let konnKillsCount = 0;
  for (let runs = 0; runs < MAX_RUNS_COUNT; runs += 1) {
    const child = spawnKonn(args, options);
    const timer = setTimeout(() => child.kill("SIGKILL"), Math.random() * MAX_KONN_LIFE_MS);
    const stderr = child.stderr.text();
    const exitCode = await child.exited;
    clearTimeout(timer);
    if (exitCode === 0) break;
    if (child.signalCode === "SIGKILL") konnKillsCount += 1;
    else konnEnds.push(`${exitCode}: ${(await stderr).trim().split("\n").at(-1)}`);
  }
  const killed = await chaos;
  const { brokers } = cluster;
  const found = await compareWithKcat(brokers, {
    topic,
    partitionsCount: PARTITIONS_COUNT,
    linesCount,
  });
  const seconds = (performance.now() - startedMs) / 1_000;
  return { brokerKillsCount: killed, konnKillsCount, konnEnds, ...found, seconds };
}

async function killInTurn(cluster: KafkaCluster, count: number): Promise<number> {
  let killed = 0;
  for (; killed < count; killed += 1) {
    const id = (killed % BROKERS_COUNT) + 1;
    await Bun.sleep(Math.random() * MAX_REST_MS);
    await cluster.kill(id);
    await Bun.sleep(Math.random() * MAX_ABSENCE_MS);
    await cluster.restart(id);
  }
  return killed;
}

if (import.meta.main) {
  const [kills = "50", lines = "200000"] = process.argv.slice(2);
  await using cluster = await startKafkaCluster({ brokers: BROKERS_COUNT });
  const counts = { brokerKillsCount: Number(kills), linesCount: Number(lines) };
  const report = await replayOverBrokerKills(cluster, counts);
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  process.exitCode = report.faults.length === 0 ? 0 : 1;
}
