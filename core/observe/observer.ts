import type { BulkRequest, RunPart, RunMeter } from "./run_meter.ts";

/** Values that go with a log line. Names are stable, values are short and hold no secret. */
export type LogFields = Readonly<Record<string, string | number | boolean | bigint>>;

/** Where everything that is not a result goes: stderr, pretty on a terminal, JSON elsewhere. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** What a connector reports beside its results. Called once a batch or a change of state. */
export interface Observer {
  readonly log: Logger;
  /** So many requests or items were sent once more. */
  retried(count: number): void;
  /** A request that wrote several messages at once has had its answer, or none. */
  wrote?(request: BulkRequest): void;
  /** A part of the run is out of reach, and why; undefined when it is not, any more. */
  reach?(part: RunPart, problem: string | undefined): void;
}

/** The observer of one run, shared by its source and its sink. */
export interface RunObserver extends Observer {
  readonly retriesCount: number;
  /** Hears everything that the run does, where somebody watches it. */
  readonly meter?: RunMeter | undefined;
}

/** Makes the observer of a run. */
export function createRunObserver(log: Logger, meter?: RunMeter): RunObserver {
  let retriesCount = 0;
  return {
    log,
    meter,
    retried: (count) => {
      retriesCount += count;
      meter?.retried(count);
    },
    wrote: (request) => meter?.wrote(request),
    reach: (part, problem) => meter?.reach(part, problem),
    get retriesCount() {
      return retriesCount;
    },
  };
}

/** Hears nothing. */
export const SILENT_LOGGER: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** Hears nothing and counts nothing. */
export const SILENT_OBSERVER: Observer = { log: SILENT_LOGGER, retried: ignore };

function ignore(): void {}
