/** A collection takes some 20 ms: every 32 MiB that is a few percent of the work done with them. */
const COLLECT_AFTER_BYTES = 32 * 1024 * 1024;

/** Smaller ones are counted with the batches that they belong to. */
const GIANT_BYTES = 4 * 1024 * 1024;

/** What work on a text takes beside it: two bytes a character, parsed and written again. */
const TEXT_COPIES_COUNT = 4;

/** What this process has let go of since the last collection. */
let releasedBytes = 0;

/**
 * To be called when so many bytes are of no more use. The collector of JavaScriptCore counts
 * objects more than it counts the bytes of their buffers: left alone, it lets hundreds of MiB of
 * dead buffers pile up, and a container with a limit would end the process.
 */
export function releaseMemory(sizeBytes: number): void {
  releasedBytes += sizeBytes;
  if (releasedBytes < COLLECT_AFTER_BYTES) return;
  releasedBytes = 0;
  Bun.gc(true);
}

/**
 * To be called when a buffer of this size is of no more use. One of a giant record doubles what its
 * batch takes, so it is counted on its own.
 */
export function releaseGiant(sizeBytes: number): void {
  if (sizeBytes >= GIANT_BYTES) releaseMemory(sizeBytes);
}

/**
 * To be called with the size of a text before memory is taken to work on it: what was taken for the
 * giant one before is garbage by then.
 */
export function releaseBeforeGiantText(sizeBytes: number): void {
  if (sizeBytes >= GIANT_BYTES) releaseMemory(sizeBytes * TEXT_COPIES_COUNT);
}
