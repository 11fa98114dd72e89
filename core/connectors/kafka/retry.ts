import { backoffDelayMs, type BackoffOptions, sleep } from "../../base/backoff.ts";
import { isTransient, type LinkLostError, type ProtocolError } from "./protocol_error.ts";

const RETRY_DELAYS = { firstDelayMs: 100, maxDelayMs: 1_000 } as const;

export interface RetryOptions {
  readonly signal: AbortSignal;
  /** No new attempt after this time. */
  readonly limitMs: number;
  /** Other delays than the usual ones, where the error says that it will pass soon. */
  readonly delaysAfter?: (reason: LinkLostError | ProtocolError) => BackoffOptions | undefined;
  /** Called before each attempt but the first. */
  readonly onRetry?: () => void;
  /** What is thrown when the time is over. */
  readonly giveUp: (reason: LinkLostError | ProtocolError) => Error;
}

/**
 * Does something at a broker until it succeeds, as long as what goes wrong may pass by itself.
 * Other errors are thrown as they come.
 */
export async function retryTransient<T>(
  work: () => Promise<T>,
  { signal, limitMs, delaysAfter, onRetry, giveUp }: RetryOptions,
): Promise<T> {
  const deadlineMs = Date.now() + limitMs;
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (thrown) {
      if (!isTransient(thrown)) throw thrown;
      const delayMs = backoffDelayMs(attempt, delaysAfter?.(thrown) ?? RETRY_DELAYS);
      if (signal.aborted || Date.now() + delayMs >= deadlineMs) throw giveUp(thrown);
      await sleep(delayMs, signal);
      onRetry?.();
    }
  }
}
