import type { Message, Sink } from "../../core/connector/mod.ts";
import { NO_TIMESTAMP } from "../../core/connector/mod.ts";
import { parseQuery, type Searcher } from "../../core/search/mod.ts";
import { batchOf } from "../fakes/memory_source.ts";

/** An entity of a corpus, as its row holds it. */
export interface CorpusEntity {
  readonly key: string;
  readonly value: unknown;
}

/** A judged query. A hit is a key in `relevant`; `nomatch` has none. */
export interface JudgedQuery {
  readonly id: string;
  readonly q: string;
  readonly group: string;
  readonly class: string;
  readonly relevant: readonly string[];
}

/** How well queries of one class are answered. */
export interface Quality {
  readonly class: string;
  readonly queriesCount: number;
  /** Share of queries with a hit in the first place, 0 to 1. */
  readonly successAt1: number;
  /** Mean of 1 / place of the first hit among the first ten. */
  readonly mrr: number;
  /** Share of queries that got nothing. */
  readonly emptyShare: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

export interface Evaluation {
  readonly classes: readonly Quality[];
  /** Over all queries but those of `nomatch`. */
  readonly core: Quality;
  readonly hard: Quality;
  readonly all: Quality;
  /** Queries that should find nothing and found something. */
  readonly rubbish: readonly string[];
  /** Queries without a hit in the first place. */
  readonly misses: readonly Answer[];
}

export interface Answer {
  readonly query: JudgedQuery;
  readonly keys: readonly string[];
  /** Of the first hit, from 1; 0 for none among the first ten. */
  readonly place: number;
  readonly ms: number;
}

const PAGE_SIZE = 10;
const BATCH_EVENTS_COUNT = 2_000;
/** The pipeline commits twice a second. */
const BATCHES_PER_COMMIT_COUNT = 5n;

/** A query as it is stored: relevant entities by key, or by the line of the corpus, from 0. */
export interface StoredQuery extends Omit<JudgedQuery, "relevant"> {
  readonly relevant: readonly (string | number)[];
}

/** The corpus and the queries that belong to the project. */
export const JUDGED_FILES = {
  corpus: new URL("../fixtures/search/corpus.jsonl.zst", import.meta.url).pathname,
  queries: new URL("../fixtures/search/queries.jsonl.zst", import.meta.url).pathname,
} as const;

/** A corpus and the queries over it. */
export async function readJudged(files: { corpus: string; queries: string } = JUDGED_FILES) {
  const corpus = await readLines<CorpusEntity>(files.corpus);
  const stored = await readLines<StoredQuery>(files.queries);
  const keyOf = (entity: string | number): string =>
    typeof entity === "string" ? entity : (corpus[entity]?.key ?? "");
  const queries = stored.map((query): JudgedQuery => {
    const { id, q, group, class: name, relevant } = query;
    return { id, q, group, class: name, relevant: relevant.map(keyOf) };
  });
  return { corpus, queries };
}

/** The lines of a JSONL file that is compressed, or not. */
async function readLines<Line>(path: string): Promise<Line[]> {
  const bytes = await Bun.file(path).bytes();
  const plain = path.endsWith(".gz")
    ? Bun.gunzipSync(bytes)
    : path.endsWith(".zst")
      ? Bun.zstdDecompressSync(bytes)
      : bytes;
  const lines = new TextDecoder().decode(plain).split("\n");
  return lines.filter((line) => line !== "").map((line): Line => JSON.parse(line));
}

/**
 * Writes a corpus through a sink, as a change stream would, and returns how many seconds the sink
 * has taken for it.
 */
export async function indexCorpus(sink: Sink, corpus: Iterable<CorpusEntity>): Promise<number> {
  const { signal } = new AbortController();
  const stream = { address: "file:corpus", identity: { corpus: "1" } };
  await sink.open({ stream, resume: undefined, fromBeginning: false, signal });
  let ms = 0;
  let sequence = 0n;
  let messages: Message[] = [];
  const flush = async (): Promise<void> => {
    const batch = batchOf("lane", messages, String(sequence));
    const startedMs = performance.now();
    await sink.write(batch, signal);
    const isDue = (sequence / BigInt(BATCH_EVENTS_COUNT)) % BATCHES_PER_COMMIT_COUNT === 0n;
    if (isDue) await sink.commit?.(new Map([[batch.lane, batch]]));
    ms += performance.now() - startedMs;
    messages = [];
  };
  for (const entity of corpus) {
    messages.push(messageOf(entity, sequence));
    sequence += 1n;
    if (messages.length === BATCH_EVENTS_COUNT) await flush();
  }
  await flush();
  const startedMs = performance.now();
  await sink.commit?.(new Map([["lane", { position: String(sequence), nextSequence: sequence }]]));
  await sink.caughtUp?.(signal);
  return (ms + performance.now() - startedMs) / 1_000;
}

function messageOf({ key, value }: CorpusEntity, sequence: bigint): Message {
  const event = { before: null, after: { key, value }, op: "r", ts_ms: 1_706_812_484_573 };
  return {
    sequence,
    key: Buffer.from(key),
    value: Buffer.from(JSON.stringify(event)),
    headers: [],
    timestampMs: NO_TIMESTAMP,
  };
}

/** Asks all queries, one after the other, and judges the answers. */
export async function evaluate(
  searcher: Searcher,
  queries: readonly JudgedQuery[],
): Promise<Evaluation> {
  const answers: Answer[] = [];
  for (const query of queries) answers.push(await ask(searcher, query));
  const judged = answers.filter(({ query }) => query.class !== "nomatch");
  const classes = [...new Set(judged.map(({ query }) => query.class))];
  const groups = (group: string) => judged.filter(({ query }) => query.group === group);
  return {
    classes: classes.map((name) =>
      qualityOf(
        name,
        judged.filter(({ query }) => query.class === name),
      ),
    ),
    core: qualityOf("CORE", groups("core")),
    hard: qualityOf("HARD", groups("hard")),
    all: qualityOf("ALL", judged),
    rubbish: answers
      .filter(({ query, keys }) => query.class === "nomatch" && keys.length > 0)
      .map(({ query }) => query.q),
    misses: judged.filter(({ place }) => place !== 1),
  };
}

async function ask(searcher: Searcher, query: JudgedQuery): Promise<Answer> {
  const startedMs = performance.now();
  const { hits } = await searcher.search({ query: parseQuery(query.q), size: PAGE_SIZE });
  const ms = performance.now() - startedMs;
  const keys = hits.map(({ key }) => key);
  const relevant = new Set(query.relevant);
  return { query, keys, ms, place: keys.findIndex((key) => relevant.has(key)) + 1 };
}

function qualityOf(name: string, answers: readonly Answer[]): Quality {
  const count = answers.length;
  const share = (sum: number): number => (count === 0 ? 1 : sum / count);
  const times = answers.map(({ ms }) => ms).toSorted((a, b) => a - b);
  return {
    class: name,
    queriesCount: count,
    successAt1: share(answers.filter(({ place }) => place === 1).length),
    mrr: share(answers.reduce((sum, { place }) => sum + (place > 0 ? 1 / place : 0), 0)),
    emptyShare: share(answers.filter(({ keys }) => keys.length === 0).length),
    p50Ms: percentile(times, 0.5),
    p95Ms: percentile(times, 0.95),
  };
}

/** The value below which this share of sorted values lies. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
