/** The limits of a retry loop's waiting. */
export interface BackoffOptions {
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** For tests: a number in [0, 1). */
  readonly random?: () => number;
}

/**
 * How long to wait before retry number `attempt` (0 is the first): full jitter, a random time
 * between nothing and the exponential ceiling, which spreads competing clients best
 * (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 */
export function backoffDelayMs(attempt: number, options: BackoffOptions): number {
  const ceilingMs = Math.min(options.maxDelayMs, options.firstDelayMs * 2 ** Math.min(attempt, 30));
  return Math.floor((options.random ?? Math.random)() * ceilingMs);
}

/** A timer takes a signed number of 32 bits, 24.8 days: one that is set further fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Waits for any time, and returns early and without an error when the signal aborts. */
export async function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  let leftMs = delayMs;
  while (leftMs > MAX_TIMER_MS) {
    await sleepOnce(MAX_TIMER_MS, signal);
    if (signal?.aborted) return;
    leftMs -= MAX_TIMER_MS;
  }
  await sleepOnce(leftMs, signal);
}

function sleepOnce(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(finish, delayMs);
    function finish(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", finish);
      resolve();
    }
    signal?.addEventListener("abort", finish, { once: true });
  });
}
