import { releaseGiant } from "../../base/release_memory.ts";
import { KonnError, messageOf } from "../../base/errors.ts";
import type { Batch } from "../../connector/mod.ts";
import type { Observer } from "../../observe/observer.ts";
import { unreachableError, type KafkaClient } from "./client.ts";
import { fetchRequest, type FetchedPartition } from "./fetch_request.ts";
import { LeaderRouter } from "./leader_router.ts";
import type { PartitionCursor } from "./partition_cursor.ts";
import { ERROR_CODES, isTransient, ProtocolError } from "./protocol_error.ts";
import { NO_LEADER, notPermittedOr, type Topics } from "./topics.ts";

/** A long poll. It delays nothing: the broker answers with the first record, and `stop` cuts it. */
const MAX_WAIT_MS = 500;
/** A broker that has not answered a fetch so long after the poll's end is taken for gone. */
const ANSWER_LIMIT_MS = 10_000;
/** What the responses on their way may hold together, unless one batch alone is larger. */
const FETCH_BUDGET_BYTES = 4 * 1024 * 1024;
const MIN_FETCH_BYTES = 1024 * 1024;
const TOPIC_CHECK_INTERVAL_MS = 10_000;

export interface FetcherOptions {
  readonly client: KafkaClient;
  readonly topics: Topics;
  readonly brokers: readonly string[];
  readonly cursors: readonly PartitionCursor[];
  readonly observer: Observer;
  readonly stop: AbortSignal;
  readonly outageLimitMs: number;
  readonly openTransactionLimitMs: number;
  /** Throws why the offset of a cursor is out of range, or returns when it is not. */
  readonly explainOffset: (cursor: PartitionCursor) => Promise<void>;
}

interface Response {
  readonly nodeId: number;
  readonly cursors: readonly PartitionCursor[];
  readonly partitions: readonly FetchedPartition[];
}

/**
 * Reads partitions at their leaders: one fetch in flight a leader, the next one sent when the last
 * part of a response is handed out. So at most one response a leader waits while another is worked
 * on.
 */
export class Fetcher {
  readonly #options: FetcherOptions;
  readonly #router: LeaderRouter<PartitionCursor>;
  readonly #responses: Response[] = [];
  readonly #nodesInFlight = new Set<number>();
  #fatal: { readonly error: unknown } | undefined;
  #wake: () => void = () => undefined;
  #turn = 0;
  #checkedAtMs = Date.now();

