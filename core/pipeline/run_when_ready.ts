import { sleep } from "../base/backoff.ts";
import { KonnError } from "../base/errors.ts";
import type { RunObserver } from "../observe/observer.ts";
import { run, type RunOptions } from "./run.ts";
import type { RunSummary } from "./run_tally.ts";

const RETRY_INTERVAL_MS = 500;

/**
 * Runs as soon as both ends are there: while a service is still starting, tries again for up to
 * `waitMs`. A run that has begun is never begun again. Returns undefined when it was stopped before
 * it had begun.
 *
 * @param prepare makes the options with a fresh source and a fresh sink
 */
export async function runWhenReady(
  prepare: () => Promise<RunOptions>,
  { waitMs, observer, stop }: { waitMs: number; observer: RunObserver; stop: AbortSignal },
): Promise<RunSummary | undefined> {
  const deadlineMs = performance.now() + waitMs;
  let announced = false;
  for (;;) {
    let begun = false;
    const options = await prepare();
    const onProgress: RunOptions["onProgress"] = (snapshot) => {
      begun = true;
      options.onProgress?.(snapshot);
    };
    try {
      return await run({ ...options, onProgress });
    } catch (error) {
      if (stop.aborted && !begun) return undefined;
      if (!(error instanceof KonnError && error.mayPass) || begun) throw error;
      if (performance.now() + RETRY_INTERVAL_MS > deadlineMs) throw error;
      if (!announced) observer.log.info(`Waiting: ${error.message}`);
      announced = true;
      await sleep(RETRY_INTERVAL_MS, stop);
      if (stop.aborted) return undefined;
    }
  }
}
