import { describe, expect, test } from "bun:test";
import { verifyWhenReady } from "../../core/check/verify_when_ready.ts";
import type { VerifyOptions } from "../../core/check/verify_index.ts";
import { KonnError } from "../../core/base/errors.ts";
import { SILENT_LOGGER } from "../../core/observe/observer.ts";
import { MemorySource } from "../fakes/memory_source.ts";
import { serviceKey, truncation, upsert } from "./events.ts";
import { MemoryIndex } from "./memory_index.ts";

const NEVER = new AbortController().signal;

/** Fails so often to open the index before it is there. */
function preparing(failures: number, error: KonnError) {
  const state = { attempts: 0, indexes: [] as MemoryIndex[] };
  const prepare = (): Promise<VerifyOptions> => {
    state.attempts += 1;
    const index = new MemoryIndex();
    if (state.attempts <= failures) index.open = () => Promise.reject(error);
    state.indexes.push(index);
    const lanes = { "t/0": [upsert(0n, serviceKey("a"), "one")] };
    return Promise.resolve({
      createSource: () => Promise.resolve(new MemorySource({ lanes })),
      inspector: index,
      onTruncate: "halt",
      skipTypes: [],
      repair: false,
      stop: NEVER,
    });
  };
  return { state, prepare };
}

const ABSENT = new KonnError("Cannot look into x", { code: "INDEX_NOT_FOUND", mayPass: true });
const FOREIGN = new KonnError("Cannot look into x", { code: "INDEX_NOT_OURS" });

describe("verifyWhenReady() does", () => {
  test("try again until the index is there, each time with a fresh inspector", async () => {
    const { state, prepare } = preparing(2, ABSENT);
    const report = await verifyWhenReady(prepare, {
      waitMs: 10_000,
      log: SILENT_LOGGER,
      stop: NEVER,
    });
    expect(report?.missing).toBe(1);
    expect(state.indexes.map(({ disposedCount }) => disposedCount)).toEqual([1, 1, 1]);
  });

  test("give up at once without a time to wait", async () => {
    const { state, prepare } = preparing(1, ABSENT);
    const work = verifyWhenReady(prepare, { waitMs: 0, log: SILENT_LOGGER, stop: NEVER });
    expect(work).rejects.toBe(ABSENT);
    await work.catch(() => undefined);
    expect(state.attempts).toBe(1);
  });

  test("give up at once where time mends nothing", async () => {
    const { state, prepare } = preparing(1, FOREIGN);
    const work = verifyWhenReady(prepare, { waitMs: 10_000, log: SILENT_LOGGER, stop: NEVER });
    expect(work).rejects.toBe(FOREIGN);
    await work.catch(() => undefined);
    expect(state.attempts).toBe(1);
  });

  test("not begin again once something was read", async () => {
    const { state, prepare } = preparing(0, ABSENT);
    const broken = async (): Promise<VerifyOptions> => {
      const options = await prepare();
      const documents = () => {
        throw ABSENT;
      };
      return { ...options, inspector: Object.assign(options.inspector, { documents }) };
    };
    const work = verifyWhenReady(broken, { waitMs: 10_000, log: SILENT_LOGGER, stop: NEVER });
    expect(work).rejects.toBe(ABSENT);
    await work.catch(() => undefined);
    expect(state.attempts).toBe(1);
  });

  test("return nothing when it is stopped while it waits", async () => {
    const { prepare } = preparing(1_000, ABSENT);
    const stop = AbortSignal.timeout(50);
    const report = await verifyWhenReady(prepare, { waitMs: 10_000, log: SILENT_LOGGER, stop });
    expect(report).toBeUndefined();
  });

  test("pass on an error that is none of waiting", async () => {
    const { prepare } = preparing(0, ABSENT);
    const truncated = async (): Promise<VerifyOptions> => ({
      ...(await prepare()),
      createSource: () => Promise.resolve(new MemorySource({ lanes: { "t/0": [truncation(0n)] } })),
    });
    const work = verifyWhenReady(truncated, { waitMs: 10_000, log: SILENT_LOGGER, stop: NEVER });
    expect(work).rejects.toMatchObject({ code: "TABLE_TRUNCATED" });
  });
});
