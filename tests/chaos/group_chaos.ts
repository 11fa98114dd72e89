/**
 * Lets several `konn sync --group` share a topic under load, and kills, stops, adds and pauses them at
 * random, with an OpenSearch that is slow at times. In the end the index must equal the table, as the
 * writer of the changes remembers it and as `konn verify` says; meanwhile no document may ever go back
 * to an older change, and after each event all partitions must be served again in time.
 *
 *     bun tests/services/main.ts -- bun tests/chaos/group_chaos.ts [ACTIONS] [MEMBERS]
 */
import { startFront } from "../services/http_front.ts";
import { allDocumentsOf, documentsOf } from "../e2e/index_reader.ts";
import { konn, serviceEnvironment, uniqueName } from "../e2e/konn.ts";
import { kafkaClient } from "../e2e/topic_reader.ts";
import { eventually } from "../e2e/waiting.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { GroupProgress } from "./group_progress.ts";
import { GroupMembers, type Member } from "./group_members.ts";
import { NumberedChanges, numberOf } from "./numbered_changes.ts";
import { createTopic } from "../services/kafka_topic.ts";

const PARTITIONS_COUNT = 6;
const KEYS_COUNT = 400;
/** What docs/sharing.md promises. */
const SERVED_WITHIN_MS = 10_000;
/** Longer than the session timeout. */
const PAUSE_MS = 12_000;
const SLOW_BULK_MS = 2_500;
const POLL_MS = 100;

export const ACTIONS = ["kill", "stop", "add", "pause", "slow"] as const;
export type Action = (typeof ACTIONS)[number];

export interface ChaosReport {
  readonly actions: Readonly<Record<Action, number>>;
  readonly changesCount: number;
  readonly documentsCount: number;
  /** From an action until all that was in the topic then was committed: the longest, by action. */
  readonly servedAfterMs: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly faults: readonly string[];
}

/** Runs the actions one after the other. */
export async function shareInChaos({
  actions,
  membersCount,
}: {
  actions: readonly Action[];
  membersCount: number;
}): Promise<ChaosReport> {
  const startedMs = performance.now();
  const name = uniqueName("chaos");
  const kafka = await kafkaClient();
  const admin = kafka.admin();
  await admin.connect();
  await createTopic(admin, { topic: name, numPartitions: PARTITIONS_COUNT });
  using folder = new TemporaryFolder();
  const environment = await serviceEnvironment();
  await using front = slowFront(environment["KONN_OPENSEARCH_URL"] ?? "");
  const flags = ["--topic", name, "--index", name];
  await using members = new GroupMembers(["sync", ...flags, "--group", name], {
    cwd: folder.path,
    environment: { ...environment, KONN_OPENSEARCH_URL: front.url },
  });
  await using changes = await NumberedChanges.start(kafka, { topic: name, keysCount: KEYS_COUNT });
  const refill = (): void => {
    while (members.running.length < membersCount) members.start();
  };
  refill();
  const group = new GroupProgress(admin, name);
  await eventually(() => changes.count > 1_000);
  await group.untilServed();
  const faults: string[] = [];
  const watch = watchForOlder(name, faults);
  const served = new Map<string, number>();
  for (const action of actions) {
    const usualMs = await group.untilServed();
    const actionMs = performance.now();
    const after = await ACTS[action]({ members, front, refill });
    await group.untilServed();
    const tookMs = Math.round(performance.now() - actionMs);
    // The delivery itself takes its time, on a busy machine and while OpenSearch is slow.
    const slowMs = action === "slow" ? 3 * SLOW_BULK_MS : 0;
    const limitMs = SERVED_WITHIN_MS + 2 * usualMs + slowMs;
    if (tookMs > limitMs) faults.push(`after a ${action} it took ${tookMs} ms to serve all again`);
    served.set(action, Math.max(served.get(action) ?? 0, tookMs));
    await after();
  }
  await changes.stop();
  await group.untilServed();
  await Promise.all(members.running.map((member) => members.stop(member)));
  await watch.stop();
  await admin.disconnect();
  const verified = await konn(["verify", ...flags, "--json"], { cwd: folder.path, environment });
  if (verified.exitCode !== 0) faults.push(`konn verify: ${verified.stdout || verified.stderr}`);
  const documents = await allDocumentsOf(name);
  faults.push(...members.faults, ...differences(documents, changes.table));
  return {
    actions: countsOf(actions),
    changesCount: changes.count,
    documentsCount: documents.size,
    servedAfterMs: Object.fromEntries(served),
    seconds: Math.round((performance.now() - startedMs) / 1_000),
    faults,
  };
}

