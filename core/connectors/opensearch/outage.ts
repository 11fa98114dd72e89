import type { Observer } from "../../observe/observer.ts";

/**
 * Says once that OpenSearch does not take what it is given, and once that it does again, however
 * many requests are affected at once.
 */
export class Outage {
  readonly #observer: Observer;
  readonly #url: string;
  readonly #affected = new Set<object>();
  #sinceMs = 0;

  constructor(url: string, observer: Observer) {
    this.#url = url;
    this.#observer = observer;
  }

  /** @param count of what is sent once more: documents, requests */
  failed(who: object, reason: string, count: number): void {
    this.#observer.retried(count);
    if (this.#affected.size === 0) {
      this.#sinceMs = performance.now();
      const message = `OpenSearch at ${this.#url} is not taking documents, trying again`;
      this.#observer.log.warn(message, { reason });
    }
    this.#observer.reach?.("writing", reason);
    this.#affected.add(who);
  }

  recovered(who: object): void {
    if (!this.#affected.delete(who) || this.#affected.size > 0) return;
    this.#observer.reach?.("writing", undefined);
    const seconds = Math.round((performance.now() - this.#sinceMs) / 100) / 10;
    this.#observer.log.info(`OpenSearch at ${this.#url} takes documents again`, { seconds });
  }
}
