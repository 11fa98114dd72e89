import { messageOf } from "../base/errors.ts";
import type { RunOptions } from "./run.ts";
import type { RunTally } from "./run_tally.ts";

type WatchedRun = Pick<RunOptions, "source" | "sink" | "observer" | "onProgress" | "stop">;

const ENDS_INTERVAL_MS = 2_000;
/** A ping ends before the next one begins. */
const PING_INTERVAL_MS = 5_000;
const PING_TIMEOUT_MS = 4_000;

/**
 * Looks after a run that follows its source until it is disposed of: asks the source for its ends,
 * from which the lag is counted, and the sink whether it is there, as long as somebody is told so.
 */
export function watchRun(run: WatchedRun, tally: RunTally): Disposable {
  let isAsking = false;
  const askEnds = async (): Promise<void> => {
    if (isAsking) return;
    isAsking = true;
    await moveEnds(run, tally);
    isAsking = false;
  };
  const timers = [setInterval(() => void askEnds(), ENDS_INTERVAL_MS)];
  // A sink that has nothing to write is not heard of otherwise.
  if (run.observer.meter) timers.push(setInterval(() => void pingSink(run), PING_INTERVAL_MS));
  return { [Symbol.dispose]: () => timers.forEach((timer) => clearInterval(timer)) };
}

async function moveEnds(run: WatchedRun, tally: RunTally): Promise<void> {
  const { source, observer, onProgress } = run;
  try {
    tally.moveEnds(await source.ends());
    observer.meter?.reach("source", undefined);
    onProgress?.(tally.snapshot());
  } catch (error) {
    observer.meter?.reach("source", messageOf(error));
    // The reading itself notices and reports what is wrong; here only the lag gets old.
    observer.log.debug("The source does not tell its ends now");
  }
}

async function pingSink({ sink, observer, stop }: WatchedRun): Promise<void> {
  try {
    const limit = AbortSignal.timeout(PING_TIMEOUT_MS);
    await sink.ping?.(AbortSignal.any([stop, limit]));
    observer.meter?.reach("sink", undefined);
  } catch (error) {
    if (!stop.aborted) observer.meter?.reach("sink", messageOf(error));
  }
}
