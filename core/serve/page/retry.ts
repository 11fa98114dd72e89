const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 10_000;

/** Does something again until it is told that it worked: later and later, and at once when the
 * browser says that the network is back. */
export class Retry {
  readonly #action: () => void;
  #delayMs = FIRST_DELAY_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(action: () => void) {
    this.#action = action;
    addEventListener("online", () => this.#now());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#now();
    });
  }

  /** It failed: tries again after a while. */
  later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#action();
    }, this.#delayMs);
    this.#delayMs = Math.min(this.#delayMs * 2, MAX_DELAY_MS);
  }

  /** It worked, or something else is tried. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#delayMs = FIRST_DELAY_MS;
  }

  #now(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#action();
  }
}
