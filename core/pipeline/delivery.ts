import { totalOf } from "../base/counts.ts";
import { KonnError } from "../base/errors.ts";
import { releaseMemory } from "../base/release_memory.ts";
import type { Batch, Lane, LanePosition, Rejection, Sink, WriteReport } from "../connector/mod.ts";
import { countMessages } from "../connector/packed_messages.ts";
import type { DeadLetterFile } from "../dead_letter/dead_letter_file.ts";
import { InFlightLimit } from "./in_flight_limit.ts";
import { LaneTracker } from "./lane_tracker.ts";
import type { RunSnapshot, RunTally } from "./run_tally.ts";

/** What may be read and not yet settled. Decoded batches take up to three times their bytes. */
const MAX_IN_FLIGHT_BYTES = 8 * 1024 * 1024;
const MAX_IN_FLIGHT_BATCHES_COUNT = 16;
/**
 * Until its end nobody sees what is in a transaction, so it ends after this time, and earlier once
 * nothing more comes. Its end takes several round trips in which nothing else is written: where they
 * are slow it ends less often, so that they take a small share of the time.
 */
const COMMIT_INTERVAL_MS = 500;
const MAX_COMMIT_INTERVAL_MS = 2_000;
const COMMIT_INTERVAL_PER_COMMIT = 25;
const COMMIT_WHEN_IDLE_MS = 10;

export interface DeliveryParts {
  readonly sink: Sink;
  readonly start: ReadonlyMap<Lane, LanePosition>;
  readonly ends: ReadonlyMap<Lane, bigint>;
  readonly tally: RunTally;
  readonly deadLetters: DeadLetterFile;
  readonly sinkState: string | undefined;
  /** Where the source begins is known only when it has begun: nothing is saved before that. */
  readonly ignorePositions?: boolean;
  /** Of a sink that keeps the positions with its data. */
  readonly commit: ((lanes: ReadonlyMap<Lane, LanePosition>) => Promise<void>) | undefined;
  /** Ends a wait that is not for what is in hand. */
  readonly stop: AbortSignal;
  readonly maxDeadLettersCount?: number | undefined;
  readonly onProgress?: (snapshot: RunSnapshot) => void;
  save(lanes: ReadonlyMap<Lane, LanePosition>, sinkState: string | undefined): Promise<void>;
}

/**
 * The second half of a run: takes batches, has them written, and moves the checkpoint behind what
 * was settled. The first error is kept, stops the reading through `failed`, and is thrown by
 * `admit` and `finish`; what was settled before it is still saved.
 */
