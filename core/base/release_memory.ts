/** A collection takes some 20 ms: every 32 MiB that is a few percent of the work done with them. */
const COLLECT_AFTER_BYTES = 32 * 1024 * 1024;

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