interface Scene {
  readonly members: GroupMembers;
  readonly front: ReturnType<typeof slowFront>;
  /** Starts members until there are as many as in the beginning. */
  readonly refill: () => void;
}

/** Do it, and give back what is to be done once all is served again. */
const ACTS: Readonly<Record<Action, (scene: Scene) => Promise<() => Promise<void> | void>>> = {
  kill: async ({ members, refill }) => {
    await members.kill(oneOf(members.running));
    return refill;
  },
  stop: async ({ members, refill }) => {
    await members.stop(oneOf(members.running));
    return refill;
  },
  add: async ({ members, refill }) => {
    members.start();
    return async () => {
      // A crash is noticed, and its partitions are shared out, while the next thing happens.
      await members.kill(oneOf(members.running));
      refill();
    };
  },
  pause: async ({ members }) => await pause(oneOf(members.running), members),
  slow: async ({ members, front }) => {
    front.delayMs = SLOW_BULK_MS;
    await Bun.sleep(SLOW_BULK_MS / 2);
    // A rebalance, while all of them wait for their bulks.
    members.start();
    return async () => {
      front.delayMs = 0;
      await members.stop(oneOf(members.running));
    };
  },
};

/** The others serve its partitions meanwhile; it wakes up in the middle of what it was doing. */
async function pause(member: Member, members: GroupMembers): Promise<() => Promise<void>> {
  members.pause(member);
  const wakesUp = Bun.sleep(PAUSE_MS);
  return async () => {
    await wakesUp;
    members.resume(member);
    // Long enough to do what it should not.
    await Bun.sleep(1_500);
  };
}

/** An OpenSearch that can be made slow. */
function slowFront(url: string) {
  const front = startFront({
    url,
    onRequest: async ({ path }) => {
      if (handle.delayMs > 0 && path.includes("/_bulk")) {
        await Bun.sleep(handle.delayMs * (0.5 + Math.random() / 2));
      }
    },
  });
  const handle = { ...front, delayMs: 0 };
  return handle;
}

/** Looks at the index again and again: what a document says must never get older. */
function watchForOlder(name: string, faults: string[]) {
  const newest = new Map<string, number>();
  const ended = new AbortController();
  const work = (async () => {
    while (!ended.signal.aborted) {
      for (const [key, { source }] of await documentsOf(name)) {
        const [number, before = 0] = [numberOf(source), newest.get(key)];
        if (number < before) faults.push(`${key} went back from ${before} to ${number}`);
        newest.set(key, number);
      }
      await Bun.sleep(POLL_MS);
    }
  })();
  return {
    stop: async () => {
      ended.abort();
      await work;
    },
  };
}

/** The index against the table, by none of konn's code. */
function differences(
  documents: Awaited<ReturnType<typeof allDocumentsOf>>,
  table: ReadonlyMap<string, number>,
): string[] {
  const found: string[] = [];
  for (const [key, number] of table) {
    const document = documents.get(key);
    if (document === undefined) found.push(`${key} is missing`);
    else if (numberOf(document.source) !== number) found.push(`${key} is stale`);
  }
  for (const key of documents.keys()) if (!table.has(key)) found.push(`${key} is extra`);
  return found;
}

function oneOf<T>(items: readonly T[]): T {
  const item = items[Math.floor(Math.random() * items.length)];
  if (item === undefined) throw new Error("there is nobody");
  return item;
}

function countsOf(actions: readonly Action[]): Record<Action, number> {
  const counts = { kill: 0, stop: 0, add: 0, pause: 0, slow: 0 };
  for (const action of actions) counts[action] += 1;
  return counts;
}

if (import.meta.main) {
  const [actionsCount = "60", membersCount = "3"] = process.argv.slice(2);
  const report = await shareInChaos({
    actions: Array.from({ length: Number(actionsCount) }, () => oneOf(ACTIONS)),
    membersCount: Number(membersCount),
  });
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  process.exit(report.faults.length === 0 ? 0 : 1);
}
