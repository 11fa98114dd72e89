import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { verifyIndex } from "../../core/check/verify_index.ts";
import type { Message } from "../../core/connector/mod.ts";
import { foldBatch, KnownDocuments } from "../../core/indexing/mod.ts";
import { batchOf, MemorySource } from "../fakes/memory_source.ts";
import { deletion, notJson, serviceKey, unavailable, upsert } from "./events.ts";
import { MemoryIndex } from "./memory_index.ts";

const NEVER = new AbortController().signal;
const RUNS = { numRuns: 300 };

type Make = (sequence: bigint, key: string) => Message;

const KEYS = fc.constantFrom("a", "b", "c").map(serviceKey);
const MAKE: fc.Arbitrary<Make> = fc.oneof(
  fc.constantFrom("one", "two").map(
    (name): Make =>
      (sequence, key) =>
        upsert(sequence, key, name),
  ),
  fc.constant<Make>(deletion),
  fc.constant<Make>((sequence, key) => unavailable(sequence, key)),
  fc.constant<Make>(notJson),
);

/** Events of a few rows, offsets with gaps, and how a sync cuts them into batches. */
const TOPICS = fc
  .array(fc.record({ key: KEYS, make: MAKE, gap: fc.integer({ min: 1, max: 3 }) }))
  .map((events) => {
    let sequence = 0n;
    return events.map(({ key, make, gap }) => make((sequence += BigInt(gap)), key));
  });

/** What a sync makes of the messages, batch by batch. */
function synced(messages: readonly Message[], batchCount: number): MemoryIndex {
  const index = new MemoryIndex();
  const known = new KnownDocuments();
  for (let at = 0; at < messages.length; at += batchCount) {
    const { mutations } = foldBatch(batchOf("t/0", messages.slice(at, at + batchCount), ""), {
      known,
    });
    known.sent(mutations);
    for (const mutation of mutations) {
      index.write(mutation.key, { version: mutation.version, content: mutation.document });
      known.acknowledged(mutation);
    }
  }
  return index;
}

function verify(index: MemoryIndex, messages: readonly Message[], repair = false) {
  return verifyIndex({
    createSource: () => Promise.resolve(new MemorySource({ lanes: { "t/0": messages } })),
    inspector: index,
    onTruncate: "halt",
    skipTypes: [],
    repair,
    stop: NEVER,
  });
}

test("verifyIndex() does find every index equal that a sync has made", async () => {
  await fc.assert(
    fc.asyncProperty(TOPICS, fc.integer({ min: 1, max: 5 }), async (messages, batchCount) => {
      const report = await verify(synced(messages, batchCount), messages);
      expect(report).toMatchObject({ missing: 0, stale: 0, extra: 0 });
    }),
    RUNS,
  );
});

test("verifyIndex() does repair every index, whatever somebody has put into it", async () => {
  const content = fc.option(fc.constantFrom({ name: "one" }, { name: "by hand" }), { nil: null });
  const byHand = fc.array(fc.record({ key: KEYS, version: fc.bigInt(1n, 2_000n), content }));
  await fc.assert(
    fc.asyncProperty(TOPICS, byHand, async (messages, documents) => {
      const index = synced(messages, 3);
      for (const { key, version, content: held } of documents) {
        index.held.set(key, { version, content: held });
      }
      const { missing, stale, extra, repaired } = await verify(index, messages, true);
      expect(repaired).toBe(missing + stale + extra);
      expect(await verify(index, messages)).toMatchObject({ missing: 0, stale: 0, extra: 0 });
    }),
    RUNS,
  );
});
