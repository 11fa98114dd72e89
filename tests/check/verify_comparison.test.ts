import { describe, expect, test } from "bun:test";
import { verifyIndex, type VerifyOptions } from "../../core/check/verify_index.ts";
import type { Lane, Message } from "../../core/connector/mod.ts";
import { MemorySource } from "../fakes/memory_source.ts";
import {
  deletion,
  notJson,
  serviceDocument,
  serviceKey,
  truncation,
  unavailable,
  upsert,
} from "./events.ts";
import { MemoryIndex } from "./memory_index.ts";

const [A, B] = [serviceKey("a"), serviceKey("b")];
const NEVER = new AbortController().signal;

/** Compares an index with lanes, which may grow while it runs. */
function verify(
  index: MemoryIndex,
  lanes: Record<Lane, Message[]>,
  { starts, ...options }: Partial<VerifyOptions> & { starts?: Record<Lane, bigint> } = {},
) {
  return verifyIndex({
    createSource: () =>
      Promise.resolve(
        new MemorySource({ lanes: structuredClone(lanes), ...(starts && { starts }) }),
      ),
    inspector: index,
    onTruncate: "halt",
    skipTypes: ["store_event"],
    repair: false,
    stop: NEVER,
    ...options,
  });
}

const NO_IDS = {
  missing: [],
  stale: [],
  extra: [],
  unrecoverable: [],
  unverifiable: [],
  refused: [],
  keys_in_two_lanes: [],
};

describe("verifyIndex() does find", () => {
  test("an index equal that says what the topic says", async () => {
    const index = new MemoryIndex({ [A]: { version: 32n, content: serviceDocument("a", "two") } });
    const report = await verify(index, { "t/0": [upsert(0n, A, "one"), upsert(1n, A, "two")] });
    expect(report).toMatchObject({ missing: 0, stale: 0, extra: 0, events: 2, documents: 1 });
    expect(report.ids).toEqual(NO_IDS);
    expect(index.disposedCount).toBe(1);
  });

  test("an empty index equal to an empty topic", async () => {
    const report = await verify(new MemoryIndex(), { "t/0": [] });
    expect(report).toMatchObject({ missing: 0, stale: 0, extra: 0, events: 0, documents: 0 });
  });

  test("documents equal whatever the order of their members", async () => {
    const content = { name: "one", control_plane: "cp", id: "a", type: "service" };
    const index = new MemoryIndex({ [A]: { version: 16n, content } });
    expect(await verify(index, { "t/0": [upsert(0n, A, "one")] })).toMatchObject({ stale: 0 });
  });

  test("an older document equal when the events since then changed nothing", async () => {
    const index = new MemoryIndex({ [A]: { version: 16n, content: serviceDocument("a", "one") } });
    const lanes = { "t/0": [upsert(0n, A, "one"), upsert(9n, A, "one")] };
    expect(await verify(index, lanes)).toMatchObject({ missing: 0, stale: 0, extra: 0 });
  });

  test("a row missing that the index does not hold or has buried", async () => {
    const index = new MemoryIndex({ [B]: { version: 99n, content: null } });
    const report = await verify(index, { "t/0": [upsert(0n, A, "one"), upsert(1n, B, "two")] });
    expect(report).toMatchObject({ missing: 2, stale: 0, extra: 0 });
    expect(report.ids).toEqual({ ...NO_IDS, missing: [A, B] });
  });

  test("a document stale that says something else, whatever its version", async () => {
    const index = new MemoryIndex({
      [A]: { version: 16n, content: serviceDocument("a", "one") },
      [B]: { version: 99_999n, content: serviceDocument("b", "by hand") },
    });
    const report = await verify(index, {
      "t/0": [upsert(0n, A, "one"), upsert(1n, A, "two"), upsert(2n, B, "three")],
    });
    expect(report.ids).toEqual({ ...NO_IDS, stale: [A, B] });
  });

  test("a document extra of a row that is deleted or was never there", async () => {
    const index = new MemoryIndex({
      [A]: { version: 16n, content: serviceDocument("a", "one") },
      [B]: { version: 16n, content: serviceDocument("b", "by hand") },
    });
    const report = await verify(index, { "t/0": [upsert(0n, A, "one"), deletion(1n, A)] });
    expect(report).toMatchObject({ missing: 0, stale: 0, extra: 2 });
    expect(report.ids).toEqual({ ...NO_IDS, extra: [A, B] });
  });

  test("a deleted row equal to its tombstone, and to none where it was purged", async () => {
    const index = new MemoryIndex({ [A]: { version: 32n, content: null } });
    const lanes = { "t/0": [deletion(1n, A), deletion(2n, B)] };
    expect((await verify(index, lanes)).ids).toEqual(NO_IDS);
  });

  test("a document extra whose type the index leaves out", async () => {
    const key = "c/cp/o/store_event/a";
    const lanes = { "t/0": [upsert(0n, key, "one")] };
    expect((await verify(new MemoryIndex(), lanes)).ids).toEqual(NO_IDS);
    const index = new MemoryIndex({ [key]: { version: 16n, content: {} } });
    expect((await verify(index, lanes)).ids).toEqual({ ...NO_IDS, extra: [key] });
  });

  test("more differences than it names, and names the first ones in order", async () => {
    const keys = Array.from({ length: 250 }, (_, at) => serviceKey(String(1_000 + at)));
    const lanes = { "t/0": keys.map((key, at) => upsert(BigInt(at), key, "one")) };
    const report = await verify(new MemoryIndex(), lanes);
    expect(report.missing).toBe(250);
    expect(report.ids.missing).toEqual(keys.slice(0, 100));
    const few = await verify(new MemoryIndex(), lanes, { namedKeysCount: 2 });
    expect(few.missing).toBe(250);
    expect(few.ids.missing).toEqual(keys.slice(0, 2));
  });
});

