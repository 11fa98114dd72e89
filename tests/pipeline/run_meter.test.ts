import { expect, test } from "bun:test";
import type { Message } from "../../core/connector/mod.ts";
import { createRunObserver, SILENT_LOGGER } from "../../core/observe/observer.ts";
import type { RunLag, RunMeter } from "../../core/observe/run_meter.ts";
import { run } from "../../core/pipeline/mod.ts";
import { MemorySink } from "../fakes/memory_sink.ts";
import { message, MemorySource } from "../fakes/memory_source.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";

/** Remembers what it was told. */
class RecordingMeter implements RunMeter {
  readonly lags: RunLag[] = [];
  readonly refusedCodes: string[] = [];
  readCount = 0;
  writtenCount = 0;
  savedCount = 0;
  isFollowing: boolean | undefined;

  began({ isFollowing }: { readonly isFollowing: boolean }) {
    this.isFollowing = isFollowing;
  }
  read(count: number) {
    this.readCount += count;
  }
  settled({ written }: { readonly written: number }) {
    this.writtenCount += written;
  }
  refused(code: string) {
    this.refusedCodes.push(code);
  }
  retried() {}
  wrote() {}
  lag(lag: RunLag) {
    this.lags.push(lag);
  }
  checkpointed() {
    this.savedCount += 1;
  }
  reach() {}
}

function at(sequence: bigint, timestampMs: number): Message {
  return { ...message(sequence, `k${sequence}`, "v"), timestampMs };
}

test("run() tells its meter what it does, and how old the oldest event is that waits", async () => {
  using folder = new TemporaryFolder();
  const meter = new RecordingMeter();
  const a = [at(0n, 1_000), at(1n, 2_000), at(2n, 3_000), at(3n, 4_000)];
  const lagsWhileWriting: (RunLag | undefined)[] = [];
  const { promise: bothAreUnderWay, resolve } = Promise.withResolvers<void>();
  await run({
    source: new MemorySource({ lanes: { a } }),
    sink: new MemorySink({
      refuse: ["k3"],
      beforeWrite: async ({ messages: [first] }) => {
        // The second batch settles before the first one.
        if (first?.sequence === 0n) await bothAreUnderWay;
        lagsWhileWriting.push(meter.lags.at(-1));
        if (first?.sequence === 2n) setTimeout(resolve, 20);
      },
    }),
    stateDir: folder.path,
    resumable: true,
    stop: new AbortController().signal,
    observer: createRunObserver(SILENT_LOGGER, meter),
  });
  expect(meter).toMatchObject({ isFollowing: false, readCount: 4, writtenCount: 3 });
  expect(meter.refusedCodes).toEqual(["REFUSED"]);
  expect(meter.savedCount).toBeGreaterThan(0);
  expect(meter.lags[0]?.sequences).toBe(4n);
  expect(lagsWhileWriting.map((lag) => lag?.oldestMs)).toEqual([1_000, 1_000]);
  expect(meter.lags.at(-1)).toEqual({ sequences: 0n, oldestMs: undefined });
});
