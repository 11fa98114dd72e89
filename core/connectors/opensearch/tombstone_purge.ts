import { sleep } from "../../base/backoff.ts";
import { KonnError, messageOf } from "../../base/errors.ts";
import type { Observer } from "../../observe/observer.ts";
import { errorTypeOf, type OpenSearchAnswer, type OpenSearchClient, recordOf } from "./client.ts";

/** What one round removes at most. Whatever is left waits for the next one. */
const PAGE_DOCUMENTS_COUNT = 1_000;
const MAX_PAGES_PER_ROUND_COUNT = 10;

export interface TombstonePurgeOptions {
  readonly client: OpenSearchClient;
  readonly observer: Observer;
  readonly indexName: string;
  /** The alias to write by. */
  readonly alias: string;
  /** How long a tombstone is kept, in milliseconds. */
  readonly keepMs: number;
  readonly intervalMs: number;
  /** Tombstones of this time and later ones stay, whatever their age: milliseconds since 1970. */
  readonly safeBeforeMs: () => number;
  /** What is known of a key does not hold any more. */
  readonly forget: (key: string) => void;
  /** Looks after the index once a round. Throws when the run has to end. */
  readonly check: () => Promise<void>;
  readonly onFailure: (error: unknown) => void;
  readonly ended: AbortSignal;
}

interface Tombstone {
  readonly key: string;
  /** Its last write, by which OpenSearch knows whether there was another one since. */
  readonly seqNo: number;
  readonly primaryTerm: number;
}

/**
 * Removes the tombstones that are older than late writers can be. Each is deleted on condition that
 * it is still the document that was found, which raises its version by one; a delete that names the
 * version itself would do the same, and make the index again if somebody had just deleted it.
 */
export class TombstonePurge {
  readonly #options: TombstonePurgeOptions;
  #isFailing = false;

  constructor(options: TombstonePurgeOptions) {
    this.#options = options;
  }

  /** A round at once, and then one after each interval until the sink ends. */
  async start(): Promise<void> {
    await this.#round();
    void this.#goOn();
  }

  async #goOn(): Promise<void> {
    const { intervalMs, ended, check, onFailure } = this.#options;
    for (;;) {
      await sleep(intervalMs, ended);
      if (ended.aborted) return;
      try {
        await check();
      } catch (error) {
        const mayPass = ended.aborted || (error instanceof KonnError && error.mayPass);
        if (!mayPass) return onFailure(error);
      }
      await this.#round();
    }
  }

  /** What goes wrong here is told of once. It ends no run: the next round tries again. */
  async #round(): Promise<void> {
    const { observer, ended } = this.#options;
    try {
      await this.#purge();
      this.#isFailing = false;
    } catch (error) {
      if (ended.aborted || this.#isFailing) return;
      this.#isFailing = true;
      observer.log.warn("Cannot remove old tombstones, trying again later", {
        reason: messageOf(error),
      });
    }
  }

  async #purge(): Promise<void> {
    const { indexName, observer } = this.#options;
    let removedCount = 0;
    for (let page = 0; page < MAX_PAGES_PER_ROUND_COUNT; page += 1) {
      const tombstones = await this.#find();
      if (tombstones.length > 0) removedCount += await this.#delete(tombstones);
      if (tombstones.length < PAGE_DOCUMENTS_COUNT) break;
      await this.#ask("POST", `/${indexName}/_refresh`);
    }
    if (removedCount > 0) observer.log.debug("Removed old tombstones", { count: removedCount });
  }

  /** The oldest ones. The index is asked and not the alias, which hides them. */
  async #find(): Promise<readonly Tombstone[]> {
    const { indexName, keepMs, safeBeforeMs } = this.#options;
    const beforeMs = Math.min(Date.now() - keepMs, safeBeforeMs());
    const isOld = { range: { deleted_at: { lt: beforeMs, format: "epoch_millis" } } };
    const body = await this.#ask("POST", `/${indexName}/_search`, {
      size: PAGE_DOCUMENTS_COUNT,
      track_total_hits: false,
      _source: false,
      seq_no_primary_term: true,
      sort: [{ deleted_at: "asc" }],
      query: { bool: { filter: [{ term: { deleted: true } }, isOld] } },
    });
    const { hits } = recordOf(recordOf(body)["hits"]);
    return Array.isArray(hits) ? hits.map(tombstoneOf) : [];
  }

  async #delete(tombstones: readonly Tombstone[]): Promise<number> {
    const { client, alias, forget, ended } = this.#options;
    for (const { key } of tombstones) forget(key);
    const lines = tombstones.map(
      ({ key, seqNo, primaryTerm }) =>
        `${JSON.stringify({ delete: { _id: key, if_seq_no: seqNo, if_primary_term: primaryTerm } })}\n`,
    );
    const body = required(await client.bulk(alias, Buffer.from(lines.join("")), ended));
    const { items } = recordOf(body);
    const answers: readonly unknown[] = Array.isArray(items) ? items : [];
    const statuses = answers.map((item) => Number(recordOf(recordOf(item)["delete"])["status"]));
    // 409: it was written again. 404: somebody else was quicker.
    const odd = statuses.find((status) => status !== 200 && status !== 409 && status !== 404);
    if (odd !== undefined) throw new Error(`OpenSearch answers ${odd}`);
    return statuses.filter((status) => status === 200).length;
  }

  async #ask(method: "GET" | "POST", path: string, body?: object): Promise<unknown> {
    const { client, ended } = this.#options;
    return required(await client.request({ method, path, ...(body && { body }) }, ended));
  }
}

function required({ status, body }: OpenSearchAnswer): unknown {
  if (status === 200) return body;
  throw new Error(`OpenSearch answers ${status} ${errorTypeOf(body)}`);
}

function tombstoneOf(hit: unknown): Tombstone {
  const { _id: key, _seq_no: seqNo, _primary_term: primaryTerm } = recordOf(hit);
  return { key: String(key), seqNo: Number(seqNo), primaryTerm: Number(primaryTerm) };
}
