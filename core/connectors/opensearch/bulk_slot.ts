import { releaseMemory } from "../../base/release_memory.ts";
import { backoffDelayMs, sleep } from "../../base/backoff.ts";
import type { KonnError } from "../../base/errors.ts";
import type { BuildCount } from "./build_count.ts";
import type { Observer } from "../../observe/observer.ts";
import { type Fate, readBulkAnswer } from "./bulk_answer.ts";
import { NoAnswerError, type OpenSearchClient } from "./client.ts";
import type { Outage } from "./outage.ts";
import type { PendingDocument } from "./pending_document.ts";

/** Bulks between 5 and 15 MB are the fastest; `http.max_content_length` is 100 MB by default. */
const MAX_BULK_BYTES = 8 * 1024 * 1024;
const MAX_BULK_DOCUMENTS_COUNT = 5_000;
/** However little a server takes at once, bulks do not become smaller than this on its account. */
const MIN_BULK_BYTES = 256 * 1024;
/** With each bulk that is taken at once they grow again by so much: 62 bulks from end to end. */
const BULK_GROWTH_BYTES = 128 * 1024;
/** What makes the server fail (500) is sent so often: within some 8 s on average. */
const FAULTY_TRIES_COUNT = 8;
/** A bulk that is too much for the server so often is sent in smaller ones. */
const OVERWHELMED_ATTEMPTS_COUNT = 3;
const TOO_MANY_REQUESTS = 429;
/** Short enough that searches are up to date soon after an outage. */
const BACKOFF = { firstDelayMs: 200, maxDelayMs: 5_000 } as const;

export interface BulkSlotOptions {
  readonly client: OpenSearchClient;
  readonly outage: Outage;
  /** Hears how large each bulk was and how long it took. */
  readonly observer: Observer;
  /** Ends every wait and every request of the sink. */
  readonly ended: AbortSignal;
  /** The alias to write to. */
  readonly alias: string;
  /** Hears of what was written and what was there already. */
  readonly count: BuildCount;
  readonly onFailure: (error: unknown) => void;
  /**
   * Finds out why there is no such index, as OpenSearch says. Undefined when there is one after all,
   * or when nobody can say now.
   */
  readonly lossOf: (told: KonnError) => Promise<KonnError | undefined>;
}

/**
 * Some of the keys, in order: one bulk in flight, and what comes meanwhile waits for the next one.
 * So a key is never reordered, and a slow bulk does not stop the other slots.
 */
export class BulkSlot {
  readonly #options: BulkSlotOptions;
  #waiting: PendingDocument[] = [];
  #underWay: readonly PendingDocument[] = [];
  #isRunning = false;
  /** Less once the server has refused a body for its size, which is a setting of its own. */
  #ceilingBytes = MAX_BULK_BYTES;
  /** Less still while it has no room for so much. */
  #maxBytes = MAX_BULK_BYTES;

  constructor(options: BulkSlotOptions) {
    this.#options = options;
  }

  add(document: PendingDocument): void {
    this.#waiting.push(document);
  }

