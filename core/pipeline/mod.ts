export { paceByEventTime, paceByRate, type Pacer } from "./pacer.ts";
export { run, type RunOptions } from "./run.ts";
export { addSummaries, type RunSnapshot, type RunSummary } from "./run_tally.ts";
export { runWhenReady } from "./run_when_ready.ts";
export { type EventPlace, reread, type RereadOptions } from "./reread.ts";
export {
  refuseOtherLetter,
  retryDeadLetters,
  type RetryOptions,
  type RetryReport,
  type StillFailing,
} from "./retry_dead_letters.ts";
