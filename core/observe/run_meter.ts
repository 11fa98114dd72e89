/** One request by which a sink wrote several messages at once. */
export interface BulkRequest {
  readonly documentsCount: number;
  readonly bytes: number;
  /** Until its answer, or until it was given up. */
  readonly seconds: number;
}

/** What is not delivered yet. */
export interface RunLag {
  /** Offsets or bytes up to the last known ends, over all lanes. Undefined where no end is known. */
  readonly sequences: bigint | undefined;
  /** The record time of the oldest event that waits, in milliseconds since 1970. */
  readonly oldestMs: number | undefined;
}

/** What may be out of reach: an end that does not answer, or one that answers and takes nothing. */
export type RunPart = "source" | "sink" | "writing";

/** Hears what a run does while it does it, once a batch, for whoever watches it from outside. */
export interface RunMeter {
  /** Both ends are open and events begin to move. `isFollowing` says that it has no end. */
  began(facts: { readonly isFollowing: boolean }): void;
  /** Events that came from the source. */
  read(count: number): void;
  /** Events that are delivered or were passed over, by reason. */
  settled(counts: {
    readonly written: number;
    readonly deleted: number;
    readonly skipped: Readonly<Record<string, number>>;
  }): void;
  /** An event that became a dead letter. */
  refused(code: string): void;
  /** Requests or items that were sent once more. */
  retried(count: number): void;
  wrote(request: BulkRequest): void;
  lag(lag: RunLag): void;
  /** What was delivered is on disk. */
  checkpointed(): void;
  /** Something is out of reach, and why; undefined when it is not. */
  reach(part: RunPart, problem: string | undefined): void;
}
