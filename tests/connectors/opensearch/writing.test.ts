import { describe, expect, test } from "bun:test";
import type { WriteReport } from "../../../core/connector/mod.ts";
import { readBulkAnswer } from "../../../core/connectors/opensearch/bulk_answer.ts";
import { OpenSearchClient } from "../../../core/connectors/opensearch/client.ts";
import { A, B, tombstone, upsert } from "../../indexing/batches.ts";
import { startFront } from "../../services/http_front.ts";
import {
  batchAt,
  Cluster,
  errorOf,
  NEVER,
  openSink,
  RecordingObserver,
  uniqueIndex,
} from "./support.ts";

const cluster = await Cluster.shared();
const { url } = cluster;

function outcome({ written, deleted, skipped, rejections }: WriteReport) {
  return { written, deleted, skipped, rejected: rejections.map(({ code }) => code) };
}

describe("write()", () => {
  test("writes, overwrites and deletes", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index });
    const { sink } = opened;
    const first = await sink.write(batchAt(0n, upsert(A, "one"), upsert(B, "b")), NEVER);
    expect(outcome(first)).toEqual({ written: 2, deleted: 0, skipped: {}, rejected: [] });
    await sink.write(batchAt(2n, upsert(A, "two")), NEVER);
    expect(await cluster.names(index)).toEqual({ [A]: "two", [B]: "b" });
    const last = await sink.write(batchAt(3n, tombstone(B)), NEVER);
    expect(outcome(last)).toEqual({ written: 0, deleted: 1, skipped: {}, rejected: [] });
    expect(await cluster.names(index)).toEqual({ [A]: "two" });
  });

  test("keeps a tombstone with the version of the delete", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index });
    await opened.sink.write(batchAt(5n, upsert(A, "a"), tombstone(A)), NEVER);
    expect(await cluster.document(index, A)).toEqual({
      version: 16 * 7,
      deleted: true,
      deleted_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
    const late = await opened.sink.write(batchAt(5n, upsert(A, "late")), NEVER);
    expect(outcome(late).skipped).toEqual({ already_applied: 1 });
    expect(await cluster.names(index)).toEqual({});
  });

  test("forgets what it knows when a lane changes hands", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index });
    const { sink } = opened;
    await sink.write(batchAt(0n, upsert(A, "one")), NEVER);
    const known = await sink.write(batchAt(1n, upsert(A, "one")), NEVER);
    expect(outcome(known)).toMatchObject({ written: 0, skipped: { unchanged: 1 } });
    // Another run has the lane, and writes to it.
    await using other = await openSink({ url, index });
    await other.sink.write(batchAt(2n, upsert(A, "two")), NEVER);
    sink.moved?.("topic/0");
    const again = await sink.write(batchAt(3n, upsert(A, "one")), NEVER);
    expect(outcome(again)).toMatchObject({ written: 1, skipped: {} });
    expect(await cluster.names(index)).toEqual({ [A]: "one" });
  });

  test("leaves a later version alone", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index });
    await opened.sink.write(batchAt(9n, upsert(A, "later")), NEVER);
    const report = await opened.sink.write(batchAt(3n, upsert(A, "earlier")), NEVER);
    expect(outcome(report)).toEqual({
      written: 0,
      deleted: 0,
      skipped: { already_applied: 1 },
      rejected: [],
    });
    expect(await cluster.names(index)).toEqual({ [A]: "later" });
  });

  test("changes nothing when a batch is written again, by whomever", async () => {
    const index = uniqueIndex();
    const batch = batchAt(0n, upsert(A, "a"), upsert(B, "b"), tombstone(B));
    await using one = await openSink({ url, index });
    await using other = await openSink({ url, index });
    await one.sink.write(batch, NEVER);
    const before = [await cluster.document(index, A), await cluster.document(index, B)];
    const report = await other.sink.write(batch, NEVER);
    expect(outcome(report).skipped).toEqual({ superseded: 1, already_applied: 2 });
    expect([await cluster.document(index, A), await cluster.document(index, B)]).toEqual(before);
  });

  test("skips the types that it is told to", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index, skipTypes: ["service"] });
    const events = [upsert(A, "a"), upsert("c/cp/o/store_event/x", "x")];
    const report = await opened.sink.write(batchAt(0n, ...events), NEVER);
    expect(outcome(report)).toMatchObject({ written: 1, skipped: { unsearched_type: 1 } });
  });

  test("takes any key as the id of a document", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index });
    const keys = ['c/cp/o/service/"quoted"', "c/cp/o/service/ä\n\\ 😀", "k".repeat(512)];
    await opened.sink.write(batchAt(0n, ...keys.map((key) => upsert(key, "n"))), NEVER);
    expect(Object.keys(await cluster.names(index)).toSorted()).toEqual(keys.toSorted());
  });

  test("rejects what the mapping refuses, without its value, and writes the rest", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index });
    const [name = ""] = await cluster.behind(index);
    await makeNameADate(name, index);
    const batch = batchAt(0n, upsert(A, "2026-01-01"), upsert(B, "s3cret"));
    const report = await opened.sink.write(batch, NEVER);
    expect(report.written).toBe(1);
    expect(report.rejections).toEqual([
      {
        sequence: 1n,
        line: 2,
        key: B,
        code: "DOCUMENT_REFUSED",
        reason: "OpenSearch refuses the document: mapper_parsing_exception in name",
      },
    ]);
  });

  test("takes half a surrogate pair in a value, and rejects it in a key", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index });
    const events = [upsert(A, "x\ud800y"), upsert("c/cp/o/service/\udc00", "x"), upsert(B, "b")];
    const report = await opened.sink.write(batchAt(0n, ...events), NEVER);
    expect(outcome(report)).toEqual({
      written: 2,
      deleted: 0,
      skipped: {},
      rejected: ["KEY_NOT_UTF8"],
    });
    expect(await cluster.names(index)).toEqual({ [A]: "x\ufffdy", [B]: "b" });
  });

  test("sends no more than it has to when many batches come at once", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index });
    const keys = Array.from({ length: 500 }, (_, at) => `c/cp/o/service/${at}`);
    const batches = Array.from({ length: 20 }, (_, at) =>
      batchAt(BigInt(at * 500), ...keys.map((key) => upsert(key, `n${at}`))),
    );
    const reports = await Promise.all(batches.map((batch) => opened.sink.write(batch, NEVER)));
    for (const { written, skipped } of reports) {
      expect(written + Object.values(skipped).reduce((sum, count) => sum + count, 0)).toBe(500);
    }
    const names = Object.values(await cluster.names(index));
    expect(names).toHaveLength(500);
    expect(new Set(names)).toEqual(new Set(["n19"]));
  });
});

