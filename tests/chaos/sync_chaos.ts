/**
 * Everything around `konn sync` breaks at random while a table changes: konn is killed and paused,
 * its group shares anew, OpenSearch and Kafka are killed and come back, connections are cut. One konn
 * alone and three in a group keep an index each of the same topic. In the end both must equal the
 * table, by `konn verify` and by a comparison that shares no code with it, and every event that no
 * index can take must be in the dead letters of both.
 *
 *     bun tests/chaos/sync_chaos.ts [SCALE] [SEED] [MINUTES]
 *
 * SCALE 1 is the long form, of half an hour on a quiet machine; after MINUTES nothing more is broken,
 * and what was is compared. The seed of a run is printed: with it, the same things break in the same
 * order.
 */
import { Kafka, logLevel } from "kafkajs";
import { konn, uniqueName } from "../e2e/konn.ts";
import { doneCount } from "../e2e/waiting.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import {
  type KafkaCluster,
  startKafkaCluster,
  startOpenSearch,
  TcpProxy,
} from "../services/mod.ts";
import { ChangingTable } from "./changing_table.ts";
import { checkSync, isRight, type Outcome, readStream } from "./chaos_check.ts";
import { GroupProgress } from "./group_progress.ts";
import { KonnRunner } from "./konn_runner.ts";
import { SeededRandom } from "./seeded_random.ts";

const PARTITIONS_COUNT = 6;
const MEMBERS_COUNT = 3;
const CHANGE_PAUSE_MS = 100;
const FULL_COUNTS = {
  killKonn: 300,
  killOpenSearch: 40,
  killKafka: 40,
  pauseKonn: 20,
  cut: 20,
  rebalance: 20,
};
/** From one fault to the next. Most meet a group that still suffers from the one before. */
const MAX_REST_MS = 2_000;
/** A kill of konn is over at once, and the others take seconds: so they fall together. */
const KILLS_REST_FACTOR = 3;
const MAX_ABSENCE_MS = 2_000;
/** Longer than the session timeout of 6 s, for which a member that says nothing is waited for. */
const MIN_PAUSE_MS = 7_000;
const MAX_PAUSE_MS = 12_000;
const MAX_VISIT_MS = 8_000;
/** After so many faults all must get through what the topic holds by then. */
const FAULTS_PER_ROUND = 20;
const ROUND_LIMIT_MS = 180_000;
const POLL_MS = 100;
const START_TRIES_COUNT = 3;
/** In the log of a member: it was taken for dead while it was paused, or it has got partitions. */
const PLACE_LOST = "Lost the place in the group";
const SHARED_ANEW = "for the group";

export type Counts = Readonly<typeof FULL_COUNTS>;
type Fault = keyof Counts;

export interface SyncChaosReport {
  readonly seed: number;
  readonly faultsMade: Counts;
  readonly changesCount: number;
  readonly rowsCount: number;
  /** Runs that ended by themselves and were started again: how many with which code. */
  readonly konnEnds: Readonly<Record<string, number>>;
  /** How often a member was given partitions, and how often one found that it had lost its own. */
  readonly sharesCount: number;
  readonly placesLostCount: number;
  /** Waiting times of the rounds: until all that was in the topic was delivered. */
  readonly servedAfterMs: { readonly median: number; readonly max: number };
  /** The index of the konn that is alone, and that of the group. */
  readonly alone: Outcome;
  readonly group: Outcome;
  readonly isRight: boolean;
  readonly seconds: number;
}

export interface SyncChaosOptions {
  readonly seed: number;
  readonly maxRestMs?: number;
  /** Nothing more is broken after this time. */
  readonly limitMs?: number;
  /** Hears how it goes. */
  readonly say?: (text: string) => void;
}

