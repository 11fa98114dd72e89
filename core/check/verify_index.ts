import { KonnError } from "../base/errors.ts";
import { identityDifference } from "../connector/identity.ts";
import type { IndexInspector, InspectedDocument } from "../connector/index_inspector.ts";
import type { Identity, Source } from "../connector/mod.ts";
import type { OnTruncate } from "../indexing/mod.ts";
import { contentHash } from "./content_hash.ts";
import { ExpectedRows } from "./expected_rows.ts";
import { foldRowEvents, TopicReader, type TopicReading } from "./topic_fold.ts";
import { repairDifferences } from "./verify_repair.ts";

/** Keys of a kind that a report names where nobody says how many; the counts are exact. */
const NAMED_KEYS_COUNT = 100;
/** A report is one object in memory, so it names no more than this, whatever was asked for. */
const MAX_NAMED_KEYS_COUNT = 10_000;

export interface VerifyOptions {
  /** A fresh bounded source on the topic: it is read to its end up to three times. */
  readonly createSource: () => Promise<Source>;
  readonly inspector: IndexInspector;
  readonly onTruncate: OnTruncate;
  /** Entity types that the index leaves out. */
  readonly skipTypes: readonly string[];
  /** Put right what differs. */
  readonly repair: boolean;
  /** How many keys of each kind the report names: {@link NAMED_KEYS_COUNT} if not set. */
  readonly namedKeysCount?: number | undefined;
  readonly stop: AbortSignal;
  readonly onProgress?: (progress: { eventsCount: number; documentsCount: number }) => void;
}

/** What a comparison found. The names are part of konn's interface. */
export interface VerifyReport {
  /** Rows that are live in the topic and not in the index. */
  readonly missing: number;
  /** Documents that say something else than the topic. */
  readonly stale: number;
  /** Documents of rows that the topic does not have, or has deleted. */
  readonly extra: number;
  /** Rows whose value the topic never held. No difference. */
  readonly unrecoverable: number;
  /** Events that no document can be made of. No difference. */
  readonly refused: number;
  /** Rows whose changes stand in two partitions, so that their order is lost. */
  readonly keys_in_two_lanes: number;
  /** Differences that were put right. */
  readonly repaired: number;
  /**
   * Of the repaired documents those whose version is ahead of the topic's end, written by somebody
   * else: the index refuses the next events of their rows.
   */
  readonly ahead: number;
  readonly events: number;
  readonly documents: number;
  readonly seconds: number;
  /** The first keys of each kind. */
  readonly ids: Readonly<
    Record<
      "missing" | "stale" | "extra" | "unrecoverable" | "refused" | "keys_in_two_lanes",
      readonly string[]
    >
  >;
}

/**
 * Folds a topic to the ends that it has at the start and compares every row with the index.
 *
 * Rows that changed after these ends are no difference: a sync may have written them already. So
 * what was appended meanwhile is read as well before anything is reported.
 *
 * Throws `INDEX_OF_ANOTHER_SOURCE`: to repair an index by another topic would be to replace it.
 */
export async function verifyIndex(given: VerifyOptions): Promise<VerifyReport> {
  const startedMs = performance.now();
  const { inspector, onTruncate, skipTypes, stop } = given;
  await using _inspector = inspector;
  using rows = new ExpectedRows();
  const { source, truncatedAtLsn } = await inspector.open(stop);
  const options = { ...given, createSource: () => openSource(given, source) };
  const reader = () => new TopicReader({ truncatedAtLsn, onTruncate, skipTypes });
  const reading = await readTopic(options, reader(), rows);
  const documentsCount = await compareDocuments(options, rows, reading.eventsCount);
  rows.addUnseenAsMissing();
  await forgiveLaterChanges(options, reader(), { rows, reading });
  const found = {
    missing: rows.countDifferences("missing"),
    stale: rows.countDifferences("stale"),
    extra: rows.countDifferences("extra"),
  };
  const ids = namedKeys(rows, reading, options.namedKeysCount);
  const { repairedCount, aheadCount } = options.repair
    ? await repairDifferences(rows, options)
    : { repairedCount: 0, aheadCount: 0 };
  return {
    ...found,
    unrecoverable: rows.countState("unknown"),
    refused: reading.refusedCount,
    keys_in_two_lanes: rows.countInTwoLanes(),
    repaired: repairedCount,
    ahead: aheadCount,
    events: reading.eventsCount,
    documents: documentsCount,
    seconds: Math.round(performance.now() - startedMs) / 1_000,
    ids,
  };
}

