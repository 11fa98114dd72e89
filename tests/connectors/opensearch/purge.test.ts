import { describe, expect, test } from "bun:test";
import type { Batch } from "../../../core/connector/mod.ts";
import { UnsavedWrites } from "../../../core/connectors/opensearch/unsaved_writes.ts";
import { A, B, type Event, tombstone, upsert } from "../../indexing/batches.ts";
import { startFront } from "../../services/http_front.ts";
import {
  batchAt,
  Cluster,
  NEVER,
  openSink,
  RecordingObserver,
  uniqueIndex,
  until,
} from "./support.ts";

const cluster = await Cluster.shared();
const { url } = cluster;
const LANE = "topic/0";
const SOON = { keepTombstonesMs: 0, roundIntervalMs: 50 };

/** A batch that knows where it ends. */
function batch(first: bigint, ...events: readonly Event[]): Batch {
  return { ...batchAt(first, ...events), nextSequence: first + BigInt(events.length) };
}

const savedAt = (sequence: bigint) => new Map([[LANE, sequence]]);

describe("tombstones", () => {
  test("are removed when they are older than they are kept, and nothing else is", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index, keepTombstonesMs: 0 });
    const { sink } = opened;
    await sink.write(batch(0n, upsert(A, "a"), upsert(B, "b"), tombstone(A)), NEVER);
    sink.checkpointed?.(savedAt(3n));
    await sink.caughtUp?.(NEVER);
    expect(await cluster.document(index, A)).toBeUndefined();
    expect(await cluster.names(index)).toEqual({ [B]: "b" });
  });

  test("are kept for a day where nothing else is said", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index });
    await opened.sink.write(batch(0n, tombstone(A)), NEVER);
    opened.sink.checkpointed?.(savedAt(1n));
    await opened.sink.caughtUp?.(NEVER);
    expect(await cluster.document(index, A)).toMatchObject({ deleted: true });
  });

  test("are kept until a checkpoint covers all that was written before them", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index, ...SOON });
    const { sink } = opened;
    await sink.caughtUp?.(NEVER);
    await sink.write(batch(0n, upsert(A, "a"), upsert(B, "b")), NEVER);
    await sink.write(batch(2n, tombstone(A)), NEVER);
    const name = String(opened.opening.identity["index"]);
    await cluster.request(`/${name}/_refresh`, "POST");
    const asked = await searchesOf(name);
    await until(async () => (await searchesOf(name)) > asked + 2);
    expect(await cluster.document(index, A)).toMatchObject({ deleted: true });
    sink.checkpointed?.(savedAt(3n));
    await until(async () => (await cluster.document(index, A)) === undefined);
    expect(await cluster.names(index)).toEqual({ [B]: "b" });
  });

  test("are removed page by page, as many as there are", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index, keepTombstonesMs: 0 });
    const keys = Array.from({ length: 2_500 }, (_, at) => `c/cp/o/service/${at}`);
    await opened.sink.write(batch(0n, ...keys.map(tombstone), upsert(B, "b")), NEVER);
    opened.sink.checkpointed?.(savedAt(2_501n));
    await opened.sink.caughtUp?.(NEVER);
    const name = String(opened.opening.identity["index"]);
    await cluster.request(`/${name}/_refresh`, "POST");
    expect((await cluster.request(`/${name}/_count`)).body.count).toBe(1);
  });

  test("that are written over just when they are to be removed are left alone", async () => {
    const index = uniqueIndex();
    await using other = await openSink({ url, index });
    let isWrittenOver = false;
    await using front = startFront({
      url,
      async onRequest({ body }) {
        if (isWrittenOver || !body.includes('{"delete":')) return;
        isWrittenOver = true;
        await other.sink.write(batch(5n, upsert(A, "made again")), NEVER);
      },
    });
    const observer = new RecordingObserver();
    await using opened = await openSink({ url: front.url, index, observer, keepTombstonesMs: 0 });
    await opened.sink.write(batch(0n, tombstone(A), tombstone(B)), NEVER);
    opened.sink.checkpointed?.(savedAt(2n));
    await opened.sink.caughtUp?.(NEVER);
    expect(isWrittenOver).toBe(true);
    expect(await cluster.names(index)).toEqual({ [A]: "made again" });
    expect(await cluster.document(index, B)).toBeUndefined();
    expect(observer.lines).toEqual([]);
  });

  test("of an index that is deleted meanwhile do not make it again", async () => {
    const index = uniqueIndex();
    let name = "";
    await using front = startFront({
      url,
      async onRequest({ body }) {
        if (body.includes('{"delete":')) await cluster.request(`/${name}`, "DELETE");
      },
    });
    const observer = new RecordingObserver();
    await using opened = await openSink({ url: front.url, index, observer, keepTombstonesMs: 0 });
    name = String(opened.opening.identity["index"]);
    await opened.sink.write(batch(0n, tombstone(A)), NEVER);
    opened.sink.checkpointed?.(savedAt(1n));
    await opened.sink.caughtUp?.(NEVER);
    expect((await cluster.request(`/_cat/indices/${index}*?format=json`)).body).toEqual([]);
  });

  test("that were removed are written again when the entity is deleted once more", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index, keepTombstonesMs: 0 });
    const { sink } = opened;
    await sink.write(batch(0n, tombstone(A)), NEVER);
    sink.checkpointed?.(savedAt(1n));
    await sink.caughtUp?.(NEVER);
    expect(await cluster.document(index, A)).toBeUndefined();
    const report = await sink.write(batch(9n, tombstone(A)), NEVER);
    expect(report).toMatchObject({ deleted: 1, skipped: {} });
    expect(await cluster.document(index, A)).toMatchObject({ version: 160, deleted: true });
  });
});

