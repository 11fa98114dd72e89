import { describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { KonnError } from "../../core/base/errors.ts";
import { readRunStatus } from "../../core/check/run_status.ts";
import { openRunState } from "../../core/checkpoint/mod.ts";
import type { Lane, Message, Source } from "../../core/connector/mod.ts";
import { message, MemorySource } from "../fakes/memory_source.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";

const NEVER = new AbortController().signal;
const ADDRESS = "memory:source";

/** A state folder with a checkpoint of one run, which has delivered so much of each lane. */
function stateOf(lanes: Record<Lane, number>, sink = "opensearch://h:1/a"): TemporaryFolder {
  const folder = new TemporaryFolder();
  saveRun(folder, lanes, sink);
  return folder;
}

function saveRun(folder: TemporaryFolder, lanes: Record<Lane, number>, sink: string): void {
  using state = openRunState(folder.path, { source: ADDRESS, sink });
  state.save({
    source: { address: ADDRESS, identity: { id: "a" } },
    sink: { address: sink, identity: {}, state: undefined },
    lanes: new Map(
      Object.entries(lanes).map(([lane, next]) => [
        lane,
        { position: String(next), nextSequence: BigInt(next) },
      ]),
    ),
  });
}

function at(sequence: bigint, secondsAgo: number): Message {
  return { ...message(sequence, "k", "v"), timestampMs: Date.now() - secondsAgo * 1_000 };
}

async function statusOf(folder: TemporaryFolder, source: Source) {
  const openSource = () => Promise.resolve(source);
  const [status] = await readRunStatus(folder.path, { openSource, stop: NEVER });
  return status;
}

describe("readRunStatus()", () => {
  test("tells the lag of all lanes, and the age of the oldest event that is not delivered", async () => {
    using folder = stateOf({ a: 1, b: 1, c: 2 });
    const lanes = {
      a: [at(0n, 900), at(1n, 10), at(2n, 5)],
      b: [at(0n, 800), at(1n, 600)],
      c: [at(0n, 5_000), at(1n, 5_000)],
    };
    const status = await statusOf(folder, new MemorySource({ lanes }));
    expect(status).toMatchObject({ lag: 3, problem: null, problem_code: null, can_go_on: true });
    expect(status?.lag_seconds).toBeWithin(600, 603);
    expect(status?.lanes.map(({ lane, lag }) => [lane, lag])).toEqual([
      ["a", 2],
      ["b", 1],
      ["c", 0],
    ]);
  });

  test("tells no age where events have none", async () => {
    using folder = stateOf({ a: 0 });
    const source = new MemorySource({ lanes: { a: [message(0n, "k", "v")] } });
    expect(await statusOf(folder, source)).toMatchObject({ lag: 1, lag_seconds: null });
  });

  test("says that a run cannot go on whose source has become shorter", async () => {
    using folder = stateOf({ a: 9 });
    const source = new MemorySource({ lanes: { a: [at(0n, 1)] } });
    expect(await statusOf(folder, source)).toMatchObject({
      problem_code: "SOURCE_SHORTENED",
      problem: "a ends at 1, and was delivered up to 9 already",
      can_go_on: false,
    });
  });

  test("says what the sink would refuse the next run with, and that it may pass", async () => {
    using folder = stateOf({ a: 0 });
    const askedBy = async (error: Error, { isSilent = false } = {}) => {
      const checkSink = async (_: unknown, stop: AbortSignal): Promise<void> => {
        if (isSilent) await new Promise((resolve) => stop.addEventListener("abort", resolve));
        throw error;
      };
      const openSource = async () => new MemorySource({ lanes: {}, identity: { id: "a" } });
      return (await readRunStatus(folder.path, { openSource, checkSink, stop: NEVER }))[0];
    };
    const gone = new KonnError("its index is gone", { code: "INDEX_GONE" });
    expect(await askedBy(gone)).toMatchObject({
      problem: null,
      sink_problem: "its index is gone",
      sink_problem_code: "INDEX_GONE",
      can_go_on: false,
    });
    const away = new KonnError("nobody answers", { code: "OPENSEARCH_UNREACHABLE", mayPass: true });
    expect(await askedBy(away)).toMatchObject({
      sink_problem_code: "OPENSEARCH_UNREACHABLE",
      can_go_on: true,
    });
    const silent = await askedBy(new Error("aborted"), { isSilent: true });
    expect(silent).toMatchObject({ sink_problem_code: "SINK_SILENT", can_go_on: true });
  }, 20_000);

  test("says that a run cannot go on whose source is another", async () => {
    using folder = stateOf({ a: 0 });
    const source = new MemorySource({ lanes: {}, identity: { id: "b" } });
    expect(await statusOf(folder, source)).toMatchObject({
      problem_code: "SOURCE_CHANGED",
      problem: "the source is not what it was: id was a and is b",
      can_go_on: false,
    });
  });

  test("does not wait for a source that does not say where it ends", async () => {
    using folder = stateOf({ a: 0 });
    const source = new MemorySource({ lanes: {} });
    const closed = Promise.withResolvers<never>();
    source.ends = () => closed.promise;
    source[Symbol.asyncDispose] = () => {
      closed.reject(new Error("closed"));
      return Promise.resolve();
    };
    const startedMs = performance.now();
    expect(await statusOf(folder, source)).toMatchObject({
      lag: null,
      problem_code: "SOURCE_SILENT",
      problem: "the source gave no answer within 5 s",
      can_go_on: true,
    });
    expect(performance.now() - startedMs).toBeLessThan(7_000);
  }, 20_000);

  test("shows dead letters of a run that has left no checkpoint", async () => {
    using folder = new TemporaryFolder();
    mkdirSync(folder.file("dead-letters"));
    writeFileSync(folder.file("dead-letters/stdin--a.jsonl"), "{}\n{}\n");
    const openSource = () => Promise.resolve(undefined);
    expect(await readRunStatus(folder.path, { openSource, stop: NEVER })).toMatchObject([
      { name: "stdin--a", source: "", saved_at: null, dead_letters: 2, can_go_on: true },
    ]);
    rmSync(folder.file("dead-letters/stdin--a.jsonl"));
    mkdirSync(folder.file("dead-letters/stdin--a.jsonl"));
    expect(readRunStatus(folder.path, { openSource, stop: NEVER })).rejects.toMatchObject({
      code: "DEAD_LETTERS_UNREADABLE",
    });
  });

  test("asks a few sources at a time, however many runs there were", async () => {
    using folder = new TemporaryFolder();
    for (let run = 0; run < 20; run += 1) saveRun(folder, { a: 0 }, `opensearch://h:1/${run}`);
    let [openCount, mostCount] = [0, 0];
    const openSource = async () => {
      const source = new MemorySource({ lanes: {} });
      openCount += 1;
      mostCount = Math.max(mostCount, openCount);
      source[Symbol.asyncDispose] = () => {
        openCount -= 1;
        return Promise.resolve();
      };
      await Bun.sleep(5);
      return source;
    };
    const runs = await readRunStatus(folder.path, { openSource, stop: NEVER });
    expect(runs).toHaveLength(20);
    expect(mostCount).toBeLessThanOrEqual(8);
    expect(openCount).toBe(0);
  });
});