/** Opens the topic, which must be the one that the index was made from. */
async function openSource(
  { createSource, stop }: Pick<VerifyOptions, "createSource" | "stop">,
  expected: Identity,
): Promise<Source> {
  const source = await createSource();
  try {
    const { identity } = await source.open(stop);
    const difference = identityDifference(expected, identity);
    if (difference !== undefined) throw anotherSource(difference);
    return source;
  } catch (error) {
    await source[Symbol.asyncDispose]();
    throw error;
  }
}

async function readTopic(
  { createSource, stop, onProgress }: VerifyOptions,
  reader: TopicReader,
  rows: ExpectedRows,
): Promise<TopicReading> {
  await using source = await createSource();
  let eventsCount = 0;
  const reading = await reader.read(source, { from: new Map(), stop }, (events) => {
    foldRowEvents(rows, events);
    eventsCount += events.length;
    onProgress?.({ eventsCount, documentsCount: 0 });
  });
  stop.throwIfAborted();
  return reading;
}

async function compareDocuments(
  { inspector, stop, onProgress }: VerifyOptions,
  rows: ExpectedRows,
  eventsCount: number,
): Promise<number> {
  let documentsCount = 0;
  for await (const page of inspector.documents(stop)) {
    rows.together(() => {
      for (const document of page) compareDocument(rows, document);
    });
    documentsCount += page.length;
    onProgress?.({ eventsCount, documentsCount });
  }
  stop.throwIfAborted();
  return documentsCount;
}

function compareDocument(rows: ExpectedRows, document: InspectedDocument): void {
  const { key, version, isDeleted, content } = document;
  const expected = rows.find(key);
  rows.markSeen(key);
  if (expected?.state === "unknown") return;
  const shouldLive = expected?.state === "live";
  if (!shouldLive && !isDeleted) rows.addDifference(key, "extra", version);
  if (shouldLive && isDeleted) rows.addDifference(key, "missing", version);
  if (!shouldLive || isDeleted) return;
  if (contentHash(content) !== expected.contentHash) rows.addDifference(key, "stale", version);
}

async function forgiveLaterChanges(
  { createSource, stop }: VerifyOptions,
  reader: TopicReader,
  { rows, reading }: { rows: ExpectedRows; reading: TopicReading },
): Promise<void> {
  await using source = await createSource();
  await reader.read(source, { from: reading.positions, stop }, (events) => {
    rows.together(() => {
      for (const { key } of events) rows.dropDifference(key);
    });
  });
  stop.throwIfAborted();
}

function namedKeys(
  rows: ExpectedRows,
  { refusedKeys }: TopicReading,
  wantedCount: number = NAMED_KEYS_COUNT,
): VerifyReport["ids"] {
  const limit = Math.min(wantedCount, MAX_NAMED_KEYS_COUNT);
  return {
    missing: rows.firstKeys("missing", limit),
    stale: rows.firstKeys("stale", limit),
    extra: rows.firstKeys("extra", limit),
    unrecoverable: rows.firstUnknownKeys(limit),
    refused: refusedKeys.slice(0, limit),
    keys_in_two_lanes: rows.firstKeysInTwoLanes(limit),
  };
}

function anotherSource(difference: string): KonnError {
  return new KonnError(`Cannot compare: the index was made from another source, ${difference}`, {
    code: "INDEX_OF_ANOTHER_SOURCE",
    hint: "Name the topic that it was made from with --topic, or build it anew from this one: konn sync --from-beginning.",
  });
}
