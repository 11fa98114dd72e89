import { KonnError } from "../../base/errors.ts";
import type {
  Batch,
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
import { BulkSlot } from "./bulk_slot.ts";
import { OpenSearchClient, type OpenSearchConnection } from "./client.ts";
import { IndexAdmin } from "./index_admin.ts";
import { Outage } from "./outage.ts";
import { BatchTicket, bulkLines } from "./pending_document.ts";
import { buildingAliasOf, openTarget, publishTarget, type TargetIndex } from "./target_index.ts";

/** Bulks in flight. OpenSearch indexes each on one thread; more would only queue there. */
const SLOTS_COUNT = 4;

export interface OpenSearchSinkOptions extends OpenSearchConnection {
  /** The alias that everybody reads. */
  readonly index: string;
  readonly observer: Observer;
  /** Halts by default. To rebuild is the caller's work: the error says from where. */
  readonly onTruncate?: OnTruncate | undefined;
  /** For a new index: changes below this place in PostgreSQL's log are of rows that are gone. */
  readonly truncatedAtLsn?: number | undefined;
}

/**
 * Keeps an OpenSearch index equal to the fold of a change stream.
 *
 * Each document has its event key as id and a version made from the sequence of its last event
 * (`version_type: external`), so writing anything twice, late, or from two processes ends in the
 * same index. Errors: `OPENSEARCH_UNREACHABLE` and those of `openTarget` on opening;
 * `OPENSEARCH_FORBIDDEN`, `INDEX_BLOCKED`, `INDEX_CLOSED`, `INDEX_GONE` while writing. Rejections:
 * those of the fold, `DOCUMENT_REFUSED`, `DOCUMENT_TOO_LARGE`.
 */
export function createOpenSearchSink(options: OpenSearchSinkOptions): Sink {
  return new OpenSearchSink(options);
}

interface Opened {
  readonly client: OpenSearchClient;
  readonly slots: readonly BulkSlot[];
  readonly lanesCount: number;
  target: TargetIndex;
}

class OpenSearchSink implements Sink {
  readonly address: string;
  readonly #options: OpenSearchSinkOptions;
  readonly #ended = new AbortController();
  readonly #known = new KnownDocuments();
  #client: OpenSearchClient | undefined;
  #opened: Opened | undefined;

  constructor(options: OpenSearchSinkOptions) {
    this.#options = options;
    const { protocol, host, port } = new URL(options.url);
    const defaultPort = protocol === "https:" ? ":443" : ":80";
    const place = `${host}${port === "" ? defaultPort : ""}`;
    this.address = `opensearch${protocol === "https:" ? "s" : ""}://${place}/${options.index}`;
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
    });
    const slots = Array.from({ length: SLOTS_COUNT }, () => this.#createSlot(client));
    this.#opened = { client, slots, target, lanesCount: options.stream.lanesCount ?? 1 };
    const { name, uuid } = target.index;
    return {
      identity: { "opensearch cluster": clusterId, index: name, "index uuid": uuid },
      state: target.state,
    };
  }

  async write(batch: Batch, signal: AbortSignal): Promise<WriteReport> {
    const { slots, lanesCount, target } = this.#open();
    const { truncatedAtLsn } = target.index.meta ?? {};
    const fold = foldBatch(batch, { known: this.#known, truncatedAtLsn });
    refuseTruncate(batch, fold, this.#options.onTruncate ?? "halt");
    refuseUnorderedRows(batch, fold, lanesCount);
    this.#known.sent(fold.mutations);
    const ticket = new BatchTicket(fold, this.#known);
    const now = new Date();
    for (const mutation of fold.mutations) {
      const slot = slots[Bun.hash.crc32(mutation.key) % slots.length];
      slot?.add({ mutation, lines: bulkLines(mutation, now), ticket });
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

  /** Makes all that was written visible, and shows an index that was built beside the live one. */
  async caughtUp(signal: AbortSignal): Promise<string | undefined> {
    const opened = this.#open();
    const { client, target } = opened;
    const { index: alias } = this.#options;
    const admin = new IndexAdmin(client, signal);
    if (target.state === "live") await admin.refresh(alias);
    else await publishTarget(target, { alias, admin });
    if (target.state === "building") this.#known.forgetAll();
    opened.target = { ...target, state: "live" };
    return opened.target.state;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(endedError(this.#options.index, "the sink was closed"));
    await this.#client?.close();
    this.#client = undefined;
  }

  #createSlot(client: OpenSearchClient): BulkSlot {
    const { observer, url } = this.#options;
    return new BulkSlot({
      client,
      outage: new Outage(url, observer),
      ended: this.#ended.signal,
      alias: () => this.#writeAlias(),
      onFailure: (error) => this.#fail(error),
      aliasGone: (alias) =>
        new KonnError(`Cannot write to ${alias}: the alias is gone`, {
          code: "INDEX_GONE",
          hint: "Was the index deleted? Build it anew: konn sync --from-beginning.",
        }),
    });
  }

  /** Where documents go: the alias that everybody reads, or that of an index still built. */
  #writeAlias(): string {
    const { target } = this.#open();
    return target.state === "live" ? this.#options.index : buildingAliasOf(target.index.name);
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

function endedError(index: string, state: string): KonnError {
  return new KonnError(`Cannot write to ${index}: ${state}`, { code: "WRITE_ENDED" });
}
