import type { Kafka } from "kafkajs";
import { konn } from "../e2e/konn.ts";
import { readTopic } from "../e2e/topic_reader.ts";
import { isRefused, type Table } from "./changing_table.ts";

/** More than any index of the chaos holds, and what OpenSearch gives out at once. */
const PAGE_COUNT = 10_000;
const MAX_NAMED_COUNT = 20;
/** Of all of them, the numbers of the last lines are told. */
const ALL_LETTERS = "1000000000";

/** What one index and its dead letters are, after the chaos. */
export interface Outcome {
  readonly verifyExitCode: number;
  /** What `konn verify` said where it found a difference. */
  readonly verify: string | undefined;
  /** The index against the table that its writer remembers, by plain HTTP. */
  readonly missing: number;
  readonly stale: number;
  readonly extra: number;
  /** Events of the topic that had to be refused, and how many of them have no dead letter. */
  readonly refused: number;
  readonly lettersMissing: number;
  /** Letters of events that are good. */
  readonly lettersExtra: number;
  /** Second letters of one event: two members may have read it. */
  readonly lettersTwice: number;
  /** The first of what is wrong. */
  readonly named: readonly string[];
}

export interface CheckedSync {
  readonly index: string;
  readonly topic: string;
  /** Where it ran, and how it found its services. */
  readonly where: { readonly cwd: string; readonly environment: Readonly<Record<string, string>> };
  readonly openSearchUrl: string;
}

/** Looks at an index with `konn verify`, and with what shares no code with konn. */
export async function checkSync(
  sync: CheckedSync,
  { table, refused }: { table: Table; refused: ReadonlySet<string> },
): Promise<Outcome> {
  const { index, topic, where } = sync;
  const args = ["verify", "--topic", topic, "--index", index, "--json"];
  const verified = await konn(args, where);
  const found = await documentNames(sync);
  const named: string[] = [];
  const counts = { missing: 0, stale: 0, extra: 0, lettersMissing: 0, lettersExtra: 0 };
  const note = (kind: keyof typeof counts, what: string): void => {
    counts[kind] += 1;
    if (named.length < MAX_NAMED_COUNT) named.push(`${kind}: ${what}`);
  };
  for (const [key, name] of table) {
    const own = found.get(key);
    if (own === undefined) note("missing", key);
    else if (own !== name) note("stale", `${key} is ${own} instead of ${name}`);
  }
  for (const key of found.keys()) if (!table.has(key)) note("extra", key);
  const letters = await letterPlaces(sync);
  const places = new Set(letters);
  for (const place of refused) if (!places.has(place)) note("lettersMissing", place);
  for (const place of places) if (!refused.has(place)) note("lettersExtra", place);
  return {
    verifyExitCode: verified.exitCode,
    verify: verified.exitCode === 0 ? undefined : verified.stdout || verified.stderr,
    ...counts,
    refused: refused.size,
    lettersTwice: letters.length - places.size,
    named,
  };
}

/** Whether nothing is wrong. */
export function isRight({ verifyExitCode, named }: Outcome): boolean {
  return verifyExitCode === 0 && named.length === 0;
}

/** What the topic itself says, read by kafkajs: the rows in the end, and what no index can take. */
export async function readStream(
  topic: string,
  kafka: Kafka,
): Promise<{ rows: Map<string, string>; refused: Set<string> }> {
  const rows = new Map<string, string>();
  const refused = new Set<string>();
  for (const record of await readTopic(topic, kafka)) {
    if (isRefused(record)) {
      refused.add(placeOf(`${topic}/${record.partition}`, record.offset));
      continue;
    }
    const { op, before, after } = JSON.parse(record.value?.toString() ?? "null");
    if (op === "d") rows.delete(before.key);
    else rows.set(after.key, after.value.object.name);
  }
  return { rows, refused };
}

function placeOf(lane: string, offset: string): string {
  return `${lane} at ${offset}`;
}

async function documentNames({ openSearchUrl, index }: CheckedSync): Promise<Map<string, string>> {
  await fetch(`${openSearchUrl}/${index}/_refresh`, { method: "POST" });
  const response = await fetch(`${openSearchUrl}/${index}/_search?size=${PAGE_COUNT}`);
  const { hits } = (await response.json()) as {
    hits: { hits: readonly { _id: string; _source: { name: string } }[] };
  };
  return new Map(hits.hits.map(({ _id, _source }) => [_id, _source.name]));
}

async function letterPlaces({ where }: CheckedSync): Promise<string[]> {
  const listed = await konn(["dead-letters", "list", "--json", "--limit", ALL_LETTERS], where);
  const { dead_letters } = JSON.parse(listed.stdout) as {
    dead_letters: readonly { lane: string; sequence: number }[];
  };
  return dead_letters.map(({ lane, sequence }) => placeOf(lane, String(sequence)));
}
