import { totalOf } from "../base/counts.ts";
import {
  type Batch,
  type Lane,
  type LanePosition,
  NO_TIMESTAMP,
  type Rejection,
  type WriteReport,
} from "../connector/mod.ts";
import { countMessages } from "../connector/packed_messages.ts";
import type { RunObserver } from "../observe/observer.ts";

/** How far a run is, for progress. */
export interface RunSnapshot {
  readonly eventsCount: number;
  readonly seconds: number;
  readonly deadLettersCount: number;
  /** Sequences settled by this run, and those that lie ahead up to the last known ends. */
  readonly settledSequences: bigint;
  readonly remainingSequences: bigint;
  /** False where no end can be known (stdin): the remaining sequences then say nothing. */
  readonly hasEnds: boolean;
}

/** What a run did. `events` is the sum of all that follows up to `deadLetters`. */
export interface RunSummary {
  /** False when the run was stopped before its source ended or its limit was reached. */
  readonly complete: boolean;
  /** True when the source ended by itself. */
  readonly sourceEnded: boolean;
  /** True when an index that was built beside the live one has taken its place. */
  readonly hasShown: boolean;
  /** True when the run went on from a checkpoint. */
  readonly resumed: boolean;
  readonly events: number;
  readonly written: number;
  readonly deleted: number;
  readonly skipped: Readonly<Record<string, number>>;
  readonly deadLetters: number;
  /** The file that they are in, with those of earlier runs. Undefined where none is kept. */
  readonly deadLettersPath: string | undefined;
  readonly retries: number;
  /** Rows whose value the stream did not send, and values that had no place in their document. */
  readonly unavailableKeys: number;
  readonly droppedFields: number;
  readonly seconds: number;
  /** For each lane the sequence below which everything is settled. */
  readonly positions: Readonly<Record<Lane, number>>;
  /** The sequence at the end of each lane, as last heard, where the source knows it. */
  readonly ends: Readonly<Record<Lane, number>>;
}

/** Two runs, one after the other, as one: what either did, and where the later one stands. */
export function addSummaries(earlier: RunSummary, later: RunSummary): RunSummary {
  const skipped: Record<string, number> = { ...earlier.skipped };
  for (const [reason, count] of Object.entries(later.skipped)) {
    skipped[reason] = (skipped[reason] ?? 0) + count;
  }
  return {
    ...later,
    hasShown: earlier.hasShown || later.hasShown,
    resumed: earlier.resumed,
    skipped,
    events: earlier.events + later.events,
    written: earlier.written + later.written,
    deleted: earlier.deleted + later.deleted,
    deadLetters: earlier.deadLetters + later.deadLetters,
    retries: earlier.retries + later.retries,
    unavailableKeys: earlier.unavailableKeys + later.unavailableKeys,
    droppedFields: earlier.droppedFields + later.droppedFields,
    seconds: earlier.seconds + later.seconds,
  };
}

/** Dead letters that are named in the log; the rest is in the file. */
const MAX_LOGGED_REJECTIONS_COUNT = 20;
/** Keys without a value that are named in the log; `konn verify` names them all. */
const MAX_LOGGED_KEYS_COUNT = 10;

/** What the run knows and the tally does not. */
type RunFacts = Pick<RunSummary, "complete" | "sourceEnded" | "hasShown" | "deadLettersPath">;

/** What a transaction takes back when it is given up. */
type RunCounts = Pick<
  RunSummary,
  "events" | "written" | "deleted" | "skipped" | "unavailableKeys" | "droppedFields" | "positions"
>;

/** Counts the fate of every event of a run. */
export class RunTally {
  readonly #observer: RunObserver;
  readonly #startedMs = performance.now();
  readonly #skipped: Record<string, number> = {};
  #eventsRead = 0;
  #eventsSettled = 0;
  #written = 0;
  #deleted = 0;
  #deadLetters = 0;
  #droppedFields = 0;
  #unavailableKeysCount = 0;
  #lastCommit: RunCounts | undefined;
  #start: ReadonlyMap<Lane, LanePosition> = new Map();
  #positions: ReadonlyMap<Lane, LanePosition> = new Map();
  #ends: ReadonlyMap<Lane, bigint> = new Map();
  readonly #waiting = new WaitingEvents();

  constructor(observer: RunObserver) {
    this.#observer = observer;
  }

  get eventsRead(): number {
    return this.#eventsRead;
  }

  get deadLettersCount(): number {
    return this.#deadLetters;
  }

  begin(start: ReadonlyMap<Lane, LanePosition>, ends: ReadonlyMap<Lane, bigint>): void {
    this.#start = start;
    this.#positions = start;
    this.#ends = ends;
    this.#lastCommit = this.#counts();
  }

  /** What was settled until now has taken effect. */
  committed(): void {
    this.#lastCommit = this.#counts();
  }

  read(batch: Batch): void {
    const count = eventsOf(batch);
    this.#eventsRead += count;
    this.#waiting.add(batch);
    this.#observer.meter?.read(count);
    this.#tellLag();
  }

