import { releaseMemory } from "../../base/release_memory.ts";

/** Smaller ones are counted with the batches that they belong to. */
const GIANT_BYTES = 4 * 1024 * 1024;

/**
 * To be called when a buffer of this size is of no more use. One of a giant record doubles what its
 * batch takes, so it is counted on its own.
 */
export function releaseBuffer(sizeBytes: number): void {
  if (sizeBytes >= GIANT_BYTES) releaseMemory(sizeBytes);
}
