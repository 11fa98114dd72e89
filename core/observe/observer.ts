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
}

/** The observer of one run, shared by its source and its sink. */
export interface RunObserver extends Observer {
  readonly retriesCount: number;
}

/** Makes the observer of a run. */
export function createRunObserver(log: Logger): RunObserver {
  let retriesCount = 0;
  return {
    log,
    retried: (count) => (retriesCount += count),
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