/** Breaks things so many times each, in random order, and reports how it ended. */
export async function syncThroughChaos(
  counts: Counts,
  { seed, maxRestMs = MAX_REST_MS, limitMs = Infinity, say = () => {} }: SyncChaosOptions,
): Promise<SyncChaosReport> {
  const startedMs = performance.now();
  const random = new SeededRandom(seed);
  await using scene = await Scene.start(random);
  const { topic, table } = scene;
  const stop = new AbortController();
  const changing = table.change(stop.signal, CHANGE_PAUSE_MS);
  const waits: number[] = [];
  const made = { killKonn: 0, killOpenSearch: 0, killKafka: 0, pauseKonn: 0, cut: 0, rebalance: 0 };
  const faults = random.shuffled(
    Object.entries(counts).flatMap(([fault, count]) =>
      Array.from({ length: count }, () => fault as Fault),
    ),
  );
  for (let at = 0; at < faults.length; at += FAULTS_PER_ROUND) {
    if (performance.now() - startedMs > limitMs) break;
    const round = faults.slice(at, at + FAULTS_PER_ROUND);
    // konn is killed while other things break, and while they come back.
    const [kills, others] = [round.filter(isKill), round.filter((fault) => !isKill(fault))];
    await Promise.all([
      scene.makeAll(kills, KILLS_REST_FACTOR * maxRestMs),
      scene.makeAll(others, maxRestMs),
    ]);
    for (const fault of round) made[fault] += 1;
    waits.push(await scene.untilServed());
    const ends = JSON.stringify(scene.ends);
    say(
      `${at + round.length} of ${faults.length} faults, ${table.changesCount} changes, ends: ${ends}`,
    );
  }
  await scene.untilAllAreAwake();
  stop.abort();
  await changing;
  await table.stop();
  waits.push(await scene.untilServed());
  await scene.catchUp();
  say("caught up; comparing");
  const stream = await readStream(topic, scene.kafka);
  if (!haveSameRows(stream.rows, table.rows)) {
    throw new Error(`the topic does not say what its writer remembers (seed ${seed})`);
  }
  const expected = { table: table.rows, refused: stream.refused };
  const alone = await checkSync(scene.alone, expected);
  const group = await checkSync(scene.group, expected);
  const sorted = waits.map(Math.round).toSorted((a, b) => a - b);
  return {
    seed,
    faultsMade: made,
    changesCount: table.changesCount,
    rowsCount: table.rows.size,
    konnEnds: scene.ends,
    sharesCount: scene.saidCount(SHARED_ANEW),
    placesLostCount: scene.saidCount(PLACE_LOST),
    servedAfterMs: { median: sorted[sorted.length >> 1] ?? 0, max: sorted.at(-1) ?? 0 },
    alone,
    group,
    isRight: isRight(alone) && isRight(group),
    seconds: Math.round((performance.now() - startedMs) / 1_000),
  };
}

/** A sync, or the members of a group, that keep one index. */
interface Sync {
  readonly index: string;
  readonly topic: string;
  readonly args: readonly string[];
  readonly where: { readonly cwd: string; readonly environment: Record<string, string> };
  readonly openSearchUrl: string;
}

/** All that takes part, and what can be done to it. */
class Scene implements AsyncDisposable {
  readonly topic: string;
  readonly table: ChangingTable;
  readonly kafka: Kafka;
  readonly alone: Sync;
  readonly group: Sync;
  readonly #random: SeededRandom;
  readonly #cluster: KafkaCluster;
  readonly #openSearch: Awaited<ReturnType<typeof startOpenSearch>>;
  readonly #proxy: TcpProxy;
  readonly #resources: AsyncDisposableStack;
  readonly #solo: KonnRunner;
  readonly #members: readonly KonnRunner[];
  readonly #guests: KonnRunner[] = [];
  readonly #pauses = new Set<Promise<void>>();

  private constructor(
    parts: Pick<Scene, "topic" | "table" | "kafka" | "alone" | "group"> & {
      random: SeededRandom;
      cluster: KafkaCluster;
      openSearch: Awaited<ReturnType<typeof startOpenSearch>>;
      proxy: TcpProxy;
      resources: AsyncDisposableStack;
    },
  ) {
    ({ topic: this.topic, table: this.table, kafka: this.kafka } = parts);
    ({ alone: this.alone, group: this.group } = parts);
    this.#random = parts.random;
    this.#cluster = parts.cluster;
    this.#openSearch = parts.openSearch;
    this.#proxy = parts.proxy;
    this.#resources = parts.resources;
    this.#solo = this.#run(this.alone);
    this.#members = Array.from({ length: MEMBERS_COUNT }, () => this.#run(this.group));
  }