  /** Starts to send what waits, unless a bulk is in flight: then it goes with the next one. */
  send(): void {
    if (this.#isRunning || this.#waiting.length === 0) return;
    this.#isRunning = true;
    this.#run().catch((error: unknown) => this.#options.onFailure(error));
  }

  /** Everybody who waits hears that nothing is known. */
  fail(error: unknown): void {
    for (const { ticket } of [...this.#underWay, ...this.#waiting]) ticket.fail(error);
    this.#underWay = [];
    this.#waiting = [];
  }

  async #run(): Promise<void> {
    const { count } = this.#options;
    try {
      while (this.#waiting.length > 0) {
        this.#underWay = this.#take();
        count.sent(this.#underWay.length);
        await this.#deliver(this.#underWay);
        count.settled(this.#underWay.length);
        this.#underWay = [];
      }
    } finally {
      this.#isRunning = false;
    }
  }

  /** As many as fit into a bulk, at least one. */
  #take(): readonly PendingDocument[] {
    let bytes = 0;
    let count = 0;
    for (const document of this.#waiting) {
      bytes += document.bytes;
      if (count > 0 && (bytes > this.#maxBytes || count === MAX_BULK_DOCUMENTS_COUNT)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** Sends until each document has its fate: only what failed is sent again. */
  async #deliver(documents: readonly PendingDocument[]): Promise<void> {
    const { outage, ended } = this.#options;
    let left = documents;
    let faultyTriesCount = 0;
    for (let attempt = 0; left.length > 0; attempt += 1) {
      const fates = await this.#send(left);
      if (fates[0]?.kind === "too_large") {
        this.#ceilingBytes = Math.min(this.#ceilingBytes, halfOf(left));
        return await this.#deliverInHalves(left);
      }
      const isOverwhelmed = attempt >= OVERWHELMED_ATTEMPTS_COUNT && fates.every(isTooMuch);
      if (isOverwhelmed && left.length > 1) return await this.#deliverInHalves(left);
      const retried = left.filter((document, at) => !this.#settle(document, fates[at]));
      const fault = fates.find((fate) => fate.kind === "fault");
      if (fault && (faultyTriesCount += 1) >= FAULTY_TRIES_COUNT) throw fault.error;
      if (retried.length < left.length) attempt = 0;
      if (retried.length > 0) {
        outage.failed(this, retryReason(fates), retried.length);
        await sleep(backoffDelayMs(attempt, BACKOFF), ended);
      } else {
        outage.recovered(this);
        if (left === documents) this.#grow();
      }
      left = retried;
    }
  }

  /** Tells the batch of a document what became of it. False when it has to be sent again. */
  #settle({ ticket, mutation }: PendingDocument, fate: Fate | undefined): boolean {
    const { count } = this.#options;
    if (fate?.kind === "written") {
      if (fate.isNew) count.made();
      ticket.written(mutation);
    } else if (fate?.kind === "already_applied") {
      count.found();
      ticket.alreadyApplied(mutation);
    } else if (fate?.kind === "refused") ticket.rejected(mutation, fate.code, fate.reason);
    else return false;
    return true;
  }

  /** A request that is too large is split, down to one document, which is then refused. */
  async #deliverInHalves(documents: readonly PendingDocument[]): Promise<void> {
    const [first] = documents;
    if (documents.length === 1 && first) {
      const reason = "The document is larger than OpenSearch takes (http.max_content_length)";
      first.ticket.rejected(first.mutation, "DOCUMENT_TOO_LARGE", reason);
      this.#options.outage.recovered(this);
      return;
    }
    this.#maxBytes = Math.min(this.#maxBytes, halfOf(documents));
    const middle = Math.ceil(documents.length / 2);
    await this.#deliver(documents.slice(0, middle));
    await this.#deliver(documents.slice(middle));
  }

  /** Slowly: what was too much a moment ago may be too much again. */
  #grow(): void {
    this.#maxBytes = Math.min(this.#ceilingBytes, this.#maxBytes + BULK_GROWTH_BYTES);
  }

  async #send(documents: readonly PendingDocument[]): Promise<readonly Fate[]> {
    const { client, ended, alias, observer } = this.#options;
    ended.throwIfAborted();
    const body = Buffer.from(documents.map(({ lines }) => lines).join(""));
    const startedMs = performance.now();
    const fates = await client.bulk(alias, body, ended).then(
      (answer) => readBulkAnswer(answer, documents.length),
      (error: unknown) => retryAll(error, documents.length),
    );
    const seconds = (performance.now() - startedMs) / 1_000;
    // The body and the lines that it was made of.
    releaseMemory(body.length * 2);
    observer.wrote?.({ documentsCount: documents.length, bytes: body.length, seconds });
    ended.throwIfAborted();
    return await this.#unlessFatal(fates);
  }

  /** A node that has just started knows of no index yet, and says so: that alone ends nothing. */
  async #unlessFatal(fates: readonly Fate[]): Promise<readonly Fate[]> {
    let told: KonnError | undefined;
    for (const fate of fates) {
      if (fate.kind !== "fatal") continue;
      if (fate.error.code !== "INDEX_GONE") throw fate.error;
      told = fate.error;
    }
    if (told === undefined) return fates;
    const { lossOf, ended } = this.#options;
    const loss = await lossOf(told);
    ended.throwIfAborted();
    if (loss !== undefined) throw loss;
    const { message: reason } = told;
    return fates.map((fate) => (fate.kind === "fatal" ? { kind: "retry", reason } : fate));
  }
}

/** The size, in bytes, that bulks are to have when this one was too much. */
function halfOf(documents: readonly PendingDocument[]): number {
  const bytes = documents.reduce((sum, document) => sum + document.bytes, 0);
  return Math.max(MIN_BULK_BYTES, bytes >> 1);
}

/** Without an answer nothing is known, and with external versions it is safe to send again. */
function retryAll(error: unknown, count: number): readonly Fate[] {
  if (!(error instanceof NoAnswerError)) throw error;
  return Array.from({ length: count }, () => ({ kind: "retry", reason: error.message }));
}

/** The server has no room for so much at once: a circuit breaker, indexing pressure, a queue. */
function isTooMuch(fate: Fate): boolean {
  return fate.kind === "retry" && fate.status === TOO_MANY_REQUESTS;
}

function retryReason(fates: readonly Fate[]): string {
  for (const fate of fates) {
    if (fate.kind === "retry") return fate.reason;
    if (fate.kind === "fault") return fate.error.message;
  }
  return "the answer is not whole";
}
