import { describe, expect, test } from "bun:test";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { type HealthServer, startHealthServer } from "../../core/serve/health_server.ts";
import { thrownBy } from "../fakes/thrown_by.ts";
import { parseExposition } from "./exposition.ts";

function start(): HealthServer {
  return startHealthServer({ hostname: "127.0.0.1", port: 0, maxLagMs: 60_000, unit: "events" });
}

async function metricsOf({ url }: HealthServer) {
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  return parseExposition(await response.text());
}

describe("startHealthServer()", () => {
  test("tells that the process lives, and that a run which has not begun is not ready", async () => {
    await using server = start();
    const health = await fetch(`${server.url}/healthz`);
    expect([health.status, await health.text()]).toEqual([200, "ok\n"]);
    const ready = await fetch(`${server.url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({
      ready: false,
      reasons: ["the run has not begun: its ends are not open yet"],
    });
  });

  test("is ready once the run has begun", async () => {
    await using server = start();
    server.meter.began({ isFollowing: true });
    const ready = await fetch(`${server.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, reasons: [] }]);
    expect((await metricsOf(server)).value("konn_ready")).toBe(1);
  });

  test("counts what the run says, in a text that keeps to the format", async () => {
    await using server = start();
    const { meter } = server;
    meter.began({ isFollowing: true });
    meter.read(10);
    meter.settled({ written: 3, deleted: 1, skipped: { superseded: 2, unchanged: 1 } });
    meter.settled({ written: 0, deleted: 0, skipped: { superseded: 1 } });
    meter.refused('A"B\\C\n');
    meter.refused("D");
    meter.retried(4);
    meter.wrote({ documentsCount: 4, bytes: 5_000, seconds: 0.02 });
    meter.wrote({ documentsCount: 900, bytes: 500_000, seconds: 0.3 });
    meter.lag({ sequences: 7n, oldestMs: Date.now() - 12_000 });
    meter.checkpointed();
    meter.reach("sink", "ECONNREFUSED");
    const metrics = await metricsOf(server);
    expect(metrics.value("konn_events_read_total")).toBe(10);
    expect(metrics.value("konn_events_written_total")).toBe(3);
    expect(metrics.value("konn_events_deleted_total")).toBe(1);
    expect(metrics.value("konn_events_skipped_total", { reason: "superseded" })).toBe(3);
    expect(metrics.value("konn_events_skipped_total", { reason: "unchanged" })).toBe(1);
    expect(metrics.value("konn_events_refused_total", { code: 'A"B\\C\n' })).toBe(1);
    expect(metrics.value("konn_events_refused_total", { code: "D" })).toBe(1);
    expect(metrics.value("konn_retries_total")).toBe(4);
    expect(metrics.value("konn_bulk_size_bytes_sum")).toBe(505_000);
    expect(metrics.value("konn_bulk_size_bytes_bucket", { le: "16384" })).toBe(1);
    expect(metrics.value("konn_bulk_documents_count")).toBe(2);
    expect(metrics.value("konn_bulk_duration_seconds_bucket", { le: "0.025" })).toBe(1);
    expect(metrics.value("konn_lag_events")).toBe(7);
    expect(metrics.value("konn_lag_seconds")).toBeWithin(12, 14);
    expect(metrics.value("konn_checkpoint_age_seconds")).toBeWithin(0, 2);
    expect(metrics.value("konn_reachable", { end: "source" })).toBe(1);
    expect(metrics.value("konn_reachable", { end: "sink" })).toBe(0);
    expect(metrics.value("konn_ready")).toBe(0);
    const [build = ""] = [...metrics.series("konn_build_info").keys()];
    expect(new Map(JSON.parse(build)).get("version")).toMatch(/^\d+\.\d+\.\d+/);
    expect(metrics.value("process_resident_memory_bytes")).toBeGreaterThan(1_000_000);
  });

  test("has no value for what is not known: no ends, no checkpoint", async () => {
    await using server = start();
    const metrics = await metricsOf(server);
    expect(metrics.series("konn_lag_events").size).toBe(0);
    expect(metrics.series("konn_lag_seconds").size).toBe(0);
    expect(metrics.series("konn_reachable").size).toBe(0);
    expect(metrics.series("konn_checkpoint_age_seconds").size).toBe(0);
  });

  test("counts CPU time once, however often it is asked", async () => {
    await using server = start();
    const first = (await metricsOf(server)).value("process_cpu_seconds_total");
    const second = (await metricsOf(server)).value("process_cpu_seconds_total");
    expect(second).toBeWithin(first, first * 1.9);
  });

  test("has every metric that docs/operations.md names, and no other", async () => {
    await using server = start();
    const { types } = await metricsOf(server);
    const docs = readFileSync("docs/operations.md", "utf8");
    const named = new Set(
      [...docs.matchAll(/\b(?:konn|process)_[a-z_]+\b/g)].map(([name]) =>
        name.replace(/_bucket$/, ""),
      ),
    );
    named.delete("konn_lag_bytes");
    expect([...types.keys()].toSorted()).toEqual([...named].toSorted());
  });

  test("answers nothing but GET, and only what it has", async () => {
    await using server = start();
    for (const method of ["POST", "PUT", "DELETE", "HEAD"]) {
      const response = await fetch(`${server.url}/metrics`, { method });
      expect([method, response.status]).toEqual([method, 405]);
      expect(response.headers.get("allow")).toBe("GET");
    }
    for (const path of ["/", "/metrics/", "/toString", "/__proto__"]) {
      expect([path, (await fetch(server.url + path)).status]).toEqual([path, 404]);
    }
  });

  test("shares its address with no other one", async () => {
    await using first = start();
    const port = Number(new URL(first.url).port);
    const second = { hostname: "127.0.0.1", port, maxLagMs: 60_000, unit: "events" } as const;
    expect(thrownBy(() => startHealthServer(second)).code).toBe("LISTEN_FAILED");
  });

  test("says that an address is taken", async () => {
    // By something that is not konn.
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    const { code, message } = thrownBy(() =>
      startHealthServer({ hostname: "127.0.0.1", port, maxLagMs: 1, unit: "events" }),
    );
    other.close();
    expect(code).toBe("LISTEN_FAILED");
    expect(message).toContain(`Cannot listen on 127.0.0.1:${port}`);
  });
});