test("what cannot be removed is told of once, and removed when it can be", async () => {
  const index = uniqueIndex();
  const observer = new RecordingObserver();
  let failuresCount = 0;
  let isFailing = true;
  await using front = startFront({
    url,
    onRequest({ body }) {
      if (!isFailing || !body.includes('{"delete":')) return undefined;
      failuresCount += 1;
      return Response.json({ error: { type: "some_exception" } }, { status: 503 });
    },
  });
  await using opened = await openSink({ url: front.url, index, observer, ...SOON });
  await opened.sink.write(batch(0n, tombstone(A)), NEVER);
  opened.sink.checkpointed?.(savedAt(1n));
  await opened.sink.caughtUp?.(NEVER);
  await until(() => failuresCount >= 3);
  expect(observer.lines).toEqual(["warn Cannot remove old tombstones, trying again later"]);
  isFailing = false;
  await until(async () => (await cluster.document(index, A)) === undefined);
});

test("a run that follows ends when its alias is taken off its index", async () => {
  const index = uniqueIndex();
  await using opened = await openSink({ url, index, ...SOON });
  await opened.sink.caughtUp?.(NEVER);
  await cluster.request(`/${opened.opening.identity["index"]}/_alias/${index}`, "DELETE");
  let sequence = 0n;
  let code: unknown;
  await until(async () => {
    sequence += 1n;
    const write = opened.sink.write(batch(sequence, upsert(A, `${sequence}`)), NEVER);
    code = await write.then(
      () => undefined,
      (error: { code: string }) => error.code,
    );
    return code !== undefined;
  });
  expect(code).toBe("ALIAS_GONE");
});

test("a point in time hides tombstones where it is made of the alias, not where of the index", async () => {
  const index = uniqueIndex();
  await using opened = await openSink({ url, index });
  await opened.sink.write(batch(0n, tombstone(A), upsert(B, "b")), NEVER);
  await opened.sink.caughtUp?.(NEVER);
  const found = async (name: string, query?: object) => {
    const path = `/${name}/_search/point_in_time?keep_alive=1m`;
    const { pit_id: id } = (await cluster.request(path, "POST")).body;
    const { body } = await cluster.request("/_search", "POST", { pit: { id }, query });
    const hits: { _id: string }[] = body.hits.hits;
    return hits.map(({ _id }) => _id).toSorted();
  };
  const name = String(opened.opening.identity["index"]);
  expect(await found(index)).toEqual([B]);
  expect(await found(name)).toEqual([A, B]);
  expect(await found(name, { term: { deleted: false } })).toEqual([B]);
});

describe("UnsavedWrites", () => {
  test("is as old as the oldest write that no checkpoint covers", () => {
    const unsaved = new UnsavedWrites();
    expect(unsaved.oldestMs()).toBe(Infinity);
    unsaved.began({ lane: "a", nextSequence: 10n }, 1);
    unsaved.began({ lane: "b", nextSequence: 10n }, 2);
    unsaved.began({ lane: "a", nextSequence: 20n }, 3);
    expect(unsaved.oldestMs()).toBe(1);
    unsaved.saved(new Map([["a", 19n]]));
    expect(unsaved.oldestMs()).toBe(2);
    unsaved.saved(new Map([["b", 10n]]));
    expect(unsaved.oldestMs()).toBe(3);
    unsaved.saved(new Map([["a", 20n]]));
    expect(unsaved.oldestMs()).toBe(Infinity);
  });

  test("forgets no write, however many there are", () => {
    const unsaved = new UnsavedWrites();
    for (let at = 1; at <= 1_000; at += 1) {
      unsaved.began({ lane: "a", nextSequence: BigInt(at) }, at);
    }
    unsaved.saved(new Map([["a", 63n]]));
    expect(unsaved.oldestMs()).toBe(64);
    unsaved.saved(new Map([["a", 999n]]));
    expect(unsaved.oldestMs()).toBe(64);
    unsaved.saved(new Map([["a", 1_000n]]));
    expect(unsaved.oldestMs()).toBe(Infinity);
  });
});

/** How many searches an index has answered. */
async function searchesOf(name: string): Promise<number> {
  const { body } = await cluster.request(`/${name}/_stats/search`);
  return body._all.total.search.query_total;
}