test("readBulkAnswer() takes a term that is too long for a fault of the document", async () => {
  const index = uniqueIndex();
  const mappings = { properties: { tags: { type: "keyword" } } };
  await cluster.request(`/${index}`, "PUT", { mappings, aliases: { [`${index}-alias`]: {} } });
  const lines = [{ index: { _id: "a" } }, { tags: "s3cret".repeat(6_000) }];
  const body = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const client = await OpenSearchClient.create({ url });
  const fates = readBulkAnswer(await client.bulk(`${index}-alias`, body, NEVER), 1);
  expect(fates).toEqual([
    {
      kind: "refused",
      code: "DOCUMENT_REFUSED",
      reason: "OpenSearch refuses the document: illegal_argument_exception in tags",
    },
  ]);
  await client.close();
});

describe("write() goes on", () => {
  const unknown = () => {
    const error = { type: "index_not_found_exception", reason: "no such index" };
    return Response.json({ error, status: 404 }, { status: 404 });
  };

  test.each([
    ["and knows it a moment later", 1],
    ["and has still not read its state back when it is asked why", 2],
  ])("when a node that has just started knows of no index yet, %s", async (_, answersCount) => {
    let leftCount = 0;
    await using front = startFront({
      url,
      onRequest({ path }) {
        if (leftCount === 0) return undefined;
        if (path === "/_cluster/state/blocks") {
          return Response.json({ blocks: { global: { "1": {} } } });
        }
        leftCount -= 1;
        return unknown();
      },
    });
    const observer = new RecordingObserver();
    const index = uniqueIndex();
    await using opened = await openSink({ url: front.url, index, observer });
    leftCount = answersCount;
    const report = await opened.sink.write(batchAt(0n, upsert(A, "a")), NEVER);
    expect([leftCount, report.written]).toEqual([0, 1]);
    expect(observer.lines.map((line) => line.slice(0, 4))).toEqual(["warn", "info"]);
  });
});

