import { backoffDelayMs, sleep } from "../../base/backoff.ts";
import { KonnError } from "../../base/errors.ts";
import type {
  Batch,
  Lane,
  Sink,
  SinkOpening,
  SinkOpenOptions,
  WriteReport,
} from "../../connector/mod.ts";
import {
  foldBatch,
  KnownDocuments,
  type OnTruncate,
  refuseTruncate,
  refuseUnorderedRows,
} from "../../indexing/mod.ts";
import type { Observer } from "../../observe/observer.ts";
import { BuildCount } from "./build_count.ts";
import { BulkSlot } from "./bulk_slot.ts";
import { OpenSearchClient, type OpenSearchConnection } from "./client.ts";
import { IndexAdmin } from "./index_admin.ts";
import { Outage } from "./outage.ts";
import { BatchTicket, pendingDocument } from "./pending_document.ts";
import { writerAliasOf } from "./index_family.ts";
import { publishTarget } from "./publish_target.ts";
import { explainLostWay, openTarget, refuseHidden, type TargetIndex } from "./target_index.ts";
import { TombstonePurge } from "./tombstone_purge.ts";
import { UnsavedWrites } from "./unsaved_writes.ts";

/** Bulks in flight. OpenSearch indexes each on one thread; more would only queue there. */
const SLOTS_COUNT = 4;

const DAY_MS = 86_400_000;
/** How often old tombstones are looked for, and whether the alias still stands for the index. */
const ROUND_INTERVAL_MS = 60_000;

const PUBLISH_BACKOFF = { firstDelayMs: 200, maxDelayMs: 5_000 } as const;

export interface OpenSearchSinkOptions extends OpenSearchConnection {
  /** The alias that everybody reads. */
  readonly index: string;
  readonly observer: Observer;
  /** Entity types that are not indexed; by default those that nobody searches. */
  readonly skipTypes?: readonly string[] | undefined;
  /** Halts by default. To rebuild is the caller's work: the error says from where. */
  readonly onTruncate?: OnTruncate | undefined;
  /** For a new index: changes below this place in PostgreSQL's log are of rows that are gone. */
  readonly truncatedAtLsn?: number | undefined;
  /** Whether to build anew from a stream that has lost its beginning. It is refused by default. */
  readonly acceptsLoss?: boolean | undefined;
  /** How many indexes that were replaced are kept, the newest ones. 1 by default. */
  readonly keepIndexesCount?: number | undefined;
  /** How long tombstones are kept, in milliseconds. A day by default. */
  readonly keepTombstonesMs?: number | undefined;
  /** How often old ones are looked for, in milliseconds. Every minute by default. */
  readonly roundIntervalMs?: number;
}

/**
 * Keeps an OpenSearch index equal to the fold of a change stream.
 *
 * Each document has its event key as id and a version made from the sequence of its last event
 * (`version_type: external`), so writing anything twice, late, or from two processes ends in the
 * same index. Errors: `OPENSEARCH_UNREACHABLE` and those of `openTarget` on opening;
 * `OPENSEARCH_UNAUTHORIZED`, `OPENSEARCH_FORBIDDEN`, `OPENSEARCH_FAILED`, `DISK_FULL`,
 * `INDEX_BLOCKED`, `INDEX_CLOSED`, `INDEX_GONE`, `INDEX_REPLACED`, `ALIAS_GONE` while writing.
 * Rejections: those of the fold, `DOCUMENT_REFUSED`, `DOCUMENT_TOO_LARGE`.
 */
export function createOpenSearchSink(options: OpenSearchSinkOptions): Sink {
  return new OpenSearchSink(options);
}

interface Opened {
  readonly client: OpenSearchClient;
  readonly outage: Outage;
  readonly count: BuildCount;
  readonly slots: readonly BulkSlot[];
  readonly lanesCount: number;
  target: TargetIndex;
}

class OpenSearchSink implements Sink {
  readonly #options: OpenSearchSinkOptions;
  readonly #skipTypes: ReadonlySet<string> | undefined;
  readonly #ended = new AbortController();
  readonly #known = new KnownDocuments();
  readonly #unsaved = new UnsavedWrites();
  #client: OpenSearchClient | undefined;
  #opened: Opened | undefined;