  static async start(random: SeededRandom): Promise<Scene> {
    await using made = new AsyncDisposableStack();
    const cluster = made.use(await startKafkaCluster({ brokers: 1 }));
    const openSearch = await startOpenSearch();
    made.defer(() => openSearch.stop());
    const upstreamPort = Number(new URL(openSearch.url).port);
    const proxy = made.use(await TcpProxy.start({ upstreamPort }));
    const topic = uniqueName("chaos");
    const kafka = new Kafka({
      brokers: cluster.brokers.split(","),
      logLevel: logLevel.NOTHING,
      requestTimeout: 3_000,
      // The brokers come and go; a change is made when it is acknowledged, and not before.
      retry: { retries: 1_000, maxRetryTime: 1_000 },
    });
    const partitionsCount = PARTITIONS_COUNT;
    // The table takes its chances alone: how far it comes between two faults is up to the machine.
    const chances = new SeededRandom(random.seed + 1);
    const table = await ChangingTable.start(kafka, { topic, partitionsCount, random: chances });
    const environment = {
      KONN_BROKERS: cluster.brokers,
      KONN_OPENSEARCH_URL: `http://${proxy.address}`,
    };
    const sync = (name: string, flags: readonly string[]): Sync => {
      const index = `${topic}-${name}`;
      const args = ["sync", "--topic", topic, "--index", index, "--wait", "60s", ...flags];
      const where = { cwd: made.use(asyncly(new TemporaryFolder())).path, environment };
      return { index, topic, args, where, openSearchUrl: openSearch.url };
    };
    const alone = sync("alone", []);
    const group = sync("group", ["--group", topic]);
    const resources = made.move();
    const parts = { topic, table, kafka, alone, group, random, cluster, openSearch, proxy };
    return new Scene({ ...parts, resources });
  }

