import { backoffDelayMs, sleep } from "../../base/backoff.ts";
import { messageOf } from "../../base/errors.ts";
import type { Observer } from "../../observe/observer.ts";
import { isTransient } from "./protocol_error.ts";
import { NO_LEADER, type Topics } from "./topics.ts";

const RETRY_DELAYS = { firstDelayMs: 50, maxDelayMs: 2_000 } as const;

/** How long a partition may be out of reach before the run ends. */
export const OUTAGE_LIMIT_MS = 120_000;

/** Something that is done to one partition at its leader, again and again. */
export interface Routed {
  readonly topic: string;
  readonly partition: number;
  /** The node to turn to, or -1. */
  leader: number;
  /** Since its last success nothing has worked; no request until the leader is known anew. */
  isAstray: boolean;
}

export interface LeaderRouterOptions<T extends Routed> {
  readonly topics: Topics;
  readonly observer: Observer;
  readonly outageLimitMs: number;
  /** Leaders are known again. */
  readonly onRouted: () => void;
  /** A partition was out of reach for too long, or is not what it was: the run is over. */
  readonly onError: (error: unknown) => void;
  /** The error that ends the run when a partition was out of reach for too long. */
  readonly outageError: (part: T, reason: unknown) => Error;
}

interface Outage {
  readonly sinceMs: number;
  reason: unknown;
  attempts: number;
}

/**
 * Finds the leaders of partitions again after they moved or went away: refreshes the metadata, with
 * backoff, one refresh at a time. Says once that something is out of reach, and once that it is
 * back.
 */
export class LeaderRouter<T extends Routed> {
  readonly #options: LeaderRouterOptions<T>;
  readonly #outages = new Map<T, Outage>();
  readonly #closing = new AbortController();
  #isRefreshing = false;

  constructor(options: LeaderRouterOptions<T>) {
    this.#options = options;
  }

  /** The leader did not do what was asked; its partition waits until the leader is known anew. */
  failed(part: T, reason: unknown): void {
    const { log } = this.#options.observer;
    part.isAstray = true;
    const outage = this.#outages.get(part);
    if (outage === undefined) {
      if (this.#outages.size === 0) {
        log.warn(`Lost the leader of ${part.topic}/${part.partition}, looking for it`, {
          reason: messageOf(reason),
        });
      }
      this.#outages.set(part, { sinceMs: Date.now(), reason, attempts: 0 });
    } else {
      outage.reason = reason;
      outage.attempts++;
    }
    void this.#refresh();
  }

  /** The leader did what was asked. */
  succeeded(part: T): void {
    if (!this.#outages.delete(part) || this.#outages.size > 0) return;
    this.#options.observer.log.info("All partitions have a leader again");
  }

  close(): void {
    this.#closing.abort();
  }

  async #refresh(): Promise<void> {
    if (this.#isRefreshing) return;
    this.#isRefreshing = true;
    try {
      while (!this.#closing.signal.aborted && this.#strays().length > 0) await this.#refreshOnce();
    } catch (thrown) {
      if (!this.#closing.signal.aborted) this.#options.onError(thrown);
    } finally {
      this.#isRefreshing = false;
    }
  }

  async #refreshOnce(): Promise<void> {
    this.#refuseLongOutages();
    const attempts = Math.max(...this.#strays().map(([, outage]) => outage.attempts));
    await sleep(backoffDelayMs(attempts, RETRY_DELAYS), this.#closing.signal);
    if (this.#closing.signal.aborted) return;
    const failure = await this.#tryRefresh();
    let isAnyRouted = false;
    for (const [part, outage] of this.#strays()) {
      const { topic, partition } = part;
      const leader =
        failure === undefined ? this.#options.topics.leaderOf(topic, partition) : NO_LEADER;
      if (leader === NO_LEADER) {
        outage.reason = failure ?? this.#options.topics.whyNoLeader(topic);
        outage.attempts++;
        continue;
      }
      part.leader = leader;
      part.isAstray = false;
      isAnyRouted = true;
    }
    if (isAnyRouted) this.#options.onRouted();
  }

  /** Gives back what may pass, and throws what will not. */
  async #tryRefresh(): Promise<Error | undefined> {
    try {
      await this.#options.topics.refresh();
      return undefined;
    } catch (thrown) {
      if (!isTransient(thrown)) throw thrown;
      return thrown;
    }
  }

  #refuseLongOutages(): void {
    const nowMs = Date.now();
    for (const [part, { sinceMs, reason }] of this.#outages) {
      if (nowMs - sinceMs >= this.#options.outageLimitMs) {
        throw this.#options.outageError(part, reason);
      }
    }
  }

  #strays(): [T, Outage][] {
    return [...this.#outages].filter(([part]) => part.isAstray);
  }
}