  constructor(options: OpenSearchSinkOptions) {
    this.#options = options;
    this.#skipTypes = options.skipTypes && new Set(options.skipTypes);
  }

  address(): Promise<string> {
    return Promise.resolve(canonicalAddress(this.#options.url, this.#options.index));
  }

  async open(options: SinkOpenOptions): Promise<SinkOpening> {
    const client = await OpenSearchClient.create(this.#options);
    this.#client = client;
    const { clusterId } = await client.identify(options.signal);
    const admin = new IndexAdmin(client, options.signal);
    const target = await openTarget({
      ...options,
      alias: this.#options.index,
      admin,
      truncatedAtLsn: this.#options.truncatedAtLsn,
      acceptsLoss: this.#options.acceptsLoss,
    });
    const { name, uuid } = target.index;
    const outage = new Outage(client.url, this.#options.observer);
    const alias = writerAliasOf(name);
    const count = await this.#buildCount(target, admin, options.resume !== undefined);
    const slots = Array.from({ length: SLOTS_COUNT }, () => {
      const onFailure = (thrown: unknown): void => this.#fail(thrown);
      const lossOf = async (told: KonnError) => await this.#lossOf(told);
      const { observer } = this.#options;
      const ended = this.#ended.signal;
      return new BulkSlot({ client, outage, observer, alias, count, onFailure, lossOf, ended });
    });
    this.#opened = {
      client,
      outage,
      count,
      slots,
      target,
      lanesCount: options.stream.lanesCount ?? 1,
    };
    return {
      identity: {
        "opensearch cluster": clusterId,
        index: name,
        "index uuid": uuid,
        // Another list would leave documents behind that the new one skips.
        ...(this.#skipTypes && { "skipped types": [...this.#skipTypes].toSorted().join(", ") }),
      },
      state: target.state,
      ...(target.isReplacement && { isReplacement: true }),
    };
  }

  /** A build that goes on finds there what an earlier run has made. */
  async #buildCount(
    { index, state }: TargetIndex,
    admin: IndexAdmin,
    isResumed: boolean,
  ): Promise<BuildCount> {
    const isFound = state === "building" && isResumed;
    return new BuildCount(isFound ? await admin.countDocuments(index.name) : undefined);
  }

  async write(batch: Batch, signal: AbortSignal): Promise<WriteReport> {
    const { slots, lanesCount, target } = this.#open();
    const { truncatedAtLsn } = target.index.meta ?? {};
    const fold = foldBatch(batch, {
      known: this.#known,
      truncatedAtLsn,
      unsearchedTypes: this.#skipTypes,
    });
    refuseTruncate(batch, fold, this.#options.onTruncate ?? "halt");
    refuseUnorderedRows(batch, fold, lanesCount);
    this.#known.sent(fold.mutations, fold.refusedKeys);
    const ticket = new BatchTicket(fold, this.#known);
    const now = new Date();
    this.#unsaved.began(batch, now.getTime());
    for (const mutation of fold.mutations) {
      const slot = slots[Bun.hash.crc32(mutation.key) % slots.length];
      slot?.add(pendingDocument(mutation, { now, ticket }));
    }
    const abort = (): void => this.#fail(endedError(this.#options.index, "the run was ended"));
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    try {
      for (const slot of slots) slot.send();
      return await ticket.report;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Keys do not tell their lanes, so nothing is known any more. */
  moved(): void {
    this.#known.forgetAll();
  }

  /**
   * Versions hold for as long as tombstones are there. A tombstone is as old as the write that it
   * came with, which may have waited for long before something after it was refused: hence the half.
   */
  get lateWritesMs(): number {
    return (this.#options.keepTombstonesMs ?? DAY_MS) / 2;
  }

  async ping(signal: AbortSignal): Promise<void> {
    await this.#open().client.identify(signal);
  }

  checkpointed(lanes: ReadonlyMap<Lane, bigint>): void {
    this.#unsaved.saved(lanes);
  }

  /** Makes all that was written visible, and shows an index that was built beside the live one. */
  async caughtUp(signal: AbortSignal): Promise<string | undefined> {
    const opened = this.#open();
    const { client, target } = opened;
    const admin = new IndexAdmin(client, signal);
    const family = { alias: this.#options.index, admin };
    if (target.state === "live") {
      await this.#untilItPasses(() => refuseHidden(target, family), signal);
      await this.#untilItPasses(() => admin.refresh(target.index.name), signal);
    } else {
      await this.#publish(target, admin, signal);
      opened.target = { ...target, state: "live" };
    }
    await this.#startPurge(opened);
    return opened.target.state;
  }

  /**
   * Only now: before, a run may still be reading again what one before it had written and not
   * saved, and an upsert among that would bring back what a tombstone holds down.
   */
  async #startPurge({ client, target }: Opened): Promise<void> {
    const { index: alias, observer, keepTombstonesMs = DAY_MS } = this.#options;
    const { name } = target.index;
    const ended = this.#ended.signal;
    const admin = new IndexAdmin(client, ended);
    const purge = new TombstonePurge({
      client,
      observer,
      indexName: name,
      alias: writerAliasOf(name),
      keepMs: keepTombstonesMs,
      intervalMs: this.#options.roundIntervalMs ?? ROUND_INTERVAL_MS,
      safeBeforeMs: () => this.#unsaved.oldestMs(),
      forget: (key) => this.#known.forgetKey(key),
      check: () => refuseHidden(target, { alias, admin }),
      onFailure: (thrown) => this.#fail(thrown),
      ended,
    });
    await purge.start();
  }

  async #publish(target: TargetIndex, admin: IndexAdmin, signal: AbortSignal): Promise<void> {
    const { index: alias, observer, keepIndexesCount: keepCount = 1 } = this.#options;
    const { count } = this.#open();
    const publish = () => publishTarget(target, { alias, admin, count, keepCount });
    const kept = await this.#untilItPasses(publish, signal);
    this.#known.forgetAll();
    const { name } = target.index;
    observer.log.info(`${alias} now stands for ${name}`, { kept: kept.join(", ") });
  }

  /** Tries again for as long as time alone may mend what is wrong. */
  async #untilItPasses<Result>(
    action: () => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    const { outage } = this.#open();
    for (let attempt = 0; ; attempt += 1) {
      try {
        const result = await action();
        outage.recovered(this);
        return result;
      } catch (error) {
        const mayPass = error instanceof KonnError && error.mayPass && !signal.aborted;
        if (!mayPass) throw error;
        outage.failed(this, error.message, 1);
        await sleep(backoffDelayMs(attempt, PUBLISH_BACKOFF), signal);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(endedError(this.#options.index, "the sink was closed"));
    await this.#client?.close();
    this.#client = undefined;
  }

  /** As {@link explainLostWay}; undefined as well while OpenSearch cannot be asked. */
  async #lossOf(told: KonnError): Promise<KonnError | undefined> {
    try {
      const { client, target } = this.#open();
      const admin = new IndexAdmin(client, this.#ended.signal);
      return await explainLostWay(target, { alias: this.#options.index, admin });
    } catch (error) {
      return error instanceof KonnError && error.mayPass ? undefined : told;
    }
  }

  #fail(error: unknown): void {
    this.#ended.abort(error);
    for (const slot of this.#opened?.slots ?? []) slot.fail(error);
  }

  #open(): Opened {
    if (this.#opened) return this.#opened;
    throw endedError(this.#options.index, "the sink was not opened");
  }
}

/** The one form in which an index is named in checkpoints, without credentials. */
function canonicalAddress(url: string, index: string): string {
  const { protocol, hostname, port } = new URL(url);
  // This machine has several names and is one place.
  const host = hostname === "127.0.0.1" || hostname === "[::1]" ? "localhost" : hostname;
  const isTls = protocol === "https:";
  const defaultPort = isTls ? "443" : "80";
  return `opensearch${isTls ? "s" : ""}://${host}:${port || defaultPort}/${index}`;
}

function endedError(index: string, state: string): KonnError {
  return new KonnError(`Cannot write to ${index}: ${state}`, { code: "WRITE_ENDED" });
}
