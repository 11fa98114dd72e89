import { describe, expect, test } from "bun:test";
import { ExpectedRows } from "../../core/check/expected_rows.ts";
import { verifyIndex } from "../../core/check/verify_index.ts";
import { repairDifferences } from "../../core/check/verify_repair.ts";
import type { Lane, Message } from "../../core/connector/mod.ts";
import { MemorySource } from "../fakes/memory_source.ts";
import { deletion, serviceDocument, serviceKey, upsert } from "./events.ts";
import { MemoryIndex } from "./memory_index.ts";

const [A, B, C] = [serviceKey("a"), serviceKey("b"), serviceKey("c")];
const NEVER = new AbortController().signal;

function verify(index: MemoryIndex, lanes: Record<Lane, Message[]>, repair: boolean) {
  return verifyIndex({
    createSource: () => Promise.resolve(new MemorySource({ lanes })),
    inspector: index,
    onTruncate: "halt",
    skipTypes: [],
    repair,
    stop: NEVER,
  });
}

describe("repairDifferences() does", () => {
  test("put right what differs, below the version of the next event", async () => {
    const index = new MemoryIndex({
      [B]: { version: 32n, content: serviceDocument("b", "by hand") },
      [C]: { version: 48n, content: serviceDocument("c", "one") },
    });
    const lanes = {
      "t/0": [upsert(0n, A, "one"), upsert(1n, B, "two"), upsert(2n, C, "one"), deletion(3n, C)],
    };
    expect(await verify(index, lanes, true)).toMatchObject({
      missing: 1,
      stale: 1,
      extra: 1,
      repaired: 3,
      ahead: 0,
    });
    expect([...index.held]).toEqual([
      [B, { version: 34n, content: serviceDocument("b", "two") }],
      [C, { version: 66n, content: null }],
      [A, { version: 18n, content: serviceDocument("a", "one") }],
    ]);
    expect(await verify(index, lanes, false)).toMatchObject({ missing: 0, stale: 0, extra: 0 });
    expect(index.write(B, { version: 80n, content: serviceDocument("b", "next") })).toBeTrue();
  });

  test("go one above a document whose version is ahead of the topic, and say so", async () => {
    const index = new MemoryIndex({
      [A]: { version: 99_999n, content: serviceDocument("a", "by hand") },
      [B]: { version: 88_888n, content: serviceDocument("b", "by hand") },
    });
    const lanes = { "t/0": [upsert(0n, A, "one")] };
    expect(await verify(index, lanes, true)).toMatchObject({ stale: 1, extra: 1, ahead: 2 });
    expect([...index.held]).toEqual([
      [A, { version: 100_000n, content: serviceDocument("a", "one") }],
      [B, { version: 88_889n, content: null }],
    ]);
  });

  test("count a document with the very version of the next event as ahead of the topic", async () => {
    const lanes = { "t/0": [upsert(0n, A, "one")], "t/1": [upsert(9n, B, "one")] };
    for (const [version, ahead] of [
      [31n, 0],
      [32n, 1],
    ] as const) {
      const index = new MemoryIndex({
        [A]: { version, content: serviceDocument("a", "one") },
        [B]: { version: 160n, content: serviceDocument("b", "one") },
      });
      expect(await verify(index, lanes, false)).toMatchObject({ stale: 0, extra: 0, ahead });
      expect(index.write(A, { version: 32n, content: null })).toBe(ahead === 0);
    }
  });

  test("leave a version alone above which the index tells none exactly", async () => {
    const held = { version: 2n ** 53n, content: serviceDocument("a", "by hand") };
    const index = new MemoryIndex({ [A]: held });
    const report = await verify(index, { "t/0": [upsert(0n, A, "one")] }, true);
    expect(report).toMatchObject({ stale: 1, repaired: 0, ahead: 1 });
    expect(index.held.get(A)).toEqual(held);
  });

  test("not put back what a row was before the events that came meanwhile", async () => {
    const lanes = { "t/0": [upsert(0n, A, "one"), deletion(1n, B)] };
    const byHand = { version: 500n, content: serviceDocument("b", "by hand") };
    const index = new MemoryIndex({ [B]: byHand });
    index.beforeDocuments = () => {
      lanes["t/0"] = [...lanes["t/0"], upsert(2n, A, "two"), upsert(3n, B, "alive again")];
    };
    const report = await verifyIndex({
      createSource: () => Promise.resolve(new MemorySource({ lanes })),
      inspector: index,
      onTruncate: "halt",
      skipTypes: [],
      repair: true,
      stop: NEVER,
    });
    expect(report).toMatchObject({ missing: 1, extra: 1, repaired: 0 });
    expect([...index.held]).toEqual([[B, byHand]]);
  });

  test("never bury a document whose events the topic may have held", async () => {
    const content = serviceDocument("b", "expired");
    const index = new MemoryIndex({ [B]: { version: 160n, content } });
    const report = await verifyIndex({
      createSource: () =>
        Promise.resolve(
          new MemorySource({ lanes: { "t/0": [upsert(20n, A, "one")] }, starts: { "t/0": 10n } }),
        ),
      inspector: index,
      onTruncate: "halt",
      skipTypes: [],
      repair: true,
      stop: NEVER,
    });
    expect(report).toMatchObject({ missing: 1, extra: 0, unverifiable: 1, repaired: 1 });
    expect(index.held.get(B)).toEqual({ version: 160n, content });
  });

  test("not bury documents of types that another sync did index", async () => {
    const key = "c/cp/o/store_event/a";
    const held = { version: 16n, content: serviceDocument("a", "one") };
    const index = new MemoryIndex({ [key]: held });
    const report = await verifyIndex({
      createSource: () =>
        Promise.resolve(new MemorySource({ lanes: { "t/0": [upsert(0n, key, "one")] } })),
      inspector: index,
      onTruncate: "halt",
      skipTypes: ["store_event"],
      repair: true,
      stop: NEVER,
    });
    expect(report).toMatchObject({ extra: 1, repaired: 0 });
    expect(index.held.get(key)).toEqual(held);
  });

  test("send the document that wins in the index where a key stands in two lanes", async () => {
    const index = new MemoryIndex();
    const lanes = { "t/0": [upsert(5n, A, "winner")], "t/1": [upsert(2n, A, "loser")] };
    await verify(index, lanes, true);
    expect(index.held.get(A)).toEqual({ version: 98n, content: serviceDocument("a", "winner") });
    expect(await verify(index, lanes, false)).toMatchObject({ stale: 0, keys_in_two_lanes: 1 });
  });

  test("leave alone what somebody has written meanwhile", async () => {
    const index = new MemoryIndex();
    const lanes = { "t/0": [upsert(0n, A, "one")] };
    const newer = { version: 32n, content: serviceDocument("a", "two") };
    const repair = index.repair.bind(index);
    index.repair = (repairs) => {
      index.write(A, newer);
      return repair(repairs);
    };
    expect(await verify(index, lanes, true)).toMatchObject({ missing: 1, repaired: 0 });
    expect(index.held.get(A)).toEqual(newer);
  });

  test("mend more than it sends at once", async () => {
    const index = new MemoryIndex();
    const messages = Array.from({ length: 1_234 }, (_, at) =>
      upsert(BigInt(at), serviceKey(String(at)), "one"),
    );
    const report = await verify(index, { "t/0": messages }, true);
    expect(report).toMatchObject({ missing: 1_234, repaired: 1_234 });
    expect(index.held.size).toBe(1_234);
  });

  test("hold no more than some megabytes of large documents", async () => {
    const index = new MemoryIndex();
    const messages = Array.from({ length: 30 }, (_, at) => {
      const key = serviceKey(String(at));
      const tags = Array.from({ length: 200 }, (_tag, n) => `${n}-`.padEnd(8_000, "t"));
      const value = { op: "u", after: { key, value: { object: { tags } } } };
      return { ...upsert(BigInt(at), key, ""), value: Buffer.from(JSON.stringify(value)) };
    });
    const sizes: number[] = [];
    const repair = index.repair.bind(index);
    index.repair = (repairs) => {
      sizes.push(repairs.length);
      return repair(repairs);
    };
    expect(await verify(index, { "t/0": messages }, true)).toMatchObject({ repaired: 30 });
    expect(sizes).toEqual([6, 6, 6, 6, 6]);
    expect(JSON.stringify(index.held.get(serviceKey("7"))?.content).length).toBeGreaterThan(1.5e6);
  });

  test("refuse to mend an index one by one of which too much differs", async () => {
    using rows = new ExpectedRows();
    rows.together(() => {
      for (let at = 0; at <= 100_000; at += 1)
        rows.addFinding(`k${at}`, "extra", { version: 1n, contentHash: 1n });
    });
    const index = new MemoryIndex();
    const createSource = () => Promise.resolve(new MemorySource({ lanes: {} }));
    const work = repairDifferences(rows, { createSource, inspector: index, stop: NEVER });
    expect(work).rejects.toMatchObject({ code: "TOO_MANY_REPAIRS", kind: "failed" });
    expect(index.held.size).toBe(0);
  });
});
