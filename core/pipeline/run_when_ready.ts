import { sleep } from "../base/backoff.ts";
import { KonnError } from "../base/errors.ts";
import type { RunObserver } from "../observe/observer.ts";
import { run, type RunOptions } from "./run.ts";
import { addSummaries, type RunSummary } from "./run_tally.ts";

const RETRY_INTERVAL_MS = 500;

/**
 * Runs as soon as both ends are there: while a service is still starting, tries again for up to
 * `waitMs`. A run that has begun is never begun again. Returns undefined when it was stopped before
 * it had begun.
 *
 * @param prepare makes the options with a fresh source and a fresh sink; `isFirst` says whether what
 *   only the first of several runs is to do concerns it
 */
export async function runWhenReady(
  prepare: Prepare,
  { waitMs, observer, stop }: { waitMs: number; observer: RunObserver; stop: AbortSignal },
): Promise<RunSummary | undefined> {
  const deadlineMs = performance.now() + waitMs;
  let announced = false;
  for (;;) {
    let begun = false;
    const options = await prepare({ isFirst: true });
    const onProgress: RunOptions["onProgress"] = (snapshot) => {
      begun = true;
      options.onProgress?.(snapshot);
    };
    try {
      const summary = await run({ ...options, onProgress });
      return options.follow
        ? await followOn(summary, options, prepare)
        : await readOn(summary, options, prepare);
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

/**
 * Until an index that was built anew took the place of the live one, another konn may have gone on
 * with the old one and told its user that all was there. So a bounded run reads on to the ends as
 * they are after the swap.
 */
async function readOn(
  summary: RunSummary,
  { resumable, maxEventsCount, stop, onFailure }: RunOptions,
  prepare: Prepare,
): Promise<RunSummary> {
  const isOver = !resumable || maxEventsCount !== undefined || stop.aborted;
  if (!summary.hasShown || isOver) return summary;
  const rest = await run({
    ...(await prepare({ isFirst: false })),
    onFailure: (failed) => onFailure?.(addSummaries(summary, failed)),
  });
  return addSummaries(summary, rest);
}

/**
 * A source that is followed ends by itself when its name is another stream's now: a log file that
 * was rotated. Then that one is read, from its own beginning.
 */
async function followOn(
  first: RunSummary,
  { maxEventsCount = Infinity, stop, observer, onFailure }: RunOptions,
  prepare: Prepare,
): Promise<RunSummary> {
  let sum = first;
  while (sum.sourceEnded && !stop.aborted && sum.events < maxEventsCount) {
    observer.log.info("The file was replaced: going on with the one that has its name now");
    const before = sum;
    const next = await run({
      ...(await prepare({ isFirst: false })),
      ...(maxEventsCount !== Infinity && { maxEventsCount: maxEventsCount - sum.events }),
      onFailure: (failed) => onFailure?.(addSummaries(before, failed)),
    });
    sum = addSummaries(sum, next);
  }
  return sum;
}

type Prepare = (part: { readonly isFirst: boolean }) => Promise<RunOptions>;
