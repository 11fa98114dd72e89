import { formatCount, formatCounted, formatSeconds } from "../base/format.ts";
import type { Logger } from "./observer.ts";

/** What a progress line says. */
export interface Progress {
  readonly eventsCount: number;
  readonly seconds: number;
  /** Events (Kafka) or bytes (a file) behind and ahead of the run, where the end is known. */
  readonly settledSequences: bigint;
  readonly remainingSequences: bigint;
  readonly hasEnds: boolean;
  /** For a run that does not end: its lag is shown, in place of how much is left. */
  readonly lagUnit?: "events" | "bytes" | undefined;
}

/** Shows how far a run is. */
export interface ProgressDisplay extends Disposable {
  update(progress: Progress): void;
  /** Takes the line off the terminal while `write` prints something else there. */
  around(write: () => void): void;
}

const TERMINAL_INTERVAL_MS = 100;
/** What is over sooner shows none: a line that flashes tells nobody anything. */
const QUIET_START_MS = 300;
const LOG_INTERVAL_MS = 10_000;

/** One line on a terminal, written anew up to ten times a second, once a run takes a moment. */
export function terminalProgress(write: (text: string) => void, now = Date.now): ProgressDisplay {
  let shownAtMs = now() + QUIET_START_MS - TERMINAL_INTERVAL_MS;
  let shown = "";
  const clear = () => {
    if (shown !== "") write("\r\u001B[K");
  };
  return {
    update(progress) {
      if (now() - shownAtMs < TERMINAL_INTERVAL_MS) return;
      shownAtMs = now();
      shown = formatProgress(progress);
      write(`\r${shown}\u001B[K`);
    },
    around(print) {
      clear();
      print();
      if (shown !== "") write(shown);
    },
    [Symbol.dispose]() {
      clear();
      shown = "";
    },
  };
}

/** A log line every ten seconds, where nobody watches. Silent while nothing moves. */
export function loggedProgress(log: Logger, now = Date.now): ProgressDisplay {
  let loggedAtMs = now();
  let loggedCount = 0;
  return {
    update(progress) {
      if (now() - loggedAtMs < LOG_INTERVAL_MS || progress.eventsCount === loggedCount) return;
      loggedAtMs = now();
      loggedCount = progress.eventsCount;
      log.info(formatProgress(progress));
    },
    around: (print) => print(),
    [Symbol.dispose]() {},
  };
}

/** Shows nothing. */
export const NO_PROGRESS: ProgressDisplay = {
  update() {},
  around: (print) => print(),
  [Symbol.dispose]() {},
};

/** `12,345 events  1,234/s  45 %  2m 10s left`, or `... lag 12 events` for a run without an end. */
export function formatProgress(progress: Progress): string {
  const { eventsCount, seconds, settledSequences, remainingSequences, hasEnds } = progress;
  const perSecond = Math.round(eventsCount / Math.max(seconds, 0.001));
  const parts = [formatCounted(eventsCount, "event"), `${formatCount(perSecond)}/s`];
  if (hasEnds && progress.lagUnit !== undefined) {
    return [...parts, `lag ${formatCount(remainingSequences)} ${progress.lagUnit}`].join("  ");
  }
  const total = settledSequences + remainingSequences;
  if (hasEnds && settledSequences > 0n && remainingSequences > 0n) {
    parts.push(`${(settledSequences * 100n) / total} %`);
    const secondsPerSequence = seconds / Math.max(Number(settledSequences), 1);
    parts.push(`${formatSeconds(secondsPerSequence * Number(remainingSequences))} left`);
  }
  return parts.join("  ");
}
