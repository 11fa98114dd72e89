/**
 * Kills `konn replay` again and again at random moments and then has kcat count what read_committed
 * readers see: every line once, in the order of the file within its partition.
 *
 *     bun tests/services/main.ts -- bun tests/chaos/replay_kills.ts [KILLS] [LINES]
 */
import { rmSync } from "node:fs";
import { KONN, spawnKonn, uniqueName } from "../e2e/konn.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { compareWithKcat } from "./committed_lines.ts";
import { writeNumberedFile } from "./numbered_file.ts";

const PARTITIONS_COUNT = 3;
/** Some runs are killed while they start, most while they write, a few at full speed. */
const MAX_LIFE_MS = 800;
const FULL_SPEED_SHARE = 0.02;
/** In how many of the runs the local checkpoint is lost, since Kafka is the authority. */
const LOST_STATE_SHARE = 0.05;

export interface KillsReport {
  readonly killsCount: number;
  readonly linesCount: number;
  readonly seconds: number;
  readonly faults: readonly string[];
}

/** Replays a file of `linesCount` lines and kills it up to `killsCount` times on the way. */
export async function killReplays(
  brokers: string,
  { killsCount, linesCount }: { killsCount: number; linesCount: number },
): Promise<KillsReport> {
  using folder = new TemporaryFolder();
  const file = folder.file("numbered.jsonl");
  writeNumberedFile(file, linesCount);
  const topic = uniqueName("kills");
  const environment = { KONN_BROKERS: brokers };
  const args = ["replay", file, "--topic", topic, "--partitions", `${PARTITIONS_COUNT}`];
  // So slow that the file lasts for all the kills.
  const rate = Math.max(100, Math.floor((linesCount / killsCount) * (1_000 / MAX_LIFE_MS)));
  const startedMs = performance.now();
  let kills = 0;
  while (kills < killsCount) {
    if (Math.random() < LOST_STATE_SHARE)
      rmSync(folder.file(".konn"), { recursive: true, force: true });
    const pace = Math.random() < FULL_SPEED_SHARE ? [] : ["--rate", `${rate}/s`];
    const child = spawnKonn([...args, ...pace], { cwd: folder.path, environment });
    const timer = setTimeout(() => child.kill("SIGKILL"), Math.random() * MAX_LIFE_MS);
    const exitCode = await child.exited;
    clearTimeout(timer);
    if (child.signalCode === "SIGKILL") kills += 1;
    else if (exitCode === 0) break;
    else throw new Error(`replay ended with ${exitCode}: ${await child.stderr.text()}`);
  }
  const last = Bun.spawnSync({
    cmd: [KONN, ...args],
    cwd: folder.path,
    env: { ...process.env, ...environment },
  });
  if (last.exitCode !== 0) throw new Error(`the last replay failed: ${last.stderr.toString()}`);
  const { faults, ...found } = await compareWithKcat(brokers, {
    topic,
    partitionsCount: PARTITIONS_COUNT,
    linesCount,
  });
  return { killsCount: kills, ...found, faults, seconds: (performance.now() - startedMs) / 1_000 };
}

if (import.meta.main) {
  const [kills = "500", lines = "200000"] = process.argv.slice(2);
  const brokers = process.env["KONN_BROKERS"] ?? "localhost:9092";
  const report = await killReplays(brokers, {
    killsCount: Number(kills),
    linesCount: Number(lines),
  });
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  process.exit(report.faults.length === 0 ? 0 : 1);
}