export class Delivery {
  readonly #parts: DeliveryParts;
  readonly #tracker: LaneTracker;
  readonly #limit = new InFlightLimit({
    maxBytes: MAX_IN_FLIGHT_BYTES,
    maxBatchesCount: MAX_IN_FLIGHT_BATCHES_COUNT,
  });
  readonly #underWay = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  #failure: Error | undefined;
  #sinkState: string | undefined;
  #unsaved = false;
  #hasSaved = false;
  #saving: Promise<void> | undefined;
  /** A sink with transactions: nothing may be written while one ends. */
  #committing: Promise<void> | undefined;
  #commitDueAtMs: number | undefined;
  #commitIntervalMs = COMMIT_INTERVAL_MS;
  #idleTimer: NodeJS.Timeout | undefined;
  #isShown = false;
  #hasShown = false;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
    this.#tracker = new LaneTracker(parts.start);
    this.#sinkState = parts.sinkState;
  }

  /** Whether the sink has shown something that it had built beside what was there. */
  get hasShown(): boolean {
    return this.#hasShown;
  }

  /** Aborts when the run cannot go on. */
  get failed(): AbortSignal {
    return this.#abort.signal;
  }

  /**
   * Saves the first checkpoint, before anything is written, so that a run that dies early finds
   * what its sink has made.
   */
  async begin(): Promise<void> {
    this.#parts.onProgress?.(this.#parts.tally.snapshot());
    if (this.#parts.ignorePositions === true) return;
    await this.#save();
    await this.#showWhenReached();
  }

  /** Whether everything that the source held at the start of the run has been settled. */
  get hasReachedEnds(): boolean {
    const { ends } = this.#parts;
    return ends.size > 0 && this.#tracker.hasReached(ends);
  }

  /** Hands a batch to the sink as soon as there is room. Resolves before it is settled. */
  async admit(batch: Batch): Promise<void> {
    clearTimeout(this.#idleTimer);
    if (this.#isCommitDue()) await this.#commitSoon();
    await this.#limit.acquire(batch.sizeBytes);
    await this.#committing;
    this.#throwFailure();
    this.#parts.tally.read(batch);
    if (batch.hasMoved) {
      this.#tracker.forget(batch.lane);
      this.#parts.sink.moved?.(batch.lane);
    }
    const settle = this.#tracker.begin(batch);
    const task = this.#deliver(batch, settle)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#limit.release(batch.sizeBytes);
        this.#letGo(batch);
        this.#underWay.delete(task);
        if (this.#underWay.size === 0) this.#commitWhenIdle();
      });
    this.#underWay.add(task);
  }

  /** Waits for everything under way and saves the last checkpoint. */
  async finish(readToTheEnd: boolean): Promise<void> {
    await Promise.all(this.#underWay);
    clearTimeout(this.#idleTimer);
    await this.#committing;
    await this.#saving;
    const complete = readToTheEnd && this.#failure === undefined;
    if (this.#unsaved || complete) await this.#commitSoon();
    if (complete) await this.#showWhatWasBuilt().catch((error: unknown) => this.#fail(error));
    this.#throwFailure();
  }

  async #deliver(batch: Batch, settle: () => void): Promise<void> {
    const report = await this.#write(batch);
    // Behind a failure nothing is settled, and no state taken: it would cover what the failed batch
    // wrote while its lane stays before it, and the next run would write that again.
    if (this.#failure !== undefined) return;
    if (!this.#isBuried(batch.lane, [...batch.rejections, ...report.rejections])) return;
    if (report.state !== undefined) this.#sinkState = report.state;
    settle();
    this.#unsaved = true;
    this.#parts.tally.settled(batch, report, this.#tracker.positions());
    this.#parts.onProgress?.(this.#parts.tally.snapshot());
    if (this.#parts.commit === undefined) this.#saving ??= this.#saveSoon();
    else this.#commitDueAtMs ??= performance.now() + this.#commitIntervalMs;
  }

  /** After a failure the bytes may still be on their way somewhere. */
  #letGo(batch: Batch): void {
    const isReusable = this.#parts.sink.copiesBytes === true && this.#failure === undefined;
    if (isReusable && batch.release) batch.release();
    else releaseMemory(batch.sizeBytes);
  }

  async #write(batch: Batch): Promise<WriteReport> {
    if (countMessages(batch) === 0) return NOTHING_WRITTEN;
    const report = await this.#parts.sink.write(batch, this.#abort.signal);
    refuseWrongSum(batch, report);
    return report;
  }

  /** Fails at once, before another batch that is written already can settle. */
  #isBuried(lane: Lane, rejections: readonly Rejection[]): boolean {
    try {
      this.#bury(lane, rejections);
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  #bury(lane: Lane, rejections: readonly Rejection[]): void {
    if (rejections.length === 0) return;
    const { deadLetters, tally, maxDeadLettersCount } = this.#parts;
    deadLetters.append(rejections.map((rejection) => ({ ...rejection, lane })));
    tally.buried(lane, rejections);
    if (maxDeadLettersCount === undefined || tally.deadLettersCount <= maxDeadLettersCount) return;
    throw new KonnError(
      `Cannot go on: refused events: ${tally.deadLettersCount}, --max-dead-letters allows ${maxDeadLettersCount}`,
      {
        code: "TOO_MANY_DEAD_LETTERS",
        kind: "failed",
        hint: deadLetters.hint,
      },
    );
  }

  /** One save at a time; what settles during a save goes into the next one. */
  async #saveSoon(): Promise<void> {
    try {
      while (this.#unsaved && this.#failure === undefined) {
        await Promise.resolve();
        await this.#save();
        await this.#showWhenReached();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#saving = undefined;
    }
  }

  #isCommitDue(): boolean {
    return this.#commitDueAtMs !== undefined && performance.now() >= this.#commitDueAtMs;
  }

  #commitWhenIdle(): void {
    clearTimeout(this.#idleTimer);
    if (this.#commitDueAtMs === undefined || this.#failure !== undefined) return;
    this.#idleTimer = setTimeout(() => {
      if (this.#underWay.size === 0) void this.#commitSoon();
    }, COMMIT_WHEN_IDLE_MS);
  }

  /** One commit at a time. Its error is kept. */
  async #commitSoon(): Promise<void> {
    this.#committing ??= this.#commit()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#committing = undefined;
      });
    await this.#committing;
  }

  /**
   * Lets everything under way settle, has the sink make it take effect, and only then moves the
   * checkpoint: it must never be ahead of what the sink knows.
   */
  async #commit(): Promise<void> {
    await Promise.all(this.#underWay);
    const { commit } = this.#parts;
    if (commit !== undefined) {
      if (this.#failure !== undefined) return;
      this.#commitDueAtMs = undefined;
      // The checkpoint of an earlier run may be ahead of where this one begins.
      if (!this.#hasSaved) await this.#save();
      const startedMs = performance.now();
      await commit(this.#tracker.positions());
      this.#parts.tally.committed();
      const tookMs = performance.now() - startedMs;
      this.#commitIntervalMs = Math.min(
        Math.max(COMMIT_INTERVAL_MS, tookMs * COMMIT_INTERVAL_PER_COMMIT),
        MAX_COMMIT_INTERVAL_MS,
      );
    }
    await this.#save();
    await this.#showWhenReached();
  }

  async #save(): Promise<void> {
    this.#unsaved = false;
    this.#hasSaved = true;
    await this.#parts.save(this.#tracker.positions(), this.#sinkState);
  }

  /** A source whose ends are unknown has been delivered only when it has ended. */
  async #showWhenReached(): Promise<void> {
    if (this.hasReachedEnds) await this.#showWhatWasBuilt();
  }

  /** A stop ends the waiting for a sink that is away; the next run shows it then. */
  async #showWhatWasBuilt(): Promise<void> {
    const { sink, stop } = this.#parts;
    if (this.#isShown || sink.caughtUp === undefined || stop.aborted) return;
    this.#isShown = true;
    let state: string | undefined;
    try {
      state = await sink.caughtUp(AbortSignal.any([this.#abort.signal, stop]));
    } catch (error) {
      if (!stop.aborted || this.#failure !== undefined) throw error;
      this.#isShown = false;
    }
    if (state === undefined) return;
    this.#hasShown = state !== this.#sinkState;
    this.#sinkState = state;
    await this.#save();
  }

  #fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
    this.#abort.abort(this.#failure);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

const NOTHING_WRITTEN: WriteReport = { written: 0, deleted: 0, skipped: {}, rejections: [] };

/** Nothing may be dropped silently, so a sink's account has to add up. */
function refuseWrongSum(batch: Batch, report: WriteReport): void {
  const skipped = totalOf(report.skipped);
  const sum = report.written + report.deleted + skipped + report.rejections.length;
  const count = countMessages(batch);
  if (sum === count) return;
  throw new KonnError(
    `Cannot account for a batch of ${batch.lane}: ${count} messages went in, ${sum} came out`,
    { code: "COUNTS_DIFFER", kind: "failed", hint: "This is a defect of konn, please report it." },
  );
}
