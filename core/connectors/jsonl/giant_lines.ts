import { releaseMemory } from "../../base/release_memory.ts";

/** Smaller ones are counted with the batches that they belong to. */
const GIANT_BYTES = 4 * 1024 * 1024;

/** What a line takes beside itself: its text, of two bytes a character, parsed and written again. */
const COPIES_COUNT = 4;

/**
 * To be called with the size of a line before memory is taken to work on it: what was taken for the
 * giant line before is garbage by then.
 */
export function releaseBeforeGiant(sizeBytes: number): void {
  if (sizeBytes >= GIANT_BYTES) releaseMemory(sizeBytes * COPIES_COUNT);
}
