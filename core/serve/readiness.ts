import { formatSeconds } from "../base/format.ts";
import type { RunLag, RunPart } from "../observe/run_meter.ts";

/** A source that is followed is asked for its ends every two seconds. */
const ENDS_SILENCE_LIMIT_MS = 15_000;

export interface ReadinessOptions {
  /** How long an event may wait, in milliseconds. */
  readonly maxLagMs: number;
  /** In milliseconds since 1970. */
  readonly now?: () => number;
}

/** Decides whether a run is where it should be: both ends answer, and nothing waits for long. */
export class Readiness {
  readonly #maxLagMs: number;
  readonly #now: () => number;
  readonly #problems = new Map<RunPart, string>();
  #isFollowing: boolean | undefined;
  #oldestMs: number | undefined;
  #endsHeardMs = 0;

  constructor({ maxLagMs, now = Date.now }: ReadinessOptions) {
    this.#maxLagMs = maxLagMs;
    this.#now = now;
  }

  began({ isFollowing }: { readonly isFollowing: boolean }): void {
    this.#isFollowing = isFollowing;
    this.#endsHeardMs = this.#now();
    this.#problems.clear();
  }

  lag({ oldestMs }: RunLag): void {
    this.#oldestMs = oldestMs;
  }

  reach(part: RunPart, problem: string | undefined): void {
    if (part === "source" && problem === undefined) this.#endsHeardMs = this.#now();
    if (problem === undefined) this.#problems.delete(part);
    else this.#problems.set(part, problem);
  }

  /** Whether an end of the run answers; undefined before it has begun. */
  isReachable(end: "source" | "sink"): boolean | undefined {
    if (this.#isFollowing === undefined) return undefined;
    return !this.#problems.has(end) && !(end === "source" && this.#silentMs() !== undefined);
  }

  /** Why the run is not ready, for a person; nothing when it is. */
  reasons(): readonly string[] {
    if (this.#isFollowing === undefined)
      return ["the run has not begun: its ends are not open yet"];
    const reasons = [...this.#problems].map(([part, problem]) => `${PART_TEXTS[part]}: ${problem}`);
    const silentMs = this.#silentMs();
    if (silentMs !== undefined && !this.#problems.has("source")) {
      reasons.push(`the source has not said where it ends for ${formatSeconds(silentMs / 1_000)}`);
    }
    const waitsMs = this.#oldestMs === undefined ? 0 : this.#now() - this.#oldestMs;
    if (waitsMs > this.#maxLagMs) {
      const limit = formatSeconds(this.#maxLagMs / 1_000);
      reasons.push(
        `the oldest event that is not delivered is ${formatSeconds(waitsMs / 1_000)} old, more than ${limit}`,
      );
    }
    return reasons;
  }

  /** For how long a followed source has said nothing, where that is too long. */
  #silentMs(): number | undefined {
    const silentMs = this.#now() - this.#endsHeardMs;
    return this.#isFollowing && silentMs > ENDS_SILENCE_LIMIT_MS ? silentMs : undefined;
  }
}

const PART_TEXTS: Readonly<Record<RunPart, string>> = {
  source: "the source does not answer",
  sink: "the sink does not answer",
  writing: "the sink takes nothing",
};
