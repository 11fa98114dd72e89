import type { Observer } from "../../observe/observer.ts";

/** Says once that OpenSearch does not take what it is given, and once that it does again. */
export class Outage {
  readonly #observer: Observer;
  readonly #url: string;
  #sinceMs: number | undefined;

  constructor(url: string, observer: Observer) {
    this.#url = url;
    this.#observer = observer;
  }

  failed(reason: string, documentsCount: number): void {
    this.#observer.retried(documentsCount);
    if (this.#sinceMs !== undefined) return;
    this.#sinceMs = performance.now();
    this.#observer.log.warn(`OpenSearch at ${this.#url} is not taking documents, trying again`, {
      reason,
    });
  }

  recovered(): void {
    if (this.#sinceMs === undefined) return;
    const seconds = Math.round((performance.now() - this.#sinceMs) / 100) / 10;
    this.#sinceMs = undefined;
    this.#observer.log.info(`OpenSearch at ${this.#url} takes documents again`, { seconds });
  }
}