  constructor(options: FetcherOptions) {
    this.#options = options;
    this.#router = new LeaderRouter({
      topics: options.topics,
      observer: options.observer,
      outageLimitMs: options.outageLimitMs,
      onRouted: () => this.#wake(),
      onError: (error) => this.#fail(error),
      outageError: ({ lane }, reason) =>
        unreachableError(options.brokers, new Error(`${lane}: ${messageOf(reason)}`)),
    });
  }

  /** Ends when all cursors are at their ends, or when told to stop. */
  async *batches(): AsyncGenerator<Batch> {
    const { cursors, stop, topics } = this.#options;
    for (const cursor of cursors) {
      cursor.leader = topics.leaderOf(cursor.topic, cursor.partition);
      if (cursor.leader === NO_LEADER) this.#router.failed(cursor, "the partition has no leader");
    }
    const wake = (): void => this.#wake();
    stop.addEventListener("abort", wake);
    try {
      while (!stop.aborted && !cursors.every(({ isDone }) => isDone)) {
        this.#startFetches();
        this.#checkTopics();
        const response = await this.#nextResponse();
        if (response !== undefined) yield* this.#takeApart(response);
      }
    } finally {
      stop.removeEventListener("abort", wake);
      this.#router.close();
    }
  }

  /** Undefined when something else wants attention: a stop, a new leader. */
  async #nextResponse(): Promise<Response | undefined> {
    if (this.#responses.length === 0 && this.#fatal === undefined && !this.#options.stop.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#fatal !== undefined) throw this.#fatal.error;
    return this.#responses.shift();
  }

  #startFetches(): void {
    const byLeader = Map.groupBy(
      this.#options.cursors.filter((cursor) => !cursor.isDone),
      ({ leader }) => leader,
    );
    const maxBytes = Math.max(MIN_FETCH_BYTES, Math.floor(FETCH_BUDGET_BYTES / byLeader.size));
    for (const [nodeId, cursors] of byLeader) {
      if (this.#nodesInFlight.has(nodeId)) continue;
      const ready = cursors.filter(({ isAstray, isBusy }) => !isAstray && !isBusy);
      if (ready.length > 0) void this.#fetch(nodeId, ready, maxBytes);
    }
  }

  async #fetch(nodeId: number, ready: PartitionCursor[], maxBytes: number): Promise<void> {
    // Who waited longest stands first, and so gets at least one batch.
    const cursors = ready.toSorted((a, b) => a.servedAt - b.servedAt);
    for (const cursor of cursors) cursor.isBusy = true;
    this.#nodesInFlight.add(nodeId);
    try {
      const request = fetchRequest(
        cursors.map((cursor) => ({
          topic: cursor.topic,
          partition: cursor.partition,
          fetchOffset: cursor.offset,
          maxBytes: cursor.maxBytes,
        })),
        { maxWaitMs: MAX_WAIT_MS, maxBytes: Math.max(maxBytes, cursors[0]?.maxBytes ?? 0) },
      );
      const link = await this.#options.client.link(nodeId, "fetch");
      const partitions = await link.send(request, MAX_WAIT_MS + ANSWER_LIMIT_MS);
      this.#responses.push({ nodeId, cursors, partitions });
    } catch (thrown) {
      this.#fetchFailed(cursors, thrown);
    } finally {
      this.#nodesInFlight.delete(nodeId);
      this.#wake();
    }
  }

  #fetchFailed(cursors: readonly PartitionCursor[], thrown: unknown): void {
    if (this.#options.stop.aborted) return;
    for (const cursor of cursors) cursor.isBusy = false;
    if (!isTransient(thrown)) return this.#fail(thrown);
    this.#options.observer.retried(1);
    for (const cursor of cursors) this.#router.failed(cursor, thrown);
  }

  async *#takeApart({ cursors, partitions }: Response): AsyncGenerator<Batch> {
    const totalBytes = partitions.reduce((sum, { records }) => sum + records.length, 0);
    const isAllEmpty = totalBytes === 0;
    // Two responses that hold giant batches would be too many.
    const isHuge = totalBytes > 2 * FETCH_BUDGET_BYTES;
    const waiting = new Set(cursors);
    for (const [index, fetched] of partitions.entries()) {
      if (this.#options.stop.aborted) return;
      const cursor = cursors.find(
        ({ topic, partition }) => topic === fetched.topic && partition === fetched.partition,
      );
      if (cursor === undefined || !waiting.delete(cursor)) continue;
      cursor.isBusy = false;
      const batch = await this.#take(cursor, fetched, isAllEmpty || cursor === cursors[0]);
      if (index === partitions.length - 1 && !isHuge) {
        // A broker over its quota leaves partitions out.
        for (const absent of waiting) absent.isBusy = false;
        waiting.clear();
        this.#startFetches();
      }
      if (batch !== undefined) yield batch;
    }
    for (const absent of waiting) absent.isBusy = false;
    releaseGiant(totalBytes);
  }

  /** With `isSurelyEmpty`, no records means that there are none, not that others came first. */
  async #take(
    cursor: PartitionCursor,
    fetched: FetchedPartition,
    isSurelyEmpty: boolean,
  ): Promise<Batch | undefined> {
    if (fetched.errorCode !== ERROR_CODES.NONE) {
      await this.#handleError(cursor, new ProtocolError(fetched.errorCode));
      return undefined;
    }
    if (cursor.isAheadOf(fetched)) {
      this.#router.failed(cursor, new ProtocolError(ERROR_CODES.OFFSET_NOT_AVAILABLE));
      return undefined;
    }
    this.#router.succeeded(cursor);
    if (fetched.records.length > 0) {
      cursor.servedAt = ++this.#turn;
      cursor.blockedSinceMs = undefined;
      return cursor.take(fetched);
    }
    if (isSurelyEmpty) {
      const before = cursor.offset;
      const gap = cursor.takeGap(fetched, performance.now());
      if (gap !== undefined) {
        const { observer } = this.#options;
        observer.log.info(`${cursor.lane} holds nothing any more up to its end`, {
          from: before,
          to: gap.nextSequence,
        });
        return gap;
      }
    }
    this.#awaitTransactions(cursor, fetched);
    return undefined;
  }

  async #handleError(cursor: PartitionCursor, error: ProtocolError): Promise<void> {
    if (error.code === ERROR_CODES.OFFSET_OUT_OF_RANGE) {
      await this.#options.explainOffset(cursor);
    } else if (!error.isRetriable) {
      throw notPermittedOr(`Cannot read ${cursor.lane}`, error);
    }
    this.#options.observer.retried(1);
    this.#router.failed(cursor, error);
  }

  #awaitTransactions(cursor: PartitionCursor, fetched: FetchedPartition): void {
    if (!cursor.isBlockedBy(fetched)) {
      cursor.blockedSinceMs = undefined;
      return;
    }
    const { observer, openTransactionLimitMs } = this.#options;
    const nowMs = Date.now();
    if (cursor.blockedSinceMs === undefined) {
      cursor.blockedSinceMs = nowMs;
      observer.log.warn(`Waiting for an open transaction in ${cursor.lane}`, {
        offset: fetched.lastStableOffset,
      });
      return;
    }
    if (nowMs - cursor.blockedSinceMs < openTransactionLimitMs) return;
    throw new KonnError(
      `Cannot read ${cursor.lane} to its end: a transaction has been open at offset ${fetched.lastStableOffset} for more than ${openTransactionLimitMs / 1000} s`,
      {
        code: "KAFKA_OPEN_TRANSACTION",
        hint: "Let its producer end it, or abort it with kafka-transactions.sh, then run again.",
      },
    );
  }

  /** Notices, some time later, that a topic was made anew or got more partitions. */
  #checkTopics(): void {
    const nowMs = Date.now();
    if (nowMs - this.#checkedAtMs < TOPIC_CHECK_INTERVAL_MS) return;
    this.#checkedAtMs = nowMs;
    this.#options.topics.refresh().catch((thrown: unknown) => {
      if (!isTransient(thrown)) this.#fail(thrown);
    });
  }

  #fail(error: unknown): void {
    this.#fatal ??= { error };
    this.#wake();
  }
}
