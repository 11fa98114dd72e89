/** Smaller ones are collected soon enough by themselves. */
const GIANT_BYTES = 4 * 1024 * 1024;
const COLLECT_AFTER_BYTES = 32 * 1024 * 1024;

/** What this process has let go of since the last collection. */
let releasedBytes = 0;

/**
 * To be called when a buffer of this size is of no more use. The collector of JavaScriptCore
 * counts objects more than it counts their bytes: with records of 16 MiB it lets hundreds of them
 * pile up. A collection takes a few milliseconds, which is little beside what such a buffer costs.
 */
export function releaseBuffer(sizeBytes: number): void {
  if (sizeBytes < GIANT_BYTES) return;
  releasedBytes += sizeBytes;
  if (releasedBytes < COLLECT_AFTER_BYTES) return;
  releasedBytes = 0;
  Bun.gc(true);
}
