import { expect, test } from "bun:test";
import { askHealth } from "../../core/serve/health_client.ts";
import { startHealthServer } from "../../core/serve/health_server.ts";
import { freePort } from "../services/ports.ts";

const NEVER = new AbortController().signal;

function start() {
  return startHealthServer({ hostname: "127.0.0.1", port: 0, maxLagMs: 60_000, unit: "events" });
}

test("askHealth() hears that a process lives, and why it is not ready", async () => {
  await using server = start();
  expect(await askHealth(new URL("/healthz", server.url), NEVER)).toEqual({
    isHealthy: true,
    status: 200,
    reasons: [],
  });
  expect(await askHealth(new URL("/readyz", server.url), NEVER)).toEqual({
    isHealthy: false,
    status: 503,
    reasons: ["the run has not begun: its ends are not open yet"],
  });
});

test("askHealth() takes a redirect for no answer, and reads no more than it needs", async () => {
  await using elsewhere = start();
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ url }) =>
      url.endsWith("/moved")
        ? Response.redirect(`${elsewhere.url}/healthz`)
        : new Response(endlessBody()),
  });
  expect(await failureOf(new URL("/moved", server.url))).toMatchObject({
    code: "HEALTH_UNREACHABLE",
  });
  const endless = await askHealth(new URL("/endless", server.url), NEVER);
  expect(endless).toEqual({ isHealthy: true, status: 200, reasons: [] });
});

test("askHealth() says that nothing answers, and what to look at", async () => {
  const url = new URL(`http://127.0.0.1:${await freePort()}/healthz`);
  expect(await failureOf(url)).toMatchObject({
    code: "HEALTH_UNREACHABLE",
    kind: "unavailable",
    hint: expect.stringContaining("--listen"),
  });
});

async function failureOf(url: URL): Promise<unknown> {
  return await askHealth(url, NEVER).catch((error: unknown) => error);
}

function endlessBody(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(16_384)),
  });
}
