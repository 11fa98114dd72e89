import { sleep } from "../base/backoff.ts";
import { KonnError } from "../base/errors.ts";
import type { RunObserver } from "../observe/observer.ts";
import { run, type RunOptions } from "./run.ts";
import { addSummaries, type RunSummary } from "./run_tally.ts";

const RETRY_INTERVAL_MS = 500;
/** Transactions that may be lost one after the other before anything is committed again. */
const MAX_LOSSES_IN_A_ROW_COUNT = 3;

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
      const summary = await runOn({ ...options, onProgress }, prepare);
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
 * Runs, and begins again from the last commit where a transaction was lost: its partitions had no
 * leader for longer than its time limit, or this process slept.
 */
async function runOn(options: RunOptions, prepare: Prepare): Promise<RunSummary> {
  let earlier: RunSummary | undefined;
  let current = options;
  for (let lossesInARowCount = 0; ;) {
    let failed: RunSummary | undefined;
    const onFailure = (summary: RunSummary): void => {
      failed = earlier ? addSummaries(earlier, summary) : summary;
    };
    try {
      const summary = await run({ ...current, onFailure });
      return earlier ? addSummaries(earlier, summary) : summary;
    } catch (error) {
      if (failed === undefined) throw error;
      lossesInARowCount = failed.events > (earlier?.events ?? 0) ? 1 : lossesInARowCount + 1;
      const isOver =
        !(error instanceof KonnError && error.isTransactionLost) ||
        lossesInARowCount > MAX_LOSSES_IN_A_ROW_COUNT ||
        options.ignorePositions === true ||
        options.stop.aborted;
      if (isOver) {
        options.onFailure?.(failed);
        throw error;
      }
      options.observer.log.warn(`Going on from the last commit: ${error.message}`);
      earlier = failed;
      const { maxEventsCount } = options;
      current = {
        ...(await prepare({ isFirst: false })),
        transactionLostBy: error,
        maxEventsCount: maxEventsCount && maxEventsCount - failed.events,
      };
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
    const next = await runOn(
      {
        ...(await prepare({ isFirst: false })),
        ...(maxEventsCount !== Infinity && { maxEventsCount: maxEventsCount - sum.events }),
        onFailure: (failed) => onFailure?.(addSummaries(before, failed)),
      },
      prepare,
    );
    sum = addSummaries(sum, next);
  }
  return sum;
}

type Prepare = (part: { readonly isFirst: boolean }) => Promise<RunOptions>;
