import type { EntityDocument } from "../konnect/entity_document.ts";

/** Versions per event: the gap leaves room for a repair and a purge between two events. */
const VERSION_STEP = 16n;

/** What one message does to an index. Each stands for exactly one message of its batch. */
export interface Mutation {
  /** The event's key, and the id of the document. */
  readonly key: string;
  /** A document of this version or a higher one has seen this change already. */
  readonly version: bigint;
  /** `null`: the entity is gone, and a tombstone is to say so. */
  readonly document: EntityDocument | null;
  /** The document as JSON; `null` for a tombstone. */
  readonly text: string;
  /** Of the bytes that the document was made from, where those were seen apart: see `RowContent`. */
  readonly form?: bigint | undefined;
  readonly sequence: bigint;
  readonly line: number | undefined;
  readonly eventTimeMs: number | undefined;
}

/**
 * The version of the document that the message at this sequence makes. It grows with the sequence
 * alone, so that a message written twice, late, or by two writers has the same effect as once.
 */
export function versionOf(sequence: bigint): bigint {
  return VERSION_STEP * (sequence + 1n);
}
