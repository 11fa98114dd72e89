import { KonnError } from "../base/errors.ts";
import { identityDifference } from "../connector/identity.ts";
import type { IndexInspector, InspectedDocument } from "../connector/index_inspector.ts";
import type { Identity, Lane, Source } from "../connector/mod.ts";
import { type OnTruncate, versionOf } from "../indexing/mod.ts";
import { parseEntityKey } from "../konnect/entity_key.ts";
import { contentHash } from "./content_hash.ts";
import {
  type ExpectedRow,
  ExpectedRows,
  type FindingKind,
  type SeenDocument,
} from "./expected_rows.ts";
import { explainFindings, foldRowEvents, TopicReader, type TopicReading } from "./topic_fold.ts";
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
  /** Documents of rows of which the topic may have held events that are gone. No difference. */
  readonly unverifiable: number;
  /** Offsets that the topic no longer holds. */
  readonly expired: number;
  /** Events that no document can be made of. No difference. */
  readonly refused: number;
  /** Rows whose changes stand in two partitions, so that their order is lost. */
  readonly keys_in_two_lanes: number;
  /** Differences that were put right. */
  readonly repaired: number;
  /**
   * Documents and tombstones whose version is ahead of the topic's end, written by somebody else:
   * nothing lowers a version, so the index refuses the next events of their rows.
   */
  readonly ahead: number;
  readonly events: number;
  /** What readers of the index find. */
  readonly documents: number;
  /** Documents of deleted rows, which readers do not find. */
  readonly tombstones: number;
  readonly seconds: number;
  /** The first keys of each kind. */
  readonly ids: Readonly<
    Record<
      | "missing"
      | "stale"
      | "extra"
      | "unrecoverable"
      | "unverifiable"
      | "refused"
      | "keys_in_two_lanes",
      readonly string[]
    >
  >;
}

/**
 * Folds a topic to the ends that it has at the start and compares every row with the index.
 *
 * A sync may have written changes that came after these ends. So what was appended meanwhile is
 * read as well, and a document that says what one of these changes makes of its row is no
 * difference.
 *
 * Where a topic has let go of its first events (retention), a row of which nothing is left cannot
 * be told from one that never was. Its document is counted as unverifiable, and left alone.
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
  const { documentsCount, tombstonesCount } = await compareDocuments(options, rows, reading);
  rows.addUnseenAsMissing();
  const ends = await readOn(options, reader(), { rows, reading });
  await inspector.confirm(stop);
  const found = {
    missing: rows.countFindings("missing"),
    stale: rows.countFindings("stale"),
    extra: rows.countFindings("extra"),
    unrecoverable: rows.countState("unknown"),
    unverifiable: rows.countFindings("unverifiable"),
  };
  const ids = namedKeys(rows, reading, options.namedKeysCount);
  return {
    ...found,
    expired: Number([...reading.starts.values()].reduce((sum, start) => sum + start, 0n)),
    refused: reading.refusedCount,
    keys_in_two_lanes: rows.countInTwoLanes(),
    repaired: options.repair ? await repairDifferences(rows, options) : 0,
    ahead: rows.countAhead((lane) => nextVersion(ends, lane)),
    events: reading.eventsCount,
    documents: documentsCount,
    tombstones: tombstonesCount,
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
  { inspector, skipTypes, stop, onProgress }: VerifyOptions,
  rows: ExpectedRows,
  reading: TopicReading,
): Promise<{ documentsCount: number; tombstonesCount: number }> {
  let [documentsCount, tombstonesCount] = [0, 0];
  const { eventsCount } = reading;
  const comparison = new Comparison(rows, reading, skipTypes);
  for await (const page of inspector.documents(stop, rows.largestChars)) {
    rows.together(() => {
      for (const document of page) comparison.add(document);
    });
    const deletedCount = page.filter(({ isDeleted }) => isDeleted).length;
    tombstonesCount += deletedCount;
    documentsCount += page.length - deletedCount;
    onProgress?.({ eventsCount, documentsCount: documentsCount + tombstonesCount });
  }
  stop.throwIfAborted();
  return { documentsCount, tombstonesCount };
}

/** Notes of each document of an index how it differs from the fold of a topic. */
class Comparison {
  readonly #rows: ExpectedRows;
  readonly #ends: TopicReading["ends"];
  /** Documents below this version may be of events that the topic no longer holds. */
  readonly #firstVersion: bigint;

  readonly #skipTypes: ReadonlySet<string>;

  constructor(rows: ExpectedRows, { starts, ends }: TopicReading, skipTypes: readonly string[]) {
    this.#rows = rows;
    this.#skipTypes = new Set(skipTypes);
    this.#ends = ends;
    this.#firstVersion = starts.size === 0 ? 0n : versionOf(highest(starts));
  }

  add({ key, version, isDeleted, content }: InspectedDocument): void {
    const expected = this.#rows.find(key);
    this.#rows.markSeen(key);
    if (version >= nextVersion(this.#ends, expected?.lane)) {
      this.#rows.addAhead(key, expected?.lane, version);
    }
    // A sync that was told of other types to leave out has put it there, and would not again.
    const isKept = this.#skipTypes.has(parseEntityKey(key).type);
    const seen = { version, contentHash: isDeleted ? undefined : contentHash(content), isKept };
    const kind = this.#kindOf(expected, seen);
    if (kind) this.#rows.addFinding(key, kind, seen);
  }

  #kindOf(expected: ExpectedRow | undefined, seen: SeenDocument): FindingKind | undefined {
    const { state, contentHash: expectedHash } = expected ?? {};
    if (state === "unknown") return undefined;
    const isLive = seen.contentHash !== undefined;
    if (state === "live") {
      if (!isLive) return "missing";
      return seen.contentHash === expectedHash ? undefined : "stale";
    }
    if (!isLive) return undefined;
    const isForgotten = state === undefined && seen.version < this.#firstVersion;
    return isForgotten ? "unverifiable" : "extra";
  }
}

/** The version of the next change in a lane. Of a row that no lane has, the highest of all. */
function nextVersion(ends: ReadonlyMap<Lane, bigint>, lane: Lane | undefined): bigint {
  return versionOf(lane === undefined ? highest(ends) : (ends.get(lane) ?? 0n));
}

function highest(sequences: ReadonlyMap<Lane, bigint>): bigint {
  let found = 0n;
  for (const sequence of sequences.values()) if (sequence > found) found = sequence;
  return found;
}

/** Reads what was appended meanwhile, and returns where each lane ends now. */
async function readOn(
  { createSource, stop }: VerifyOptions,
  reader: TopicReader,
  { rows, reading }: { rows: ExpectedRows; reading: TopicReading },
): Promise<TopicReading["ends"]> {
  await using source = await createSource();
  const from = reading.positions;
  const { ends } = await reader.read(source, { from, stop }, (events) =>
    explainFindings(rows, events),
  );
  stop.throwIfAborted();
  return new Map([...reading.ends, ...ends]);
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
    unverifiable: rows.firstKeys("unverifiable", limit),
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
