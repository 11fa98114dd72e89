import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { Message } from "../../core/connector/mod.ts";
import { foldBatch } from "../../core/indexing/fold_batch.ts";
import { readCapture } from "../cdc/captures.ts";
import {
  A,
  B,
  batchOf,
  batchOfMessages,
  countOf,
  namesOf,
  tombstone,
  unavailable,
  upsert,
} from "./batches.ts";

describe("foldBatch() does", () => {
  test("nothing to an empty batch", () => {
    const result = foldBatch(batchOf());
    expect(result.mutations).toEqual([]);
    expect(countOf(result)).toBe(0);
  });

  test("one mutation for a message, with a version that grows with its sequence", () => {
    const result = foldBatch(batchOf(upsert(A, "one"), tombstone(B)));
    expect(result.mutations).toEqual([
      {
        key: A,
        version: 176n,
        document: { type: "service", id: "a", control_plane: "cp", name: "one" },
        text: '{"type":"service","id":"a","control_plane":"cp","name":"one"}',
        form: Bun.hash.wyhash('{"name":"one"}'),
        sequence: 10n,
        line: 1,
        eventTimeMs: 7,
      },
      {
        key: B,
        version: 192n,
        document: null,
        text: "null",
        form: undefined,
        sequence: 11n,
        line: 2,
        eventTimeMs: undefined,
      },
    ]);
  });

  test("the last change of each key", () => {
    const result = foldBatch(
      batchOf(upsert(A, "1"), upsert(B, "2"), tombstone(A), upsert(B, "3"), upsert(A, "4")),
    );
    expect(namesOf(result)).toEqual([
      [A, "4"],
      [B, "3"],
    ]);
    expect(result.mutations.map(({ sequence }) => sequence)).toEqual([14n, 13n]);
    expect(result.skipped).toEqual({ superseded: 3 });
  });

  test("no write for a value that was not sent, and keeps what was sent before it", () => {
    const alone = foldBatch(batchOf(unavailable(A)));
    expect(alone.mutations).toEqual([]);
    expect(alone.skipped).toEqual({ unavailable_value: 1 });
    expect(alone.unavailableKeys).toEqual([]);

    const after = foldBatch(batchOf(upsert(A, "1"), unavailable(A), tombstone(B), unavailable(B)));
    expect(namesOf(after)).toEqual([
      [A, "1"],
      [B, null],
    ]);
    expect(after.skipped).toEqual({ unavailable_value: 2 });
    expect(after.mutations.map(({ sequence }) => sequence)).toEqual([10n, 12n]);
  });

  test("name the keys whose value may never come", () => {
    expect(foldBatch(batchOf(unavailable(A, "c"))).unavailableKeys).toEqual([A]);
  });

  test("skip by reason what is no row, and types that nobody searches", () => {
    const result = foldBatch(
      batchOf(
        { key: '{"serverName":"a"}', value: { ts_ms: 1 } },
        { key: '{"id":"1:2"}', value: { status: "END", id: "1:2" } },
        upsert("c/cp/o/store_event/last_update", "x"),
        upsert("c/cp/o/node-status/1", "x"),
        tombstone("c/cp/o/hash/1"),
      ),
    );
    expect(result.mutations).toEqual([]);
    expect(result.skipped).toEqual({ heartbeat: 1, transaction: 1, unsearched_type: 3 });
  });

  test("skip the types that it is told to, as they are written", () => {
    const events = batchOf(upsert("c/cp/o/hash/1", "x"), upsert(A, "y"));
    const result = foldBatch(events, { unsearchedTypes: new Set(["service"]) });
    expect(namesOf(result)).toEqual([["c/cp/o/hash/1", "x"]]);
    expect(result.skipped).toEqual({ unsearched_type: 1 });
  });

  test("reject keys that no document can have", () => {
    const long = `c/x/o/service/${"k".repeat(499)}`;
    const wide = `c/x/o/service/${"超".repeat(167)}`;
    const result = foldBatch(
      batchOf(upsert("", "1"), upsert(long, "2"), tombstone(wide), upsert(long.slice(1), "3")),
    );
    expect(result.rejections).toEqual([
      {
        sequence: 10n,
        line: 1,
        key: "",
        code: "KEY_EMPTY",
        reason: "The key is empty, and no document can have an empty id",
      },
      {
        sequence: 11n,
        line: 2,
        key: `${long.slice(0, 512)}…`,
        code: "KEY_TOO_LONG",
        reason: "The key has more than 512 bytes, and no document can have such an id",
      },
      expect.objectContaining({ sequence: 12n, code: "KEY_TOO_LONG" }),
    ]);
    expect(result.mutations.map(({ key }) => Buffer.byteLength(key))).toEqual([512]);
  });

  test("name no more of a giant key than a person reads", () => {
    const giant = "k".repeat(1_000_000);
    const notJson = { key: giant, value: 1 };
    for (const { key = "" } of foldBatch(batchOf(upsert(giant, "1"), notJson)).rejections) {
      expect(key).toBe(`${"k".repeat(512)}…`);
    }
  });

  test("reject what the decoder refuses, naming place and key and nothing of the content", () => {
    const result = foldBatch(batchOf({ key: A, value: ["s3cr3t"] }, { key: null, value: 1 }));
    expect(result.rejections).toEqual([
      {
        sequence: 10n,
        line: 1,
        key: A,
        code: "VALUE_NOT_AN_OBJECT",
        reason: "The value is JSON but not an object",
      },
      expect.objectContaining({ sequence: 11n, line: 2, key: undefined }),
    ]);
  });

  test("report a truncate and a row without a Kafka key by where they first stand", () => {
    const truncate = { key: null, value: { op: "t", before: null, after: null } };
    const keyless = { ...upsert(A, "1"), key: null };
    const result = foldBatch(batchOf(upsert(B, "0"), truncate, keyless, truncate, keyless));
    expect(result.truncatedAt?.sequence).toBe(11n);
    expect(result.keylessAt).toBe(12n);
    expect(result.skipped).toEqual({ truncate: 2, superseded: 1 });
    expect(namesOf(result)).toEqual([
      [B, "0"],
      [A, "1"],
    ]);
  });

  test("count what it left out of documents", () => {
    const event = { op: "c", after: { key: A, value: { object: { name: {}, tags: [[]] } } } };
    expect(foldBatch(batchOf({ key: A, value: event })).droppedFieldsCount).toBe(2);
  });
});

