import { sleep } from "../base/backoff.ts";
import { KonnError } from "../base/errors.ts";
import type { Logger } from "../observe/observer.ts";
import { verifyIndex, type VerifyOptions, type VerifyReport } from "./verify_index.ts";

const RETRY_INTERVAL_MS = 500;

/**
 * Compares as soon as both ends are there: while a service, the topic or the index is still to
 * come, tries again for up to `waitMs`. A comparison that has read anything is never begun again.
 * Returns undefined when it was stopped while it waited.
 *
 * @param prepare makes the options with a fresh inspector
 */
export async function verifyWhenReady(
  prepare: () => Promise<VerifyOptions>,
  { waitMs, log, stop }: { waitMs: number; log: Logger; stop: AbortSignal },
): Promise<VerifyReport | undefined> {
  const deadlineMs = performance.now() + waitMs;
  let announced = false;
  for (;;) {
    let begun = false;
    const options = await prepare();
    const onProgress: VerifyOptions["onProgress"] = (progress) => {
      begun = true;
      options.onProgress?.(progress);
    };
    try {
      return await verifyIndex({ ...options, onProgress });
    } catch (error) {
      if (!(error instanceof KonnError && error.mayPass) || begun) throw error;
      if (performance.now() + RETRY_INTERVAL_MS > deadlineMs) throw error;
      if (!announced) log.info(`Waiting: ${error.message}`);
      announced = true;
      await sleep(RETRY_INTERVAL_MS, stop);
      if (stop.aborted) return undefined;
    }
  }
}