describe("verifyIndex() does list apart", () => {
  test("events that no document can be made of", async () => {
    const long = "k".repeat(600);
    const index = new MemoryIndex({ [A]: { version: 16n, content: serviceDocument("a", "one") } });
    const report = await verify(index, {
      "t/0": [upsert(0n, A, "one"), notJson(1n, A), upsert(2n, long, "two"), upsert(3n, "", "x")],
    });
    expect(report).toMatchObject({ missing: 0, stale: 0, extra: 0, refused: 3 });
    expect(report.ids).toEqual({ ...NO_IDS, refused: [A, `${"k".repeat(512)}…`, ""] });
  });

  test.each([
    ["a value that never came, with an update", [unavailable(0n, A)]],
    ["a value that never came, under a new key", [unavailable(0n, A, "c")]],
    ["a row made anew under a key that was gone", [deletion(0n, A), unavailable(1n, A, "c")]],
  ])("%s", async (_name, events) => {
    const held = [{}, { [A]: { version: 7n, content: { name: "whatever" } } }];
    for (const documents of held) {
      const report = await verify(new MemoryIndex(documents), { "t/0": events });
      expect(report).toMatchObject({ missing: 0, stale: 0, extra: 0, unrecoverable: 1 });
      expect(report.ids).toEqual({ ...NO_IDS, unrecoverable: [A] });
    }
  });

  test("documents of which the topic may have held the events that it has let go", async () => {
    const [early, late] = [serviceKey("early"), serviceKey("late")];
    const index = new MemoryIndex({
      [A]: { version: 336n, content: serviceDocument("a", "one") },
      // Offset 9 is gone, offset 10 would still be there.
      [early]: { version: 161n, content: serviceDocument("early", "expired") },
      [late]: { version: 176n, content: serviceDocument("late", "by hand") },
      [B]: { version: 32n, content: serviceDocument("b", "deleted since") },
    });
    const lanes = { "t/0": [upsert(20n, A, "one"), deletion(21n, B)], "t/1": [] };
    const report = await verify(index, lanes, { starts: { "t/0": 10n, "t/1": 3n } });
    expect(report).toMatchObject({ missing: 0, stale: 0, extra: 2, unverifiable: 1, expired: 13 });
    expect(report.ids).toEqual({ ...NO_IDS, extra: [B, late], unverifiable: [early] });
  });

  test("keys whose changes stand in two lanes, the higher version winning", async () => {
    const index = new MemoryIndex({ [A]: { version: 96n, content: serviceDocument("a", "late") } });
    const report = await verify(index, {
      "t/0": [upsert(5n, A, "late")],
      "t/1": [upsert(2n, A, "early"), upsert(3n, B, "one lane")],
    });
    expect(report).toMatchObject({ keys_in_two_lanes: 1, stale: 0, missing: 1 });
    expect(report.ids).toEqual({ ...NO_IDS, missing: [B], keys_in_two_lanes: [A] });
  });
});

