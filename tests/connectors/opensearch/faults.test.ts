import { afterAll, describe, expect, test } from "bun:test";
import type { KonnError } from "../../../core/base/errors.ts";
import type { Sink, WriteReport } from "../../../core/connector/mod.ts";
import { A, B, upsert } from "../../indexing/batches.ts";
import { type OpenSearchService, startOpenSearch } from "../../services/mod.ts";
import { startFront } from "../../services/http_front.ts";
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

/** An event whose document has so many tags of 8 KiB. */
function bulky(key: string, tagsCount: number, name = key) {
  const tags = Array.from({ length: tagsCount }, (_, at) => `${at}-`.padEnd(8_000, "x"));
  return { key, value: { op: "c", after: { key, value: { object: { name, tags } } } } };
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

describe("a disk that is full", () => {
  const watermarks = (size: string) => ({
    "cluster.routing.allocation.disk.threshold_enabled": true,
    "cluster.routing.allocation.disk.watermark.low": size,
    "cluster.routing.allocation.disk.watermark.high": size,
    "cluster.routing.allocation.disk.watermark.flood_stage": size,
  });

  test(
    "ends the run, which goes on when there is room again",
    async () => {
      // As often as OpenSearch can be made to look.
      const { cluster, url } = await startNode({ "cluster.info.update.interval": "10s" });
      const setDisk = (transient: object) =>
        cluster.request("/_cluster/settings", "PUT", { transient });
      const index = uniqueIndex();
      await using opened = await openSink({ url, index });
      const write = async (sink: Sink, at: number) =>
        await sink.write(batchAt(BigInt(at), upsert(A, `${at}`)), NEVER).then(
          () => "written",
          (error: KonnError) => error,
        );
      // As if so much had to be free.
      await setDisk(watermarks("100000gb"));
      let at = 0;
      let outcome: unknown;
      await until(async () => {
        at += 1;
        outcome = await write(opened.sink, at);
        return outcome !== "written";
      });
      expect(outcome).toMatchObject({ code: "DISK_FULL", kind: "unavailable" });

      await setDisk(watermarks("1b"));
      await until(async () => {
        await using again = await openSink({ url, index, resume: opened.opening });
        return (await write(again.sink, at + 1)) === "written";
      });
      expect(await cluster.names(index)).toEqual({ [A]: `${at + 1}` });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "keeps a new index from being made, and one that is built from being shown",
    async () => {
      const { cluster, url } = await startNode();
      const index = uniqueIndex();
      await (await openSink({ url, index })).sink[Symbol.asyncDispose]();
      await using opened = await openSink({ url, index, fromBeginning: true });
      const name = String(opened.opening.identity["index"]);
      const block = { "index.blocks.read_only_allow_delete": true };
      await cluster.request(`/${name}/_settings`, "PUT", block);
      const error = await errorOf(opened.sink.caughtUp?.(NEVER) ?? Promise.resolve());
      expect(error).toMatchObject({ code: "DISK_FULL", kind: "unavailable" });

      const transient = { "cluster.blocks.create_index": true };
      await cluster.request("/_cluster/settings", "PUT", { transient });
      const refused = await errorOf(openSink({ url, index: uniqueIndex() }));
      expect(refused).toMatchObject({ code: "INDEX_BLOCKED", kind: "unavailable" });
      expect(refused.hint).toContain("cluster.blocks.create_index");
    },
    TEST_TIMEOUT_MS,
  );
});

describe("a server that has had too much", () => {
  test(
    "is sent smaller bulks, and larger ones again when it takes them",
    async () => {
      const { cluster, url } = await startNode();
      const sizes: number[] = [];
      await using front = startFront({
        url,
        onRequest({ path, body }) {
          if (path.includes("_bulk")) sizes.push(body.length);
        },
      });
      await using opened = await openSink({ url: front.url, index: uniqueIndex() });
      const { sink } = opened;
      let sequence = 100_000n;
      const write = async (): Promise<number> => {
        sizes.length = 0;
        // Another name each time, of one length: what the index has already is not sent.
        const events = keys(160).map((key) => bulky(key, 3, `${1_000_000n + sequence}`));
        const report = await sink.write(batchAt(sequence, ...events), NEVER);
        sequence += BigInt(events.length);
        expect(report.rejections).toEqual([]);
        return Math.max(...sizes);
      };
      const limit = (value: string | null) =>
        cluster.request("/_cluster/settings", "PUT", {
          transient: { "network.breaker.inflight_requests.limit": value },
        });
      const whole = await write();
      await limit("1mb");
      expect(await write()).toBe(whole);
      const small = await write();
      expect(small).toBeLessThan(whole);
      await limit(null);
      const later: number[] = [];
      await until(async () => later.push(await write()) > 0 && later.at(-1) === whole);
      expect(later.length).toBeGreaterThan(1);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a server that fails (500) is asked again, but not for ever",
    async () => {
      const { cluster, url } = await startNode();
      let failuresCount = 2;
      let bulksCount = 0;
      await using front = startFront({
        url,
        onRequest({ path, body }) {
          if (!path.includes("_bulk")) return undefined;
          bulksCount += 1;
          if (bulksCount > failuresCount) return undefined;
          const item = { index: { status: 500, error: { type: "null_pointer_exception" } } };
          const items = Array.from({ length: body.split("\n").length >> 1 }, () => item);
          return Response.json({ errors: true, items });
        },
      });
      const index = uniqueIndex();
      const observer = new RecordingObserver();
      await using opened = await openSink({ url: front.url, index, observer });
      const report = await opened.sink.write(batchAt(0n, upsert(A, "a")), NEVER);
      expect(report).toMatchObject({ written: 1, rejections: [] });
      expect(await cluster.names(index)).toEqual({ [A]: "a" });
      expect(observer.lines.map((line) => line.slice(0, 4))).toEqual(["warn", "info"]);

      [bulksCount, failuresCount] = [0, Infinity];
      const error = await errorOf(opened.sink.write(batchAt(1n, upsert(A, "b")), NEVER));
      expect(error).toMatchObject({ code: "OPENSEARCH_FAILED", kind: "unavailable" });
      expect(bulksCount).toBe(8);
    },
    TEST_TIMEOUT_MS,
  );
});

/**
 * Keeps a sink busy: four writes are under way at any time until it is told to stop. Each writes
 * the same keys anew.
 */
class BusyWriter {
  static readonly KEYS_COUNT = 400;
  readonly reports: WriteReport[] = [];
  readonly #stop = new AbortController();
  readonly #lines: Promise<void>[];
  #writesCount = 0;

  constructor(sink: Sink) {
    this.#lines = Array.from({ length: 4 }, async () => {
      while (!this.#stop.signal.aborted) {
        const at = this.#writesCount;
        this.#writesCount += 1;
        const events = keys(BusyWriter.KEYS_COUNT).map((key) => upsert(key, `n${at}`));
        const batch = batchAt(BigInt(at * BusyWriter.KEYS_COUNT), ...events);
        this.reports.push(await sink.write(batch, NEVER));
      }
    });
  }

  /** Resolves when this many more writes have been reported. */
  async untilMore(count: number): Promise<void> {
    const target = this.reports.length + count;
    await until(() => this.reports.length >= target);
  }

  /** Ends the writing. Returns the name that the last write gave to all keys. */
  async finish(): Promise<string> {
    this.#stop.abort();
    await Promise.all(this.#lines);
    return `n${this.#writesCount - 1}`;
  }
}

/** Whether a server answers within half a second. */
async function answers(url: string): Promise<boolean> {
  return await fetch(url, { signal: AbortSignal.timeout(500) }).then(
    () => true,
    () => false,
  );
}

const isSaidToBeAway = ({ lines }: RecordingObserver) =>
  lines.some((line) => line.startsWith("warn OpenSearch at"));

describe("a server that comes and goes", () => {
  test.each([
    [
      "a crash",
      async (service: OpenSearchService, observer: RecordingObserver) => {
        await service.kill();
        await until(() => isSaidToBeAway(observer));
        await service.restart();
      },
    ],
    ["a restart", (service: OpenSearchService) => service.restart()],
    [
      "a pause",
      async (service: OpenSearchService) => {
        await service.pause();
        await until(async () => !(await answers(service.url)));
        await service.resume();
      },
    ],
  ])(
    "%s in the middle of many writes loses nothing and is told once",
    async (name, interrupt) => {
      const { service, cluster, url } = await startNode();
      const index = uniqueIndex();
      const observer = new RecordingObserver();
      await using opened = await openSink({ url, index, observer });
      const writer = new BusyWriter(opened.sink);
      await writer.untilMore(5);
      await interrupt(service, observer);
      await writer.untilMore(5);
      const lastName = await writer.finish();
      expect(writer.reports.every((report) => sumOf(report) === BusyWriter.KEYS_COUNT)).toBe(true);
      expect(writer.reports.flatMap(({ rejections }) => rejections)).toEqual([]);
      const names = await cluster.names(index);
      expect(Object.keys(names).toSorted()).toEqual(keys(BusyWriter.KEYS_COUNT).toSorted());
      expect(new Set(Object.values(names))).toEqual(new Set([lastName]));
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
      const observer = new RecordingObserver();
      const opened = await openSink({ url, index: uniqueIndex(), observer });
      const other = await openSink({ url, index: uniqueIndex() });
      await service.kill();
      const abort = new AbortController();
      const write = errorOf(opened.sink.write(batchAt(0n, upsert(A, "a")), abort.signal));
      await until(() => isSaidToBeAway(observer));
      const startMs = performance.now();
      abort.abort();
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
      const observer = new RecordingObserver();
      await using opened = await openSink({ url, index, observer, fromBeginning: true });
      await opened.sink.write(batchAt(0n, upsert(A, "new")), NEVER);
      await service.kill();
      const shown = opened.sink.caughtUp?.(NEVER);
      await until(() => isSaidToBeAway(observer));
      await service.restart();
      expect(await shown).toBe("live");
      await until(async () => (await cluster.request("/_cluster/health")).body.status === "green");
      expect(await cluster.names(index)).toEqual({ [A]: "new" });
    },
    TEST_TIMEOUT_MS,
  );
});