describe("write() ends the run", () => {
  test("when the index is deleted, and does not make it again", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index });
    const [name = ""] = await cluster.behind(index);
    await cluster.request(`/${name}`, "DELETE");
    const error = await errorOf(opened.sink.write(batchAt(0n, upsert(A, "a")), NEVER));
    expect(error).toMatchObject({ code: "INDEX_GONE", kind: "unavailable" });
    expect(await cluster.madeFor(index)).toEqual([]);
  });

  test("when the index is closed", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index });
    await cluster.request(`/${index}/_close`, "POST");
    const error = await errorOf(opened.sink.write(batchAt(0n, upsert(A, "a")), NEVER));
    expect(error).toMatchObject({ code: "INDEX_CLOSED" });
    expect(error.hint).toContain("_open");
  });

  test("when the index is closed and there is nothing to write", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index });
    await cluster.request(`/${index}/_close`, "POST");
    const error = await errorOf(opened.sink.caughtUp?.(NEVER) ?? Promise.resolve());
    expect(error).toMatchObject({ code: "INDEX_CLOSED", kind: "unavailable" });
  });

  test("when another konn has built the index anew", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index });
    await using other = await openSink({ url, index, fromBeginning: true });
    await other.sink.caughtUp?.(NEVER);
    const error = await errorOf(opened.sink.write(batchAt(0n, upsert(A, "a")), NEVER));
    expect(error).toMatchObject({ code: "INDEX_REPLACED", kind: "unavailable" });
    expect(error.message).toContain(String(other.opening.identity["index"]));
  });

  test("when the alias that it writes by is gone, and begins again all the same", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index });
    const [name = ""] = await cluster.behind(index);
    await cluster.request(`/${name}/_alias/${name}-writer`, "DELETE");
    const error = await errorOf(opened.sink.write(batchAt(0n, upsert(A, "a")), NEVER));
    expect(error).toMatchObject({ code: "ALIAS_GONE", kind: "unavailable" });
    expect(error.hint).toContain(`${name}-writer`);
    await using again = await openSink({ url, index, resume: opened.opening });
    expect(await again.sink.write(batchAt(0n, upsert(A, "a")), NEVER)).toMatchObject({
      written: 1,
    });
  });

  test("when the alias that everybody reads is gone, as soon as it has caught up", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index });
    const [name = ""] = await cluster.behind(index);
    await cluster.request(`/${name}/_alias/${index}`, "DELETE");
    const error = await errorOf(opened.sink.caughtUp?.(NEVER) ?? Promise.resolve());
    expect(error).toMatchObject({ code: "ALIAS_GONE", kind: "unavailable" });
  });

  test.each([
    [401, "OPENSEARCH_UNAUTHORIZED", "password"],
    [403, "OPENSEARCH_FORBIDDEN", "privileges"],
  ])("when the user may no longer: %d", async (status, code, remedy) => {
    let isLockedOut = false;
    const body = { error: { type: "security_exception", reason: "no permissions" }, status };
    await using front = startFront({
      url,
      onRequest: () => (isLockedOut ? Response.json(body, { status }) : undefined),
    });
    await using opened = await openSink({ url: front.url, index: uniqueIndex() });
    isLockedOut = true;
    const error = await errorOf(opened.sink.write(batchAt(0n, upsert(A, "a")), NEVER));
    expect(error).toMatchObject({ code, kind: "unavailable" });
    expect(error.hint).toContain(remedy);
  });

  test.each([
    ["write", "INDEX_BLOCKED"],
    ["read_only", "INDEX_BLOCKED"],
    ["read_only_allow_delete", "DISK_FULL"],
  ])("when the index has a block: %s", async (block, code) => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index });
    await cluster.request(`/${index}/_settings`, "PUT", { [`index.blocks.${block}`]: true });
    const error = await errorOf(opened.sink.write(batchAt(0n, upsert(A, "a")), NEVER));
    expect(error).toMatchObject({ code, kind: "unavailable" });
    expect(error.hint).toContain(`index.blocks.${block}`);
    // Nothing more is taken after an error.
    const next = await errorOf(opened.sink.write(batchAt(1n, upsert(A, "b")), NEVER));
    expect(next).toBeInstanceOf(Error);
  });
});

describe("caughtUp()", () => {
  test("makes a live index show everything at once", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index });
    await opened.sink.write(batchAt(0n, upsert(A, "a")), NEVER);
    expect(await opened.sink.caughtUp?.(NEVER)).toBe("live");
    const { body } = await cluster.request(`/${index}/_search`);
    expect(body.hits.total.value).toBe(1);
  });
});

/** Plants a mapping under the writer that some of its documents do not fit. */
async function makeNameADate(name: string, alias: string): Promise<void> {
  const { body } = await cluster.request(`/${name}/_mapping`);
  const { mappings } = body[name];
  mappings.properties.name = { type: "date" };
  const { body: settings } = await cluster.request(`/${name}/_settings`);
  const { analysis } = settings[name].settings.index;
  await cluster.request(`/${name}`, "DELETE");
  const aliases = { [alias]: {}, [`${name}-writer`]: {} };
  const made = await cluster.request(`/${name}`, "PUT", {
    mappings,
    aliases,
    settings: { analysis },
  });
  expect(made.status).toBe(200);
}

test("an observer hears nothing while all goes well", async () => {
  const observer = new RecordingObserver();
  await using opened = await openSink({ url, index: uniqueIndex(), observer });
  await opened.sink.write(batchAt(0n, upsert(A, "a")), NEVER);
  expect(observer.lines).toEqual([]);
  expect(observer.retriedCount).toBe(0);
});
