/**
 * What konn's exit code tells a script about an error (sysexits in four classes).
 *
 * - `failed`: the work ran and did not succeed, or found a difference (1)
 * - `usage`: the command line or the configuration is wrong (2)
 * - `unavailable`: a service or a file could not be reached or used (3)
 */
export type ErrorKind = "failed" | "usage" | "unavailable";

/** The exit code of each kind of error. */
export const EXIT_CODES: Readonly<Record<ErrorKind, number>> = {
  failed: 1,
  usage: 2,
  unavailable: 3,
};

/** What a {@link KonnError} carries beside its message. */
export interface KonnErrorOptions {
  /** A stable name in SCREAMING_SNAKE case, the key of the troubleshooting page. */
  code: string;
  kind?: ErrorKind;
  /** What to do about it, naming the command or the flag. */
  hint?: string;
  /** True when time alone may mend it: a service that is still starting. `--wait` tries again. */
  mayPass?: boolean;
  /**
   * True when a sink has let go of the open transaction. The run may begin again from its last
   * commit, unless somebody else has taken the stream over.
   */
  isTransactionLost?: boolean;
  cause?: unknown;
}

/**
 * The only error that konn shows to a person: "Cannot <verb> <thing>: <state>", a stable
 * `code`, the `cause` as it came, and a `hint` that names the remedy.
 *
 * No message may hold a secret or the content of a record: name the place, not the value.
 */
export class KonnError extends Error {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly hint: string | undefined;
  readonly mayPass: boolean;
  readonly isTransactionLost: boolean;

  constructor(message: string, options: KonnErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "KonnError";
    this.code = options.code;
    this.kind = options.kind ?? "unavailable";
    this.hint = options.hint;
    this.mayPass = options.mayPass ?? false;
    this.isTransactionLost = options.isTransactionLost ?? false;
  }
}

/** The text of anything that was thrown, for use inside another message. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