test("foldBatch() counts every message of a capture once, however it is cut into batches", async () => {
  const messages = (await readCapture("a")).map(({ key, value, headers }, at) => ({
    sequence: BigInt(at),
    key,
    value,
    headers,
    timestampMs: 0,
  }));
  for (const size of [1, 7, 100, messages.length]) {
    for (let from = 0; from < messages.length; from += size) {
      const batch = batchOfMessages(messages.slice(from, from + size));
      expect(countOf(foldBatch(batch))).toBe(batch.messages.length);
    }
  }
});

test("foldBatch() leads to one index, however the stream is cut and repeated", () => {
  const event = fc.oneof(
    fc
      .record({ key: fc.constantFrom(A, B), name: fc.constantFrom("1", "2") })
      .map(({ key, name }) => upsert(key, name)),
    fc.constantFrom(A, B).map(tombstone),
    fc.constantFrom(A, B).map((key) => unavailable(key)),
  );
  const stream = fc.array(event, { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(
      stream,
      fc.integer({ min: 1, max: 7 }),
      fc.nat({ max: 5 }),
      (events, size, back) => {
        const { messages } = batchOf(...events);
        const whole = indexOf([messages]);
        const pieces: (readonly Message[])[] = [];
        for (let from = 0; from < messages.length; from += size) {
          // A crash before the checkpoint: some of what was written is read again.
          pieces.push(messages.slice(Math.max(0, from - back), from + size));
        }
        expect(indexOf(pieces)).toEqual(whole);
      },
    ),
    { numRuns: 500 },
  );
});

/** What an index with external versions holds after these batches. */
function indexOf(batches: readonly (readonly Message[])[]) {
  const index = new Map<string, { version: bigint; name: string | undefined }>();
  for (const messages of batches) {
    for (const { key, version, document } of foldBatch(batchOfMessages(messages)).mutations) {
      const stored = index.get(key)?.version ?? -1n;
      if (version > stored) index.set(key, { version, name: document?.name });
    }
  }
  return index;
}
