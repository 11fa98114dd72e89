import { describe, expect, test } from "bun:test";
import { cpSync, readdirSync, statSync } from "node:fs";
import { KonnError } from "../../core/base/errors.ts";
import { listCheckpoints } from "../../core/checkpoint/mod.ts";
import { countDeadLetters, readDeadLetters } from "../../core/dead_letter/dead_letter_file.ts";
import { createRunObserver, SILENT_LOGGER } from "../../core/observe/observer.ts";
import { run, type RunOptions } from "../../core/pipeline/mod.ts";
import { MemorySink } from "../fakes/memory_sink.ts";
import { message, MemorySource } from "../fakes/memory_source.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";

const FIVE = [0n, 1n, 2n, 3n, 4n].map((sequence) => message(sequence, `k${sequence}`, "v"));

function start(folder: TemporaryFolder, options: Partial<RunOptions>) {
  return run({
    source: new MemorySource({ lanes: { a: FIVE } }),
    sink: new MemorySink(),
    stateDir: folder.path,
    resumable: true,
    stop: new AbortController().signal,
    observer: createRunObserver(SILENT_LOGGER),
    ...options,
  });
}

function savedLanes(folder: TemporaryFolder) {
  const checkpoint = listCheckpoints(folder.path)[0]?.checkpoint;
  if (!checkpoint || checkpoint instanceof KonnError) throw new Error("no checkpoint");
  return Object.fromEntries([...checkpoint.lanes].map(([lane, at]) => [lane, at.position]));
}

function lettersIn(folder: TemporaryFolder) {
  const [file = ""] = readdirSync(folder.file("dead-letters"));
  const path = folder.file(`dead-letters/${file}`);
  const letters = readDeadLetters(path);
  expect(countDeadLetters(path)).toBe(letters.length);
  return letters;
}

async function errorOf(promise: Promise<unknown>): Promise<KonnError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof KonnError) return error;
  throw new Error(`expected a KonnError, got ${String(error)}`);
}

