import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, statSync } from "node:fs";
import { KonnError } from "../../core/base/errors.ts";
import { type Checkpoint, listCheckpoints } from "../../core/checkpoint/mod.ts";
import type { Message, Source } from "../../core/connector/mod.ts";
import { readDeadLetters } from "../../core/dead_letter/dead_letter_file.ts";
import { createRunObserver, SILENT_LOGGER } from "../../core/observe/observer.ts";
import { retryDeadLetters, type RetryOptions, run } from "../../core/pipeline/mod.ts";
import { MemorySink, type MemorySinkOptions } from "../fakes/memory_sink.ts";
import { message, MemorySource, type MemorySourceOptions } from "../fakes/memory_source.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";

const NEVER = new AbortController().signal;
const DAY_MS = 86_400_000;

/** Six events in two lanes. Those with x in their keys are refused at first. */
const LANES: Readonly<Record<string, readonly Message[]>> = {
  a: [
    message(0n, "k0", "v"),
    message(1n, "x1", "v"),
    message(2n, "k2", "v"),
    message(9n, "x9", "v"),
  ],
  b: [message(0n, "x0", "w"), message(1n, "k1", "w")],
};
const REFUSED = ["x1", "x9", "x0"];

/** A state folder with a checkpoint and three dead letters. */
async function refusedRun(options: Partial<MemorySourceOptions> = {}): Promise<TemporaryFolder> {
  const folder = new TemporaryFolder();
  await run({
    source: new MemorySource({ lanes: LANES, ...options }),
    sink: new MemorySink({ refuse: REFUSED }),
    stateDir: folder.path,
    resumable: true,
    stop: NEVER,
    observer: createRunObserver(SILENT_LOGGER),
  });
  return folder;
}

function checkpointIn(folder: TemporaryFolder): Checkpoint {
  const [listed] = listCheckpoints(folder.path);
  if (!listed || listed.checkpoint instanceof KonnError) throw new Error("no checkpoint");
  return listed.checkpoint;
}

function lettersPath(folder: TemporaryFolder): string {
  const [file = "none"] = readdirSync(folder.file("dead-letters"));
  return folder.file(`dead-letters/${file}`);
}

interface RetryParts extends Partial<Omit<RetryOptions, "openSink" | "openSource">> {
  readonly source?: Partial<MemorySourceOptions>;
  readonly makeSource?: () => Source;
  readonly sink?: MemorySinkOptions;
}

function retry(folder: TemporaryFolder, { source, sink, makeSource, ...rest }: RetryParts = {}) {
  const target = new MemorySink({ lateWritesMs: DAY_MS, ...sink });
  const report = retryDeadLetters({
    stateDir: folder.path,
    name: listCheckpoints(folder.path)[0]?.name ?? "",
    checkpoint: checkpointIn(folder),
    openSource: () =>
      Promise.resolve(makeSource?.() ?? new MemorySource({ lanes: LANES, ...source })),
    openSink: () => Promise.resolve(target),
    allowsLate: false,
    stop: NEVER,
    ...rest,
  });
  return { report, target };
}

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof KonnError ? error.code : String(error);
}

