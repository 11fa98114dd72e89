import { KonnError, messageOf } from "../base/errors.ts";

/** `fail` says that a run would fail, `warn` that it would work and should not stay so. */
export type FindingLevel = "ok" | "warn" | "fail";

/** What one look at something has shown. */
export interface Finding {
  /** What was looked at, in a word or two: "topic". */
  readonly check: string;
  readonly level: FindingLevel;
  /** For a person. */
  readonly detail: string;
  /** What to do about it, naming the command. None where all is well. */
  readonly remedy?: string | undefined;
}

/**
 * Looks at one end of a run from outside and changes nothing there. Yields what it finds as it finds
 * it, and ends where nothing more can be asked. It may throw, which counts as a failure.
 */
export type Diagnosis = (signal: AbortSignal) => AsyncIterable<Finding>;

export function passed(check: string, detail: string): Finding {
  return { check, level: "ok", detail };
}

export function warned(check: string, detail: string, remedy: string): Finding {
  return { check, level: "warn", detail, remedy };
}

export function failed(check: string, detail: string, remedy: string): Finding {
  return { check, level: "fail", detail, remedy };
}

/** The error that a run would end with. */
export function failedBy(check: string, error: unknown): Finding {
  if (error instanceof KonnError) {
    return { check, level: "fail", detail: error.message, remedy: error.hint };
  }
  return failed(check, messageOf(error), "This is a defect of konn, please report it.");
}
