import type { Identity, SinkResume } from "./mod.ts";

/** A document of an index as it is, for a comparison with what it should be. */
export interface InspectedDocument {
  readonly key: string;
  /** 2^53 for every version from there up. */
  readonly version: bigint;
  /** Whether readers of the index do not see it: a tombstone, or one that nobody marked as live. */
  readonly isDeleted: boolean;
  /** The members of the document, what the index keeps for itself left out. */
  readonly content: Readonly<Record<string, unknown>>;
}

/** A document to put right. `null` makes a tombstone. */
export interface Repair {
  readonly key: string;
  readonly version: bigint;
  readonly document: object | null;
}

/** What an index says of itself. */
export interface InspectedIndex {
  /** Of the stream that it was made from. */
  readonly source: Identity;
  /** Changes below this place in PostgreSQL's log are of rows that a truncate removed. */
  readonly truncatedAtLsn: number | undefined;
  /** What tells it from any other index, under the names that its sink uses. */
  readonly identity: Identity;
  /** Whether it may have taken the place of an index that this tells of: both of one name. */
  readonly mayReplace: (identity: Identity) => boolean;
}

/**
 * Looks into an index from outside, and puts single documents right.
 *
 * Call order: `open` once, then anything any number of times, dispose once or more. Errors are
 * final; nothing is retried.
 */
export interface IndexInspector extends AsyncDisposable {
  /** Connects. Throws when there is no index of konn's under the name. */
  open(signal: AbortSignal): Promise<InspectedIndex>;

  /**
   * Looks whether a run that remembers this of the index can go on with it. In the place of `open`.
   * Throws what such a run would be refused with.
   */
  check(resume: SinkResume, signal: AbortSignal): Promise<void>;

  /**
   * Every document, tombstones included, in pages and in no order. A page holds fewer documents the
   * larger they are.
   *
   * @param largestChars how large a document may be, as text
   */
  documents(signal: AbortSignal, largestChars: number): AsyncIterable<readonly InspectedDocument[]>;

  /** Throws `INDEX_REPLACED` when the name stands for another index than at `open` by now. */
  confirm(signal: AbortSignal): Promise<void>;

  /** Writes documents. Returns how many were taken: an index that has moved on refuses some. */
  repair(repairs: readonly Repair[], signal: AbortSignal): Promise<number>;
}
