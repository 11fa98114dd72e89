import type { RunMeter } from "../observe/run_meter.ts";
import { listenOn } from "./listen.ts";
import { Readiness } from "./readiness.ts";
import { RunMetrics } from "./run_metrics.ts";

export interface HealthServerOptions {
  readonly hostname: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** How long an event may wait before the run is no longer ready, in milliseconds. */
  readonly maxLagMs: number;
  /** What the sequences of the run's source count. */
  readonly unit: "events" | "bytes";
}

/** Tells over HTTP how a run is. */
export interface HealthServer extends AsyncDisposable {
  /** Where it listens. */
  readonly url: string;
  /** To be told what the run does. */
  readonly meter: RunMeter;
}

/**
 * Starts to answer `GET /healthz` (the process lives), `/readyz` (the run is where it should be, or
 * why not) and `/metrics` (Prometheus). Throws `LISTEN_FAILED`.
 */
export function startHealthServer(options: HealthServerOptions): HealthServer {
  const readiness = new Readiness(options);
  const isReady = (): boolean => readiness.reasons().length === 0;
  const isReachable = (end: "source" | "sink") => readiness.isReachable(end);
  const metrics = new RunMetrics({ unit: options.unit, isReady, isReachable });
  const routes: Readonly<Record<string, () => Promise<Response> | Response>> = {
    "/healthz": () => new Response("ok\n", { headers: TEXT_HEADERS }),
    "/readyz": () => readyResponse(readiness.reasons()),
    "/metrics": async () =>
      new Response(await metrics.text(), {
        headers: { ...HEADERS, "content-type": metrics.contentType },
      }),
  };
  const server = listenOn(options, async (request) => {
    const { pathname } = new URL(request.url);
    const route = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined;
    if (route === undefined) return failure(404, `There are ${Object.keys(routes).join(", ")}.`);
    if (request.method !== "GET") return failure(405, "Only GET is answered.", { allow: "GET" });
    return await route();
  });
  return {
    url: server.url.origin,
    meter: meterOf(readiness, metrics),
    [Symbol.asyncDispose]: async () => await server.stop(true),
  };
}

/** Tells both what the run says, each what concerns it. */
function meterOf(readiness: Readiness, metrics: RunMetrics): RunMeter {
  return {
    began: (facts) => readiness.began(facts),
    read: (count) => metrics.read(count),
    settled: (counts) => metrics.settled(counts),
    refused: (code) => metrics.refused(code),
    retried: (count) => metrics.retried(count),
    wrote: (request) => metrics.wrote(request),
    lag: (lag) => {
      readiness.lag(lag);
      metrics.lag(lag);
    },
    checkpointed: () => metrics.checkpointed(),
    reach: (part, problem) => readiness.reach(part, problem),
  };
}

const HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const;
const TEXT_HEADERS = { ...HEADERS, "content-type": "text/plain; charset=utf-8" } as const;

function readyResponse(reasons: readonly string[]): Response {
  const ready = reasons.length === 0;
  return Response.json({ ready, reasons }, { status: ready ? 200 : 503, headers: HEADERS });
}

function failure(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(`${text}\n`, { status, headers: { ...TEXT_HEADERS, ...headers } });
}
