/**
 * Everything around `konn sync` breaks at random while a table changes: konn is killed and paused,
 * OpenSearch and Kafka are killed and come back, connections are cut. Then the index must equal the
 * table, by `konn verify` and by a comparison that shares no code with it.
 *
 *     bun tests/chaos/sync_chaos.ts [SCALE]
 *
 * SCALE 1 is the long form: 300 kills of konn, 40 of OpenSearch, 40 of Kafka, 20 pauses, 20 cuts.
 */
import { konn, type KonnProcess, spawnKonn, uniqueName } from "../e2e/konn.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { startKafkaCluster, startOpenSearch, TcpProxy } from "../services/mod.ts";
import { ChangingTable, type Table } from "./changing_table.ts";

const PARTITIONS_COUNT = 3;
const CHANGE_PAUSE_MS = 25;
const FULL_COUNTS = { killKonn: 300, killOpenSearch: 40, killKafka: 40, pauseKonn: 20, cut: 20 };
const MAX_REST_MS = 600;
const MAX_ABSENCE_MS = 2_000;
const MAX_PAUSE_MS = 12_000;
const RESTART_DELAY_MS = 200;
const MAX_NAMED_FAULTS_COUNT = 20;

export type Counts = Readonly<typeof FULL_COUNTS>;

export interface SyncChaosReport {
  readonly faultsMade: Counts;
  readonly changesCount: number;
  readonly rowsCount: number;
  /** Runs that ended by themselves and were started again: how many with which code. */
  readonly konnEnds: Readonly<Record<string, number>>;
  readonly verifyExitCode: number;
  readonly verify: unknown;
  /** Differences between the index and the table; none when all is well. */
  readonly differences: readonly string[];
  readonly seconds: number;
}

/** Breaks things so many times each, in random order, and reports how it ended. */
export async function syncThroughChaos(counts: Counts): Promise<SyncChaosReport> {
  const startedMs = performance.now();
  using folder = new TemporaryFolder();
  await using kafka = await startKafkaCluster({ brokers: 1 });
  const openSearch = await startOpenSearch();
  await using proxy = await TcpProxy.start({ upstreamPort: Number(new URL(openSearch.url).port) });
  const topic = uniqueName("chaos");
  const table = await ChangingTable.start(kafka.brokers, {
    topic,
    partitionsCount: PARTITIONS_COUNT,
  });
  const environment = {
    KONN_BROKERS: kafka.brokers,
    KONN_OPENSEARCH_URL: `http://${proxy.address}`,
  };
  const where = { cwd: folder.path, environment };
  const args = ["sync", "--topic", topic, "--index", topic, "--wait", "60s"];
  const runner = new Runner(() => spawnKonn(args, where));
  const stop = new AbortController();
  const changing = table.change(stop.signal, CHANGE_PAUSE_MS);
  const faults: Record<keyof Counts, () => Promise<void>> = {
    killKonn: () => runner.kill(),
    pauseKonn: () => runner.pause(Math.random() * MAX_PAUSE_MS),
    killOpenSearch: async () => {
      await openSearch.kill();
      await Bun.sleep(Math.random() * MAX_ABSENCE_MS);
      await openSearch.restart();
    },
    killKafka: async () => {
      await kafka.kill(1);
      await Bun.sleep(Math.random() * MAX_ABSENCE_MS);
      await kafka.restart(1);
    },
    cut: async () => {
      proxy.cut();
      kafka.node(1).proxy.cut();
    },
  };
  for (const fault of shuffled(counts)) {
    await Bun.sleep(Math.random() * MAX_REST_MS);
    await faults[fault]();
  }
  stop.abort();
  await changing;
  await table.stop();
  await runner.stop();
  const last = await konn([...args, "--until-end"], where);
  if (last.exitCode !== 0) throw new Error(`the last run failed: ${last.stderr}`);
  const verified = await konn(["verify", "--topic", topic, "--index", topic, "--json"], where);
  const differences = await differencesOf(openSearch.url, topic, table.rows);
  await openSearch.stop();
  return {
    faultsMade: counts,
    changesCount: table.changesCount,
    rowsCount: table.rows.size,
    konnEnds: runner.ends,
    verifyExitCode: verified.exitCode,
    verify: JSON.parse(verified.stdout || "null"),
    differences: differences.slice(0, MAX_NAMED_FAULTS_COUNT),
    seconds: (performance.now() - startedMs) / 1_000,
  };
}

/** Keeps one konn running: starts another whenever one ends. */
class Runner {
  readonly ends: Record<string, number> = {};
  readonly #spawn: () => KonnProcess;
  #child: KonnProcess;
  #isStopping = false;

  constructor(spawn: () => KonnProcess) {
    this.#spawn = spawn;
    this.#child = this.#start();
  }

  async kill(): Promise<void> {
    const child = this.#child;
    child.kill("SIGKILL");
    await child.exited;
  }

  async pause(durationMs: number): Promise<void> {
    const child = this.#child;
    child.kill("SIGSTOP");
    await Bun.sleep(durationMs);
    child.kill("SIGCONT");
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#child.kill("SIGINT");
    await this.#child.exited;
  }

  #start(): KonnProcess {
    const child = this.#spawn();
    void this.#restartAfter(child);
    return child;
  }

  async #restartAfter(child: KonnProcess): Promise<void> {
    const stderr = child.stderr.text();
    await child.exited;
    if (this.#isStopping) return;
    if (child.signalCode !== "SIGKILL" && child.exitCode !== 0) {
      const code = /"code":"(\w+)"/.exec((await stderr).trim().split("\n").at(-1) ?? "")?.[1];
      const end = `${child.exitCode} ${code ?? (await stderr)}`;
      this.ends[end] = (this.ends[end] ?? 0) + 1;
      await Bun.sleep(RESTART_DELAY_MS);
    }
    this.#child = this.#start();
  }
}

function shuffled(counts: Counts): (keyof Counts)[] {
  const faults = Object.entries(counts).flatMap(([fault, count]) =>
    Array.from({ length: count }, () => fault as keyof Counts),
  );
  return faults
    .map((fault) => ({ fault, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ fault }) => fault);
}

interface SearchAnswer {
  readonly hits: { readonly hits: readonly { _id: string; _source: { name: string } }[] };
}

/** What the alias shows against the table, read by plain HTTP. */
async function differencesOf(url: string, index: string, rows: Table): Promise<string[]> {
  await fetch(`${url}/${index}/_refresh`, { method: "POST" });
  const response = await fetch(`${url}/${index}/_search?size=10000`);
  const { hits } = (await response.json()) as SearchAnswer;
  const found = new Map(hits.hits.map(({ _id, _source }) => [_id, _source.name]));
  const differences: string[] = [];
  for (const [key, name] of rows) {
    if (found.get(key) !== name) differences.push(`${key}: ${found.get(key)} instead of ${name}`);
  }
  for (const key of found.keys()) if (!rows.has(key)) differences.push(`${key}: not in the table`);
  return differences;
}

if (import.meta.main) {
  const scale = Number(process.argv[2] ?? "1");
  const scaled = Object.fromEntries(
    Object.entries(FULL_COUNTS).map(([fault, count]) => [fault, Math.ceil(count * scale)]),
  ) as Counts;
  const report = await syncThroughChaos(scaled);
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  process.exitCode = report.differences.length === 0 && report.verifyExitCode === 0 ? 0 : 1;
}
