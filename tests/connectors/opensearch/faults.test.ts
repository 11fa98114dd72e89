import { afterAll, describe, expect, test } from "bun:test";
import type { WriteReport } from "../../../core/connector/mod.ts";
import { A, B, upsert } from "../../indexing/batches.ts";
import { type OpenSearchService, startOpenSearch } from "../../services/mod.ts";
import {
  batchAt,
  Cluster,
  errorOf,
  NEVER,
  openSink,
  RecordingObserver,
  uniqueIndex,
  until,
} from "./support.ts";

const TEST_TIMEOUT_MS = 120_000;

const started: OpenSearchService[] = [];
afterAll(async () => {
  for (const service of started) await service.stop();
});

/** A node of this file's own, to be broken. */
async function startNode(settings: Readonly<Record<string, string>> = {}) {
  const service = await startOpenSearch({ settings });
  started.push(service);
  return { service, cluster: new Cluster(service.url), url: service.url };
}

const keys = (count: number) => Array.from({ length: count }, (_, at) => `c/cp/o/service/${at}`);

function batches(count: number, keysCount: number) {
  return Array.from({ length: count }, (_, at) => {
    const events = keys(keysCount).map((key) => upsert(key, `n${at}`));
    return batchAt(BigInt(at * keysCount), ...events);
  });
}

/** An event whose document has so many tags of 8 KiB. */
function bulky(key: string, tagsCount: number) {
  const tags = Array.from({ length: tagsCount }, (_, at) => `${at}-`.padEnd(8_000, "x"));
  return { key, value: { op: "c", after: { key, value: { object: { name: key, tags } } } } };
}

function sumOf({ written, deleted, skipped, rejections }: WriteReport): number {
  const skippedCount = Object.values(skipped).reduce((sum, count) => sum + count, 0);
  return written + deleted + skippedCount + rejections.length;
}

describe("a server that takes little", () => {
  test(
    "413: bodies are split down to one document, and what is too large alone is rejected",
    async () => {
      const { cluster, url } = await startNode({ "http.max_content_length": "1mb" });
      const index = uniqueIndex();
      const observer = new RecordingObserver();
      await using opened = await openSink({ url, index, observer });
      const events = [...keys(40).map((key) => bulky(key, 12)), bulky(A, 200), upsert(B, "b")];
      const report = await opened.sink.write(batchAt(0n, ...events), NEVER);
      expect(report).toMatchObject({ written: 41, skipped: {} });
      expect(report.rejections).toMatchObject([
        { sequence: 40n, line: 41, key: A, code: "DOCUMENT_TOO_LARGE" },
      ]);
      const names = await cluster.names(index);
      expect(Object.keys(names).toSorted()).toEqual([...keys(40), B].toSorted());
      // A 413 can close the connection in the middle of the request, which is no fault to tell of.
      expect(observer.lines).toEqual([]);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "429: waits, sends again, and makes its bulks smaller until all is there",
    async () => {
      const { cluster, url } = await startNode({ "indexing_pressure.memory.limit": "300kb" });
      const index = uniqueIndex();
      const observer = new RecordingObserver();
      await using opened = await openSink({ url, index, observer });
      const events = keys(120).map((key) => bulky(key, 2));
      const report = await opened.sink.write(batchAt(0n, ...events), NEVER);
      expect(report).toMatchObject({ written: 120, rejections: [] });
      expect(Object.keys(await cluster.names(index))).toHaveLength(120);
      expect(observer.retriedCount).toBeGreaterThan(0);
      // One line for each change of state, however many bulks were refused in between.
      const levels = observer.lines.map((line) => line.slice(0, "warn OpenSearch at".length));
      expect(levels.length).toBeGreaterThan(1);
      expect(levels.length % 2).toBe(0);
      expect(levels).toEqual(
        levels.map((_, at) => `${at % 2 === 0 ? "warn" : "info"} OpenSearch at`),
      );
    },
    TEST_TIMEOUT_MS,
  );
});

describe("a server that comes and goes", () => {
  test.each([
    ["a crash", (service: OpenSearchService) => service.kill()],
    ["a restart", (service: OpenSearchService) => service.restart()],
    ["a pause", (service: OpenSearchService) => service.pause()],
  ])(
    "%s in the middle of many writes loses nothing and is told once",
    async (name, interrupt) => {
      const { service, cluster, url } = await startNode();
      const index = uniqueIndex();
      const observer = new RecordingObserver();
      await using opened = await openSink({ url, index, observer });
      await opened.sink.write(batchAt(0n, upsert(A, "before")), NEVER);
      const all = batches(40, 400);
      const writes = all.map((batch) => opened.sink.write(batch, NEVER));
      await Bun.sleep(150);
      await interrupt(service);
      await Bun.sleep(1_000);
      if (name === "a crash") await service.restart();
      if (name === "a pause") await service.resume();
      const reports = await Promise.all(writes);
      expect(reports.map(sumOf)).toEqual(all.map(() => 400));
      expect(reports.flatMap(({ rejections }) => rejections)).toEqual([]);
      const names = await cluster.names(index);
      expect(Object.keys(names).toSorted()).toEqual([...keys(400), A].toSorted());
      expect(keys(400).every((key) => names[key] === "n39")).toBe(true);
      if (name !== "a pause") {
        expect(observer.lines.map((line) => line.slice(0, 4))).toEqual(["warn", "info"]);
      }
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "an abort ends a write that is being tried again, and a close ends one too",
    async () => {
      const { service, url } = await startNode();
      const opened = await openSink({ url, index: uniqueIndex() });
      const other = await openSink({ url, index: uniqueIndex() });
      await service.kill();
      const abort = new AbortController();
      const startMs = performance.now();
      setTimeout(() => abort.abort(), 500);
      const write = errorOf(opened.sink.write(batchAt(0n, upsert(A, "a")), abort.signal));
      expect(await write).toMatchObject({ code: "WRITE_ENDED" });
      const otherWrite = errorOf(other.sink.write(batchAt(0n, upsert(A, "a")), NEVER));
      await other.sink[Symbol.asyncDispose]();
      expect(await otherWrite).toMatchObject({ code: "WRITE_ENDED" });
      expect(performance.now() - startMs).toBeLessThan(3_000);
      await opened.sink[Symbol.asyncDispose]();
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a new index is shown as soon as the server is back",
    async () => {
      const { service, cluster, url } = await startNode();
      const index = uniqueIndex();
      {
        await using live = await openSink({ url, index });
        await live.sink.write(batchAt(0n, upsert(A, "old")), NEVER);
      }
      await using opened = await openSink({ url, index, fromBeginning: true });
      await opened.sink.write(batchAt(0n, upsert(A, "new")), NEVER);
      await service.kill();
      const shown = opened.sink.caughtUp?.(NEVER);
      await Bun.sleep(500);
      await service.restart();
      expect(await shown).toBe("live");
      await until(async () => (await cluster.request("/_cluster/health")).body.status === "green");
      expect(await cluster.names(index)).toEqual({ [A]: "new" });
    },
    TEST_TIMEOUT_MS,
  );
});