  settled(batch: Batch, report: WriteReport, positions: ReadonlyMap<Lane, LanePosition>): void {
    this.#eventsSettled += eventsOf(batch);
    this.#written += report.written;
    this.#deleted += report.deleted;
    for (const counts of [batch.skipped, report.skipped]) this.#skip(counts);
    this.#droppedFields += report.droppedFieldsCount ?? 0;
    for (const key of report.unavailableKeys ?? []) this.#missValue(key);
    this.#positions = positions;
    this.#waiting.delete(batch);
    const { written, deleted } = report;
    for (const skipped of [batch.skipped, report.skipped]) {
      this.#observer.meter?.settled({ written: 0, deleted: 0, skipped });
    }
    this.#observer.meter?.settled({ written, deleted, skipped: {} });
    this.#tellLag();
  }

  /** What was settled is on disk. */
  saved(): void {
    this.#observer.meter?.checkpointed();
  }

  buried(lane: Lane, rejections: readonly Rejection[]): void {
    for (const rejection of rejections) {
      this.#deadLetters += 1;
      this.#observer.meter?.refused(rejection.code);
      if (this.#deadLetters > MAX_LOGGED_REJECTIONS_COUNT) continue;
      const place = rejection.line === undefined ? "offset" : "line";
      this.#observer.log.warn(`Refused an event: ${rejection.reason}`, {
        code: rejection.code,
        lane,
        [place]: rejection.line ?? rejection.sequence,
      });
    }
  }

  /** The end offsets of a run that follows, as they move on. */
  moveEnds(ends: ReadonlyMap<Lane, bigint>): void {
    this.#ends = ends;
    this.#tellLag();
  }

  snapshot(): RunSnapshot {
    let settled = 0n;
    for (const [lane, { nextSequence }] of this.#positions) {
      settled += nextSequence - (this.#start.get(lane)?.nextSequence ?? 0n);
    }
    return {
      eventsCount: this.#eventsSettled,
      seconds: this.#seconds(),
      deadLettersCount: this.#deadLetters,
      settledSequences: settled,
      remainingSequences: this.#remaining(),
      hasEnds: this.#ends.size > 0,
    };
  }

  /** @param options.onlyCommitted leaves out what was settled and then given up with its transaction */
  summary(facts: RunFacts, { onlyCommitted = false } = {}): RunSummary {
    const counts = onlyCommitted && this.#lastCommit ? this.#lastCommit : this.#counts();
    return {
      ...facts,
      ...counts,
      resumed: this.#start.size > 0,
      deadLetters: this.#deadLetters,
      retries: this.#observer.retriesCount,
      seconds: this.#seconds(),
      ends: Object.fromEntries([...this.#ends].map(([lane, end]) => [lane, Number(end)])),
    };
  }

  #counts(): RunCounts {
    return {
      events: this.#eventsSettled,
      written: this.#written,
      deleted: this.#deleted,
      skipped: { ...this.#skipped },
      unavailableKeys: this.#unavailableKeysCount,
      droppedFields: this.#droppedFields,
      positions: Object.fromEntries(
        [...this.#positions].map(([lane, at]) => [lane, Number(at.nextSequence)]),
      ),
    };
  }

  /** A row without its value: nothing is invented, so a person has to hear of it. */
  #missValue(key: string): void {
    this.#unavailableKeysCount += 1;
    if (this.#unavailableKeysCount > MAX_LOGGED_KEYS_COUNT) return;
    this.#observer.log.warn("A row came without its value, which Debezium never sent", {
      key,
      code: "VALUE_UNAVAILABLE",
      hint: "REPLICA IDENTITY FULL, an incremental snapshot or ReselectColumns would send it",
    });
  }

  #skip(counts: Readonly<Record<string, number>>): void {
    for (const [reason, count] of Object.entries(counts)) {
      this.#skipped[reason] = (this.#skipped[reason] ?? 0) + count;
    }
  }

  #remaining(): bigint {
    let remaining = 0n;
    for (const [lane, end] of this.#ends) {
      const next = this.#positions.get(lane)?.nextSequence ?? 0n;
      if (end > next) remaining += end - next;
    }
    return remaining;
  }

  #tellLag(): void {
    const { meter } = this.#observer;
    if (meter === undefined) return;
    const remaining = this.#remaining();
    const oldestMs = this.#waiting.oldestMs(remaining > 0n);
    meter.lag({ sequences: this.#ends.size > 0 ? remaining : undefined, oldestMs });
  }

  #seconds(): number {
    return (performance.now() - this.#startedMs) / 1_000;
  }
}

/** Tells how old the oldest event is that waits to be delivered. */
class WaitingEvents {
  /** The time of the first event of each batch under way: no more than may be in flight. */
  readonly #firstMs = new Map<Batch, number>();
  #behindSinceMs: number | undefined;

  add(batch: Batch): void {
    if (countMessages(batch) === 0) return;
    const timestampMs = batch.packed
      ? NO_TIMESTAMP
      : (batch.messages[0]?.timestampMs ?? NO_TIMESTAMP);
    this.#firstMs.set(batch, timestampMs === NO_TIMESTAMP ? Date.now() : timestampMs);
  }

  delete(batch: Batch): void {
    this.#firstMs.delete(batch);
  }

  /**
   * Of what is known to wait and was not read yet nobody knows the age: it counts from when it was
   * noticed.
   */
  oldestMs(isBehind: boolean): number | undefined {
    this.#behindSinceMs = isBehind ? (this.#behindSinceMs ?? Date.now()) : undefined;
    const times = [...this.#firstMs.values()];
    return times.length > 0 ? Math.min(...times) : this.#behindSinceMs;
  }
}

function eventsOf(batch: Batch): number {
  const skipped = totalOf(batch.skipped);
  return countMessages(batch) + batch.rejections.length + skipped;
}