describe("verifyIndex() does leave alone", () => {
  test("a value that was not sent: the row keeps the one that it has", async () => {
    const index = new MemoryIndex({ [A]: { version: 16n, content: serviceDocument("a", "one") } });
    const lanes = { "t/0": [upsert(0n, A, "one"), unavailable(1n, A)] };
    expect(await verify(index, lanes)).toMatchObject({ stale: 0, unrecoverable: 0 });
  });

  test("a value that was not sent of a row that is gone: an echo", async () => {
    const index = new MemoryIndex({ [A]: { version: 32n, content: null } });
    const lanes = { "t/0": [upsert(0n, A, "one"), deletion(1n, A), unavailable(2n, A)] };
    expect((await verify(index, lanes)).ids).toEqual(NO_IDS);
  });

  test("a row whose value came later after all", async () => {
    const lanes = { "t/0": [unavailable(0n, A, "c"), upsert(1n, A, "one")] };
    expect((await verify(new MemoryIndex(), lanes)).ids).toEqual({ ...NO_IDS, missing: [A] });
  });

  test("rows that a running sync has written meanwhile", async () => {
    const lanes = { "t/0": [upsert(0n, A, "one"), upsert(1n, B, "one")], "t/1": [] as Message[] };
    const later = serviceKey("later");
    const index = new MemoryIndex({ [B]: { version: 32n, content: serviceDocument("b", "one") } });
    index.beforeDocuments = () => {
      lanes["t/0"].push(upsert(2n, A, "two"), deletion(3n, B));
      lanes["t/1"].push(upsert(0n, later, "new"));
      index.write(A, { version: 48n, content: serviceDocument("a", "two") });
      index.write(B, { version: 64n, content: null });
      index.write(later, { version: 16n, content: serviceDocument("later", "new") });
    };
    const report = await verify(index, lanes);
    expect(report).toMatchObject({
      missing: 0,
      stale: 0,
      extra: 0,
      events: 2,
      documents: 2,
      tombstones: 1,
    });
  });

  test.each([
    ["a heartbeat", (at: bigint) => upsert(at, A, "one")],
    ["an update without its value", (at: bigint) => unavailable(at, A)],
    ["another change", (at: bigint) => upsert(at, A, "two")],
  ])("no difference that %s of the row does not explain", async (_name, event) => {
    for (const held of [{}, { [A]: { version: 16n, content: serviceDocument("a", "wrong") } }]) {
      const lanes = { "t/0": [upsert(0n, A, "one")] };
      const index = new MemoryIndex(held);
      index.beforeDocuments = () => void lanes["t/0"].push(event(1n));
      const { missing, stale } = await verify(index, lanes);
      expect(missing + stale).toBe(1);
    }
  });

  test("changes from before a truncate that the index was built behind", async () => {
    const index = new MemoryIndex({ [A]: { version: 48n, content: serviceDocument("a", "new") } });
    index.truncatedAtLsn = 20;
    const lanes = {
      "t/0": [upsert(0n, B, "gone", 10), truncation(1n, 20), upsert(2n, A, "new", 30)],
    };
    expect((await verify(index, lanes)).ids).toEqual(NO_IDS);
  });
});

describe("verifyIndex() does stop", () => {
  test("at a truncate, as a sync does", async () => {
    const lanes = { "t/0": [upsert(0n, A, "one"), truncation(1n, 20)] };
    expect(verify(new MemoryIndex(), lanes)).rejects.toMatchObject({
      code: "TABLE_TRUNCATED",
      kind: "failed",
      message: "Cannot go on with t/0 at 1: the whole table was truncated",
    });
    const ignored = await verify(new MemoryIndex(), lanes, { onTruncate: "ignore" });
    expect(ignored.missing).toBe(1);
  });

  test("at an index of another source, before it has written anything", async () => {
    const index = new MemoryIndex({ [A]: { version: 16n, content: serviceDocument("a", "one") } });
    index.source = { id: "another" };
    expect(verify(index, { "t/0": [] }, { repair: true })).rejects.toMatchObject({
      code: "INDEX_OF_ANOTHER_SOURCE",
      kind: "unavailable",
      message: "Cannot compare: the index was made from another source, id was another and is a",
    });
    expect(index.held.get(A)?.version).toBe(16n);
  });

  test("at an index that was replaced meanwhile, before it has written anything", async () => {
    const index = new MemoryIndex();
    index.confirm = () => Promise.reject(new Error("replaced"));
    const work = verify(index, { "t/0": [upsert(0n, A, "one")] }, { repair: true });
    expect(work).rejects.toThrow("replaced");
    expect(index.held.size).toBe(0);
  });

  test("when it is told to, without a report on half a topic", async () => {
    const stop = new AbortController();
    const lanes = { "t/0": [upsert(0n, A, "one"), upsert(1n, B, "two"), upsert(2n, A, "three")] };
    const onProgress = () => stop.abort(new Error("SIGINT"));
    const work = verify(new MemoryIndex(), lanes, { stop: stop.signal, onProgress });
    expect(work).rejects.toThrow("SIGINT");
  });
});
