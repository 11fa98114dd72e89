import { sleep } from "../base/backoff.ts";
import type { Batch } from "../connector/mod.ts";
import { countMessages } from "../connector/packed_messages.ts";

/** Slows a run down. Called before each batch; returns when the batch may go, or on `stop`. */
export interface Pacer {
  /** Batches of more messages than this would make the pace uneven. */
  readonly maxBatchCount: number;
  wait(batch: Batch, stop: AbortSignal): Promise<void>;
}

/** How often a second a paced run may wake up. */
const STEPS_PER_SECOND_COUNT = 20;

/** At most so many events a second, evenly spread. */
export function paceByRate(eventsPerSecond: number, now = () => performance.now()): Pacer {
  let nextAtMs: number | undefined;
  return {
    maxBatchCount: Math.max(1, Math.floor(eventsPerSecond / STEPS_PER_SECOND_COUNT)),
    async wait(batch, stop) {
      const atMs = Math.max(nextAtMs ?? now(), now() - 1_000 / STEPS_PER_SECOND_COUNT);
      nextAtMs = atMs + (countMessages(batch) * 1_000) / eventsPerSecond;
      await sleep(Math.max(0, atMs - now()), stop);
    },
  };
}

/**
 * As fast as the events happened, times `factor`. An event without a time of its own, or one that
 * is older than its predecessor, goes at once.
 *
 * @param eventTimeMs the time at which an event happened, in milliseconds since 1970
 */
export function paceByEventTime(
  factor: number,
  eventTimeMs: (batch: Batch) => number | undefined,
  now = () => performance.now(),
): Pacer {
  let start: { eventMs: number; clockMs: number } | undefined;
  return {
    maxBatchCount: 1,
    async wait(batch, stop) {
      const eventMs = eventTimeMs(batch);
      if (eventMs === undefined) return;
      start ??= { eventMs, clockMs: now() };
      const dueMs = start.clockMs + (eventMs - start.eventMs) / factor;
      await sleep(Math.max(0, dueMs - now()), stop);
    },
  };
}