  /** One after the other, with a rest before each. */
  async makeAll(faults: readonly Fault[], maxRestMs: number): Promise<void> {
    for (const fault of faults) {
      await Bun.sleep(this.#random.next() * maxRestMs);
      await this.#faults[fault]();
    }
  }

  readonly #faults: Readonly<Record<Fault, () => Promise<void>>> = {
    killKonn: async () => await (await this.#someone(this.#runners())).kill(),
    pauseKonn: async () => this.#pause(await this.#someone(this.#members)),
    killOpenSearch: async () => {
      await this.#openSearch.kill();
      await Bun.sleep(this.#random.next() * MAX_ABSENCE_MS);
      await started(() => this.#openSearch.restart());
    },
    killKafka: async () => {
      await this.#cluster.kill(1);
      await Bun.sleep(this.#random.next() * MAX_ABSENCE_MS);
      await started(() => this.#cluster.restart(1));
    },
    cut: async () => {
      this.#proxy.cut();
      this.#cluster.node(1).proxy.cut();
    },
    rebalance: async () => {
      if (this.#random.next() < 0.5) await this.#takeTurns();
      else await this.#beVisited();
    },
  };

  /** Waits until all that is in the topic now is in both indexes, and tells how long that took. */
  async untilServed(): Promise<number> {
    const startedMs = performance.now();
    const admin = this.kafka.admin();
    await admin.connect();
    const progress = new GroupProgress(admin, this.topic);
    const total = (await progress.ends()).reduce((sum, { high }) => sum + Number(high), 0);
    await progress.untilServed();
    await admin.disconnect();
    while (doneCount(this.alone.where.cwd, this.alone) < total) {
      if (performance.now() - startedMs > ROUND_LIMIT_MS) {
        throw new Error(`the konn that is alone stands still (seed ${this.#random.seed})`);
      }
      await Bun.sleep(POLL_MS);
    }
    return performance.now() - startedMs;
  }

  async untilAllAreAwake(): Promise<void> {
    await Promise.all(this.#pauses);
  }

  /** Ends all konn, and lets one of each deliver the rest. */
  async catchUp(): Promise<void> {
    await Promise.all([this.#solo, ...this.#members].map((runner) => runner.leave()));
    for (const { args, where } of [this.alone, this.group]) {
      const last = await konn([...args, "--until-end"], where);
      if (last.exitCode !== 0) throw new Error(`the last run failed: ${last.stderr}`);
    }
  }

  get ends(): Record<string, number> {
    const sum: Record<string, number> = {};
    for (const { ends } of this.#runners()) {
      for (const [end, count] of Object.entries(ends)) sum[end] = (sum[end] ?? 0) + count;
    }
    return sum;
  }

  saidCount(text: string): number {
    return this.#runners().reduce((sum, { said }) => sum + (said.get(text) ?? 0), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#runners().map((runner) => runner[Symbol.asyncDispose]()));
    await this.#resources.disposeAsync();
  }

  #run({ args, where }: Sync): KonnRunner {
    return new KonnRunner(args, { ...where, watchFor: [PLACE_LOST, SHARED_ANEW] });
  }

  #runners(): KonnRunner[] {
    return [this.#solo, ...this.#members, ...this.#guests];
  }

  /** One of those that run; waited for where all are paused or away. */
  async #someone(of: readonly KonnRunner[]): Promise<KonnRunner> {
    for (;;) {
      const running = of.filter(({ isRunning }) => isRunning);
      if (running.length > 0) return this.#random.oneOf(running);
      await Bun.sleep(POLL_MS);
    }
  }

  /** Other things go on breaking meanwhile. */
  #pause(member: KonnRunner): void {
    const durationMs = MIN_PAUSE_MS + this.#random.next() * (MAX_PAUSE_MS - MIN_PAUSE_MS);
    const pause = member.pause(durationMs).finally(() => this.#pauses.delete(pause));
    this.#pauses.add(pause);
  }

  /** A member leaves in order, and another comes. */
  async #takeTurns(): Promise<void> {
    const member = await this.#someone(this.#members);
    await member.leave();
    await Bun.sleep(this.#random.next() * MAX_ABSENCE_MS);
    member.comeBack();
  }

  /** Another member comes, and leaves in order. */
  async #beVisited(): Promise<void> {
    const guest = this.#run(this.group);
    this.#guests.push(guest);
    await Bun.sleep(this.#random.next() * MAX_VISIT_MS);
    await guest.leave();
  }
}

/** A busy machine may take longer for a start than the services wait for it. */
async function started(start: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await start();
    } catch (error) {
      if (tries === START_TRIES_COUNT) throw error;
    }
  }
}

function asyncly(folder: TemporaryFolder) {
  return { path: folder.path, [Symbol.asyncDispose]: async () => folder[Symbol.dispose]() };
}

function isKill(fault: Fault): boolean {
  return fault === "killKonn";
}

function haveSameRows(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, name]) => b.get(key) === name);
}

if (import.meta.main) {
  const [scale = "1", seed = String(Date.now() % 1_000_000), minutes = "Infinity"] =
    process.argv.slice(2);
  const scaled = Object.fromEntries(
    Object.entries(FULL_COUNTS).map(([fault, count]) => [fault, Math.ceil(count * Number(scale))]),
  ) as Counts;
  const startedMs = performance.now();
  const say = (text: string): void => {
    const seconds = Math.round((performance.now() - startedMs) / 1_000);
    process.stderr.write(`${String(seconds).padStart(5)} s  ${text}\n`);
  };
  say(`seed ${seed}: ${JSON.stringify(scaled)}`);
  const limitMs = Number(minutes) * 60_000;
  const report = await syncThroughChaos(scaled, { seed: Number(seed), limitMs, say });
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  process.exitCode = report.isRight ? 0 : 1;
}