describe("run()", () => {
  test("delivers every message in order and checkpoints the end", async () => {
    using folder = new TemporaryFolder();
    const sink = new MemorySink();
    const summary = await start(folder, { sink });
    expect(sink.written).toEqual(["k0=v", "k1=v", "k2=v", "k3=v", "k4=v"]);
    expect(summary).toMatchObject({ events: 5, written: 5, deadLetters: 0, complete: true });
    expect(savedLanes(folder)).toEqual({ a: "5" });
  });

  test("resumes behind what was delivered", async () => {
    using folder = new TemporaryFolder();
    await start(folder, { maxEventsCount: 3 });
    const sink = new MemorySink();
    const summary = await start(folder, { sink });
    expect(sink.written).toEqual(["k3=v", "k4=v"]);
    expect(summary.resumed).toBe(true);
    expect(sink.opened[0]?.resume).toMatchObject({ identity: { place: "memory" } });
  });

  test("tells the sink what the checkpoint on disk holds", async () => {
    using folder = new TemporaryFolder();
    const sink = new MemorySink();
    const told: unknown[] = [];
    sink.checkpointed = (lanes) => {
      told.push([String(lanes.get("a") ?? 0n), savedLanes(folder)["a"] ?? "0"]);
    };
    await start(folder, { sink });
    expect(told.at(-1)).toEqual(["5", "5"]);
    expect(told.every((pair) => Array.isArray(pair) && pair[0] === pair[1])).toBe(true);

    const unsaved = new MemorySink();
    await start(folder, { sink: unsaved, resumable: false });
    expect(unsaved.checkpoints).toEqual([]);
  });

  test("commits to the source only what the checkpoint on disk holds", async () => {
    using folder = new TemporaryFolder();
    const source = new MemorySource({ lanes: { a: FIVE } });
    const commit = source.commit.bind(source);
    const onDisk: boolean[] = [];
    source.commit = (durable) => {
      onDisk.push(durable.get("a") === savedLanes(folder)["a"]);
      return commit(durable);
    };
    await start(folder, { source });
    expect(onDisk.length).toBeGreaterThan(0);
    expect(onDisk).not.toContain(false);
  });

  test("never checkpoints past a batch that is not settled", async () => {
    using folder = new TemporaryFolder();
    const first = Promise.withResolvers<void>();
    const sink = new MemorySink({
      beforeWrite: async ({ position }) => {
        if (position === "2") await first.promise;
        if (position === "5") {
          await Bun.sleep(20);
          first.reject(new KonnError("Cannot write: broken", { code: "BROKEN" }));
        }
      },
    });
    expect((await errorOf(start(folder, { sink }))).code).toBe("BROKEN");
    expect(savedLanes(folder)).toEqual({});
  });

  test("saves what was settled before an error", async () => {
    using folder = new TemporaryFolder();
    const sink = new MemorySink({
      beforeWrite: async ({ position }) => {
        if (position !== "4") return;
        await Bun.sleep(5);
        throw new KonnError("Cannot write: broken", { code: "BROKEN" });
      },
    });
    expect((await errorOf(start(folder, { sink }))).code).toBe("BROKEN");
    expect(savedLanes(folder)).toEqual({ a: "2" });
  });

  test("puts refused messages into the dead letters and goes on", async () => {
    using folder = new TemporaryFolder();
    const sink = new MemorySink({ refuse: ["k1"] });
    const summary = await start(folder, { sink });
    expect(sink.written).toEqual(["k0=v", "k2=v", "k3=v", "k4=v"]);
    expect(summary).toMatchObject({ events: 5, written: 4, deadLetters: 1 });
    const [file = ""] = readdirSync(folder.file("dead-letters"));
    const path = folder.file(`dead-letters/${file}`);
    expect(readDeadLetters(path)).toMatchObject([{ lane: "a", sequence: 1n, code: "REFUSED" }]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("does not write a dead letter again that it meets behind an older checkpoint", async () => {
    using folder = new TemporaryFolder();
    await start(folder, { maxEventsCount: 1 });
    cpSync(folder.file("checkpoints"), folder.file("older"), { recursive: true });
    await start(folder, { sink: new MemorySink({ refuse: ["k1"] }) });
    cpSync(folder.file("older"), folder.file("checkpoints"), { recursive: true, force: true });
    await start(folder, { sink: new MemorySink({ refuse: ["k1", "k2"] }) });
    expect(lettersIn(folder).map(({ sequence }) => sequence)).toEqual([1n, 2n]);
  });

  test("writes every dead letter of a run from the beginning", async () => {
    using folder = new TemporaryFolder();
    for (const fromBeginning of [true, true]) {
      await start(folder, { fromBeginning, sink: new MemorySink({ refuse: ["k1"] }) });
    }
    expect(lettersIn(folder)).toHaveLength(2);
  });

  test("takes no sink state of what was written behind a failure", async () => {
    using folder = new TemporaryFolder();
    const allWritten = Promise.withResolvers<void>();
    let writesCount = 0;
    const sink = new MemorySink({
      refuse: ["k0"],
      // All three resolve together, as writes do that share one sync of a file.
      beforeWrite: () => {
        writesCount += 1;
        if (writesCount === 3) allWritten.resolve();
        return allWritten.promise;
      },
    });
    const write = sink.write.bind(sink);
    sink.write = async (batch, signal) => ({
      ...(await write(batch, signal)),
      state: batch.position,
    });
    await errorOf(start(folder, { sink, maxDeadLettersCount: 0 }));
    const checkpoint = listCheckpoints(folder.path)[0]?.checkpoint;
    if (!checkpoint || checkpoint instanceof KonnError) throw new Error("no checkpoint");
    expect([checkpoint.lanes.size, checkpoint.sink.state]).toEqual([0, "open"]);
  });

  test("fails when more is refused than maxDeadLettersCount", async () => {
    using folder = new TemporaryFolder();
    const sink = new MemorySink({ refuse: ["k1", "k2"] });
    const error = await errorOf(start(folder, { sink, maxDeadLettersCount: 1 }));
    expect(error).toMatchObject({ code: "TOO_MANY_DEAD_LETTERS", kind: "failed" });
  });

  test("delivers and saves what was read before the source failed", async () => {
    using folder = new TemporaryFolder();
    const source = new MemorySource({ lanes: { a: FIVE } });
    const read = source.read.bind(source);
    source.read = async function* broken(options) {
      yield* read({ ...options, maxEventsCount: 4 });
      throw new KonnError("Cannot read: broken", { code: "BROKEN" });
    };
    const sink = new MemorySink({ beforeWrite: () => Bun.sleep(10) });
    expect((await errorOf(start(folder, { source, sink }))).code).toBe("BROKEN");
    expect(sink.written).toHaveLength(4);
    expect(savedLanes(folder)).toEqual({ a: "4" });
  });

  test("stops reading on stop, delivers what is in hand, and can go on", async () => {
    using folder = new TemporaryFolder();
    const stop = new AbortController();
    const sink = new MemorySink({
      beforeWrite: async ({ position }) => {
        if (position === "2") stop.abort();
        await Bun.sleep(5);
      },
    });
    const summary = await start(folder, { sink, stop: stop.signal });
    expect(summary.complete).toBe(false);
    const rest = new MemorySink();
    await start(folder, { sink: rest });
    expect([...sink.written, ...rest.written]).toEqual(["k0=v", "k1=v", "k2=v", "k3=v", "k4=v"]);
  });

  test("refuses another source and another sink than the checkpoint's", async () => {
    using folder = new TemporaryFolder();
    await start(folder, {});
    const source = new MemorySource({ lanes: { a: FIVE }, identity: { id: "b" } });
    const sourceError = await errorOf(start(folder, { source }));
    expect(sourceError.code).toBe("SOURCE_CHANGED");
    expect(sourceError.message).toContain("id was a and is b");
    const sink = new MemorySink({ identity: { place: "elsewhere" } });
    expect((await errorOf(start(folder, { sink }))).code).toBe("SINK_CHANGED");
  });

  test("prefers the positions that the sink keeps with its data", async () => {
    using folder = new TemporaryFolder();
    await start(folder, { maxEventsCount: 1 });
    const sink = new MemorySink({
      positions: new Map([["a", { position: "4", nextSequence: 4n }]]),
    });
    await start(folder, { sink });
    expect(sink.written).toEqual(["k4=v"]);
  });

  test("refuses a second run of the same source and sink while the first one lives", async () => {
    using folder = new TemporaryFolder();
    const stop = new AbortController();
    const source = new MemorySource({ lanes: { a: FIVE }, follow: true });
    const opened = Promise.withResolvers<void>();
    const first = start(folder, { source, stop: stop.signal, onProgress: () => opened.resolve() });
    await opened.promise;
    // The lock is the kernel's and belongs to a process, so the second run is one.
    const child = Bun.spawnSync({
      cmd: [process.execPath, `${import.meta.dir}/../fakes/run_once.ts`, folder.path],
    });
    expect(child.exitCode).toBe(3);
    expect(child.stderr.toString()).toContain(`RUN_LOCKED Cannot start: process ${process.pid} on`);
    stop.abort();
    await first;
  });

  test("tells the sink once that it has caught up, also when it follows", async () => {
    using folder = new TemporaryFolder();
    const stop = new AbortController();
    const sink = new MemorySink();
    const caughtUp = sink.caughtUp.bind(sink);
    sink.caughtUp = () => {
      setTimeout(() => stop.abort(), 5);
      return caughtUp();
    };
    const source = new MemorySource({ lanes: { a: FIVE, empty: [] }, follow: true });
    await start(folder, { source, sink, stop: stop.signal });
    expect(sink.caughtUpCount).toBe(1);
  });

  test("does not tell the sink that it has caught up after a limit", async () => {
    using folder = new TemporaryFolder();
    const sink = new MemorySink();
    await start(folder, { sink, maxEventsCount: 3 });
    expect(sink.caughtUpCount).toBe(0);
  });

  test("takes an empty source as done", async () => {
    using folder = new TemporaryFolder();
    const summary = await start(folder, { source: new MemorySource({ lanes: { a: [] } }) });
    expect(summary).toMatchObject({ events: 0, complete: true });
  });

  test("closes both ends, also after an error", async () => {
    using folder = new TemporaryFolder();
    const source = new MemorySource({ lanes: { a: FIVE } });
    const sink = new MemorySink({
      beforeWrite: () => {
        throw new KonnError("Cannot write: broken", { code: "BROKEN" });
      },
    });
    await errorOf(start(folder, { source, sink }));
    expect([source.disposedCount, sink.disposedCount]).toEqual([1, 1]);
  });

  test("refuses a sink whose account does not add up", async () => {
    using folder = new TemporaryFolder();
    const sink = new MemorySink();
    sink.write = () => Promise.resolve({ written: 0, deleted: 0, skipped: {}, rejections: [] });
    expect((await errorOf(start(folder, { sink }))).code).toBe("COUNTS_DIFFER");
  });

  test("leaves no checkpoint and no lock for ends that cannot be resumed", async () => {
    using folder = new TemporaryFolder();
    await start(folder, { resumable: false });
    expect(readdirSync(folder.path)).toEqual([]);
  });
});