describe("retryDeadLetters()", () => {
  test("delivers what was refused and nothing else, and then there is no file", async () => {
    using folder = await refusedRun();
    const path = lettersPath(folder);
    const { report, target } = retry(folder);
    expect(await report).toMatchObject({ retried: 3, written: 3, failingCount: 0, leftCount: 0 });
    expect(target.written.toSorted()).toEqual(["x0=w", "x1=v", "x9=v"]);
    expect(existsSync(path)).toBeFalse();
    expect(readdirSync(folder.file("dead-letters"))).toEqual([]);
  });

  test("goes on in the sink as the next run would, and leaves the checkpoint where it is", async () => {
    using folder = await refusedRun();
    const before = checkpointIn(folder);
    const { report, target } = retry(folder);
    await report;
    expect(target.opened).toMatchObject([
      { fromBeginning: false, resume: { state: "shown", identity: { place: "memory" } } },
    ]);
    expect(checkpointIn(folder)).toEqual(before);
  });

  test("what is refused again stays, with the reason that holds now, in a file of its owner", async () => {
    using folder = await refusedRun();
    const path = lettersPath(folder);
    const before = readDeadLetters(path);
    const { report } = retry(folder, { sink: { refuse: ["x9"] } });
    const { failing, failingCount } = await report;
    expect(failingCount).toBe(1);
    expect(failing).toMatchObject([{ letter: { lane: "a", sequence: 9n, code: "REFUSED" } }]);
    expect(readDeadLetters(path)).toEqual(before.filter(({ sequence }) => sequence === 9n));
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("retries the letters of these numbers alone", async () => {
    using folder = await refusedRun();
    const letters = readDeadLetters(lettersPath(folder));
    const { report, target } = retry(folder, { numbers: new Set([2]) });
    expect(await report).toMatchObject({ retried: 1, written: 1 });
    expect(target.written).toHaveLength(1);
    expect(readDeadLetters(lettersPath(folder))).toEqual(letters.filter((_, at) => at !== 1));
  });

  test("reads a source without positions from its beginning", async () => {
    using folder = await refusedRun();
    const makeSource = () => {
      const source = new MemorySource({ lanes: LANES });
      return Object.assign(source, { positionAt: undefined });
    };
    const { report, target } = retry(folder, { makeSource });
    expect(await report).toMatchObject({ written: 3, failingCount: 0 });
    expect(target.written.toSorted()).toEqual(["x0=w", "x1=v", "x9=v"]);
  });

  test("a source that was made anew is refused, and nothing is lost", async () => {
    using folder = await refusedRun();
    const letters = readDeadLetters(lettersPath(folder));
    const { report, target } = retry(folder, { source: { identity: { id: "b" } } });
    expect(await codeOf(report)).toBe("SOURCE_CHANGED");
    expect(target.opened).toEqual([]);
    expect(readDeadLetters(lettersPath(folder))).toEqual(letters);
  });

  test("a source that has become shorter is refused, and nothing is lost", async () => {
    using folder = await refusedRun();
    const letters = readDeadLetters(lettersPath(folder));
    const lanes = { ...LANES, a: LANES["a"]?.slice(0, 2) ?? [] };
    const { report, target } = retry(folder, { source: { lanes } });
    expect(await codeOf(report)).toBe("SOURCE_SHORTENED");
    expect(target.written).toEqual([]);
    expect(readDeadLetters(lettersPath(folder))).toEqual(letters);
  });

  test("another index in the place of the sink is refused", async () => {
    using folder = await refusedRun();
    const { report, target } = retry(folder, { sink: { identity: { place: "elsewhere" } } });
    expect(await codeOf(report)).toBe("SINK_CHANGED");
    expect(target.written).toEqual([]);
  });

  test("an event that retention or compaction has removed stays, and the others are delivered", async () => {
    using folder = await refusedRun();
    const lanes = { ...LANES, b: LANES["b"]?.slice(1) ?? [] };
    const source = { lanes, starts: { a: 2n } };
    const { report, target } = retry(folder, { source });
    expect((await report).failing).toMatchObject([
      { letter: { lane: "a", sequence: 1n, code: "EVENT_GONE" } },
      { letter: { lane: "b", sequence: 0n, code: "EVENT_GONE" } },
    ]);
    expect(target.written).toEqual(["x9=v"]);
    // Why they were refused is still there to be read.
    expect(readDeadLetters(lettersPath(folder))).toMatchObject([
      { sequence: 1n, code: "REFUSED" },
      { sequence: 0n, code: "REFUSED" },
    ]);
  });

  test("a letter of an earlier stream of this name is never taken for an event of this one", async () => {
    using folder = await refusedRun();
    await run({
      source: new MemorySource({ lanes: { a: LANES["a"] ?? [] }, identity: { id: "b" } }),
      sink: new MemorySink({ refuse: REFUSED }),
      stateDir: folder.path,
      resumable: true,
      fromBeginning: true,
      stop: NEVER,
      observer: createRunObserver(SILENT_LOGGER),
    });
    const { report, target } = retry(folder, { source: { identity: { id: "b" } } });
    const { failing, written } = await report;
    expect(written).toBe(2);
    expect(target.written.toSorted()).toEqual(["x1=v", "x9=v"]);
    expect(failing.map(({ letter }) => letter.code)).toEqual(
      Array.from({ length: 3 }, () => "LETTER_OF_ANOTHER_STREAM"),
    );
    expect(readDeadLetters(lettersPath(folder))).toHaveLength(3);
  });

  test("an event that was refused twice is delivered once, and both letters go", async () => {
    using folder = await refusedRun();
    await run({
      source: new MemorySource({ lanes: LANES }),
      sink: new MemorySink({ refuse: REFUSED }),
      stateDir: folder.path,
      resumable: true,
      fromBeginning: true,
      stop: NEVER,
      observer: createRunObserver(SILENT_LOGGER),
    });
    const path = lettersPath(folder);
    expect(readDeadLetters(path)).toHaveLength(6);
    const { report, target } = retry(folder);
    await report;
    expect(target.written).toHaveLength(3);
    expect(existsSync(path)).toBeFalse();
  });

  test("a sink that keeps the order of writing takes no late event unless that is asked for", async () => {
    using folder = await refusedRun();
    const sink = { lateWritesMs: undefined };
    const refused = retry(folder, { sink });
    expect(await codeOf(refused.report)).toBe("RETRY_OUT_OF_ORDER");
    expect(refused.target.written).toEqual([]);
    const asked = retry(folder, { sink, allowsLate: true });
    expect(await asked.report).toMatchObject({ written: 3 });
  });

  test("a letter that is older than what the index remembers of deletes stays", async () => {
    using folder = await refusedRun();
    const now = () => new Date(Date.now() + DAY_MS + 60_000);
    const { report, target } = retry(folder, { now });
    const { failing } = await report;
    expect(failing).toHaveLength(3);
    expect(failing[0]?.letter).toMatchObject({ code: "LETTER_TOO_OLD" });
    expect(failing[0]?.letter.reason).toContain("konn verify --repair");
    expect(target.written).toEqual([]);
    expect(readDeadLetters(lettersPath(folder))).toHaveLength(3);
  });

  test("a failure in the middle keeps what was not delivered, and only that", async () => {
    using folder = await refusedRun();
    let writesCount = 0;
    const beforeWrite = () => {
      writesCount += 1;
      if (writesCount === 2) throw new KonnError("Cannot write", { code: "BROKEN" });
    };
    const { report, target } = retry(folder, { sink: { beforeWrite } });
    expect(await codeOf(report)).toBe("BROKEN");
    expect(target.written).toHaveLength(1);
    expect(readDeadLetters(lettersPath(folder))).toHaveLength(2);
    expect(await retry(folder).report).toMatchObject({ written: 2, failingCount: 0 });
  });

  test("while a run holds the lock nothing is retried", async () => {
    using folder = await refusedRun();
    const { promise: release, resolve } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const running = run({
      source: new MemorySource({ lanes: LANES }),
      sink: new MemorySink({
        beforeWrite: async () => {
          begin();
          await release;
        },
      }),
      stateDir: folder.path,
      resumable: true,
      fromBeginning: true,
      stop: NEVER,
      observer: createRunObserver(SILENT_LOGGER),
    });
    await begun;
    expect(await codeOf(retry(folder).report)).toBe("RUN_LOCKED");
    resolve();
    await running;
  });
});
