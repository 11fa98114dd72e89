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

/** Hears nothing. */
export const SILENT_OBSERVER: Observer = {
  log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
  retried: ignore,
};

function ignore(): void {}
