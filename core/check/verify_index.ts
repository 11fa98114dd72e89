import { KonnError } from "../base/errors.ts";
import type { IndexInspector, InspectedDocument, Repair } from "../connector/index_inspector.ts";
import type { Source } from "../connector/mod.ts";
import type { OnTruncate } from "../indexing/mod.ts";
import { entityDocument } from "../konnect/entity_document.ts";
import { contentHash } from "./content_hash.ts";
import { type Difference, ExpectedRows } from "./expected_rows.ts";
import { foldRowEvents, TopicReader, type TopicReading } from "./topic_fold.ts";

/** Keys of a kind that a report names; the counts are exact. */
const MAX_NAMED_KEYS_COUNT = 100;
/** More differences than this are not repaired one by one. */
const MAX_REPAIRS_COUNT = 100_000;
const REPAIRS_TOGETHER_COUNT = 500;

export interface VerifyOptions {
  /** A fresh bounded source on the topic: it is read up to three times. */
  readonly createSource: () => Promise<Source>;
  readonly inspector: IndexInspector;
  readonly onTruncate: OnTruncate;
  /** Entity types that the index leaves out. */
  readonly skipTypes: readonly string[];
  /** Put right what differs. */
  readonly repair: boolean;
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
  readonly repaired: number;
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
 */
export async function verifyIndex(options: VerifyOptions): Promise<VerifyReport> {
  const startedMs = performance.now();
  const { inspector, onTruncate, skipTypes, stop } = options;
  await using _inspector = inspector;
  using rows = new ExpectedRows();
  const { truncatedAtLsn } = await inspector.open(stop);
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
  const ids = namedKeys(rows, reading);
  const repaired = options.repair ? await repairDifferences(options, reader(), rows) : 0;
  return {
    ...found,
    unrecoverable: rows.countState("unknown"),
    refused: reading.refusedCount,
    keys_in_two_lanes: rows.countInTwoLanes(),
    repaired,
    events: reading.eventsCount,
    documents: documentsCount,
    seconds: Math.round(performance.now() - startedMs) / 1_000,
    ids,
  };
}

async function readTopic(
  { createSource, stop, onProgress }: VerifyOptions,
  reader: TopicReader,
  rows: ExpectedRows,
): Promise<TopicReading> {
  await using source = await createSource();
  await source.open(stop);
  let eventsCount = 0;
  return await reader.read(source, { from: new Map(), stop }, (events) => {
    foldRowEvents(rows, events);
    eventsCount += events.length;
    onProgress?.({ eventsCount, documentsCount: 0 });
  });
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
  await source.open(stop);
  await reader.read(source, { from: reading.positions, stop }, (events) => {
    rows.together(() => {
      for (const { key } of events) rows.dropDifference(key);
    });
  });
  stop.throwIfAborted();
}

/** Sends what differs once more, with a version that the index takes and the next event passes. */
async function repairDifferences(
  { createSource, inspector, stop }: VerifyOptions,
  reader: TopicReader,
  rows: ExpectedRows,
): Promise<number> {
  const differences = new Map([...rows.differences()].map((each) => [each.key, each]));
  if (differences.size === 0) return 0;
  if (differences.size > MAX_REPAIRS_COUNT) throw tooMany(differences.size);
  const documents = await documentsOf(differences, { createSource, reader, stop });
  const repairs = [...differences.values()].map((each) => repairOf(each, documents));
  let repaired = 0;
  for (let at = 0; at < repairs.length; at += REPAIRS_TOGETHER_COUNT) {
    repaired += await inspector.repair(repairs.slice(at, at + REPAIRS_TOGETHER_COUNT), stop);
  }
  return repaired;
}

/** The last documents of some keys, read from the topic once more. */
async function documentsOf(
  differences: ReadonlyMap<string, Difference>,
  {
    createSource,
    reader,
    stop,
  }: Pick<VerifyOptions, "createSource" | "stop"> & { reader: TopicReader },
): Promise<ReadonlyMap<string, object>> {
  const documents = new Map<string, object>();
  await using source = await createSource();
  await source.open(stop);
  await reader.read(source, { from: new Map(), stop }, (events) => {
    for (const { key, change } of events) {
      if (!differences.has(key)) continue;
      if (change.kind === "upsert") documents.set(key, entityDocument(key, change.row).document);
      else if (change.kind === "delete") documents.delete(key);
    }
  });
  stop.throwIfAborted();
  return documents;
}

/**
 * A document that was deleted by hand leaves a version behind that is one above its own, for a
 * minute; so where the index holds nothing the second version above is the first that it takes.
 */
function repairOf(
  { key, indexVersion, expected }: Difference,
  documents: ReadonlyMap<string, object>,
): Repair {
  const expectedVersion = expected?.version ?? 0n;
  const version = indexVersion > expectedVersion ? indexVersion + 1n : expectedVersion + 2n;
  return { key, version, document: documents.get(key) ?? null };
}

function namedKeys(rows: ExpectedRows, { refusedKeys }: TopicReading): VerifyReport["ids"] {
  return {
    missing: rows.firstKeys("missing", MAX_NAMED_KEYS_COUNT),
    stale: rows.firstKeys("stale", MAX_NAMED_KEYS_COUNT),
    extra: rows.firstKeys("extra", MAX_NAMED_KEYS_COUNT),
    unrecoverable: rows.firstUnknownKeys(MAX_NAMED_KEYS_COUNT),
    refused: refusedKeys.slice(0, MAX_NAMED_KEYS_COUNT),
    keys_in_two_lanes: rows.firstKeysInTwoLanes(MAX_NAMED_KEYS_COUNT),
  };
}

function tooMany(count: number): KonnError {
  return new KonnError(`Cannot repair ${count} documents one by one`, {
    code: "TOO_MANY_REPAIRS",
    kind: "failed",
    hint: "Build the index anew: konn sync --from-beginning.",
  });
}
