import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { type Exposition, parseExposition } from "../serve/exposition.ts";
import { TcpProxy } from "../services/mod.ts";
import { konn, serviceEnvironment, spawnKonn, uniqueName } from "./konn.ts";
import { eventually, healthOf } from "./waiting.ts";

/** Rows that change often, rows that go, and what no document can be made of. */
const EVENTS_COUNT = 6_000;
const REFUSED_COUNT = 7;

function events(): string {
  return Array.from({ length: EVENTS_COUNT }, (_, at) => {
    const type = at % 13 === 0 ? "store_event" : "service";
    const key = `c/1/o/${type}/${at % 700}`;
    const value = JSON.stringify({
      object: { id: `${at % 700}`, name: `name ${Math.floor(at / 1_400)}` },
    });
    const isDelete = at % 41 === 0;
    const row = { key, value };
    return JSON.stringify({
      before: isDelete ? row : null,
      after: isDelete ? null : row,
      op: isDelete ? "d" : "u",
      ts_ms: Date.now(),
      source: { lsn: at + 1 },
    });
  })
    .concat(Array.from({ length: REFUSED_COUNT }, () => oversizedKeyEvent()))
    .join("\n");
}

function oversizedKeyEvent(): string {
  const key = `c/1/o/service/${"k".repeat(600)}`;
  return JSON.stringify({ before: null, after: { key, value: "{}" }, op: "c", ts_ms: 1 });
}

async function scrape(url: string): Promise<Exposition> {
  return parseExposition(await (await fetch(`${url}/metrics`)).text());
}

async function readiness(url: string): Promise<{ status: number; reasons: string[] }> {
  const response = await fetch(`${url}/readyz`);
  const { reasons } = (await response.json()) as { reasons: string[] };
  return { status: response.status, reasons };
}

function sumOf(metrics: Exposition, name: string): number {
  return [...metrics.series(name).values()].reduce((sum, value) => sum + value, 0);
}

describe("--listen", () => {
  const folder = new TemporaryFolder();
  afterAll(() => folder[Symbol.dispose]());
  const topic = uniqueName("metrics");
  let environment: Record<string, string>;

  beforeAll(async () => {
    environment = await serviceEnvironment();
    writeFileSync(folder.file("events.jsonl"), events());
    const args = ["replay", "events.jsonl", "--topic", topic];
    expect(await konn(args, { cwd: folder.path, environment })).toMatchObject({ exitCode: 0 });
  });

  test("counts under load only rise, and in the end are those of the summary", async () => {
    const index = uniqueName("metrics");
    const args = ["sync", "--topic", topic, "--index", index, "--json", "--listen", "0"];
    const child = spawnKonn([...args, "--rate", "4000/s"], { cwd: folder.path, environment });
    try {
      const { url } = await healthOf(child);
      expect(new URL(url).hostname).toBe("127.0.0.1");
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      const reads: number[] = [];
      let metrics = await scrape(url);
      await eventually(async () => {
        metrics = await scrape(url);
        reads.push(metrics.value("konn_events_read_total"));
        const settled =
          metrics.value("konn_events_written_total") +
          metrics.value("konn_events_deleted_total") +
          sumOf(metrics, "konn_events_skipped_total") +
          sumOf(metrics, "konn_events_refused_total");
        expect(settled).toBeLessThanOrEqual(reads.at(-1) ?? 0);
        return settled >= EVENTS_COUNT + REFUSED_COUNT;
      });
      expect(reads).toEqual(reads.toSorted((a, b) => a - b));
      expect(reads.some((count) => count > 0 && count < EVENTS_COUNT)).toBeTrue();
      await eventually(async () => (await scrape(url)).value("konn_lag_events") === 0);
      await eventually(async () => (await readiness(url)).status === 200);
      metrics = await scrape(url);
      expect(metrics.value("konn_ready")).toBe(1);
      expect(metrics.value("konn_lag_seconds")).toBe(0);
      expect(metrics.value("konn_checkpoint_age_seconds")).toBeWithin(0, 45);

      child.kill("SIGTERM");
      const summary = JSON.parse(await child.stdout.text());
      expect(await child.exited).toBe(0);
      expect(metrics.value("konn_events_read_total")).toBe(summary.events);
      expect(metrics.value("konn_events_written_total")).toBe(summary.written);
      expect(metrics.value("konn_events_deleted_total")).toBe(summary.deleted);
      expect(summary.deleted).toBeGreaterThan(0);
      const skipped = Object.entries<number>(summary.skipped).filter(([, count]) => count > 0);
      expect(summary.skipped.unsearched_type).toBeGreaterThan(0);
      for (const [reason, count] of skipped) {
        expect(metrics.value("konn_events_skipped_total", { reason })).toBe(count);
      }
      const summed = skipped.reduce((sum, [, count]) => sum + count, 0);
      expect(sumOf(metrics, "konn_events_skipped_total")).toBe(summed);
      expect(summary.dead_letters).toBe(REFUSED_COUNT);
      expect(sumOf(metrics, "konn_events_refused_total")).toBe(REFUSED_COUNT);
      expect(metrics.value("konn_retries_total")).toBe(summary.retries);
      // Each document was in one bulk, where nothing was sent twice.
      const documents = summary.written + summary.deleted;
      if (summary.retries === 0) {
        expect(metrics.value("konn_bulk_documents_sum")).toBe(documents);
      }
      expect(metrics.value("konn_bulk_size_bytes_sum")).toBeGreaterThan(documents * 50);
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("is not ready without OpenSearch, says so, and is again when that is back", async () => {
    const { port } = new URL(environment["KONN_OPENSEARCH_URL"] ?? "");
    await using proxy = await TcpProxy.start({ upstreamPort: Number(port) });
    const child = spawnKonn(
      ["sync", "--topic", topic, "--index", uniqueName("metrics"), "--listen", "127.0.0.1:0"],
      {
        cwd: folder.path,
        environment: { ...environment, KONN_OPENSEARCH_URL: `http://${proxy.address}` },
      },
    );
    try {
      const { url } = await healthOf(child);
      await eventually(async () => (await readiness(url)).status === 200);
      await proxy.refuse();
      await eventually(async () => {
        const { status, reasons } = await readiness(url);
        return status === 503 && reasons.join().includes("the sink does not answer");
      });
      expect((await scrape(url)).value("konn_reachable", { end: "sink" })).toBe(0);
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      await proxy.accept();
      await eventually(async () => (await readiness(url)).status === 200);
    } finally {
      child.kill("SIGKILL");
      await child.exited;
    }
  });

  test("an address that is taken is exit code 3 before anything is read", async () => {
    const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const args = ["sync", "--topic", topic, "--listen", `127.0.0.1:${taken.port}`];
    const result = await konn(args, { cwd: folder.path, environment });
    taken.stop();
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toContain("LISTEN_FAILED");
  });
});
