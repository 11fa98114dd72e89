import { describe, expect, spyOn, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { inspect } from "node:util";
import { NoAnswerError, OpenSearchClient } from "../../../core/connectors/opensearch/client.ts";
import { errorOf, NEVER, openSink, uniqueIndex } from "./support.ts";

const HALF_AN_ANSWER =
  'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"items":[';

/** A server that does to each request what it is told to. */
async function badServer(onRequest: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("data", () => onRequest(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** A server that answers everything alike. */
function httpServer(status: number, body: object) {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => Response.json(body, { status }),
  });
  const url = `http://127.0.0.1:${server.port}`;
  return { url, [Symbol.asyncDispose]: () => server.stop(true) };
}

describe("request()", () => {
  test.each([
    ["closed", (socket: Socket) => socket.end()],
    ["reset", (socket: Socket) => socket.resetAndDestroy()],
    ["no HTTP", (socket: Socket) => socket.end("hello\r\n\r\n")],
    ["silent", () => undefined],
    ["half an answer", (socket: Socket) => socket.end(HALF_AN_ANSWER)],
    ["the beginning of an answer", (socket: Socket) => socket.write(HALF_AN_ANSWER)],
    [
      "half an answer, then reset",
      (socket: Socket) => socket.write(HALF_AN_ANSWER, () => socket.resetAndDestroy()),
    ],
  ])("throws when the other side is %s, and prints nothing", async (_name, onRequest) => {
    using server = await badServer(onRequest);
    const print = spyOn(console, "log").mockImplementation(() => undefined);
    const client = await OpenSearchClient.create({ url: server.url });
    const body = { text: "s3cret" };
    const request = { method: "POST", path: "/x", body, timeoutMs: 400 } as const;
    const error = await errorOf(client.request(request));
    await Bun.sleep(50);
    expect(error).toBeInstanceOf(NoAnswerError);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("s3cret");
    expect(print).not.toHaveBeenCalled();
    print.mockRestore();
    await client.close();
  });

  test("ends soon when its signal aborts", async () => {
    using server = await badServer(() => undefined);
    const client = await OpenSearchClient.create({ url: server.url });
    const abort = new AbortController();
    const request = errorOf(client.request({ method: "GET", path: "/" }, abort.signal));
    const startMs = performance.now();
    setTimeout(() => abort.abort(), 50);
    expect(await request).toBeInstanceOf(NoAnswerError);
    expect(performance.now() - startMs).toBeLessThan(1_000);
    await client.close();
  });
});

describe("open() refuses", () => {
  test("what nobody listens on, at once, and says what to do", async () => {
    const startMs = performance.now();
    const url = "http://konn:s3cret@127.0.0.1:1";
    const error = await errorOf(openSink({ url, index: uniqueIndex() }));
    expect(performance.now() - startMs).toBeLessThan(5_000);
    expect(error).toMatchObject({
      code: "OPENSEARCH_UNREACHABLE",
      kind: "unavailable",
      mayPass: true,
    });
    expect(error.message).toStartWith("Cannot reach OpenSearch at http://127.0.0.1:1: ");
    expect(error.hint).toContain("--opensearch-url");
    expect(error.hint).toContain("--wait 60s");
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("s3cret");
  });

  test("a server that does not answer, in less than five seconds", async () => {
    using server = await badServer(() => undefined);
    const startMs = performance.now();
    const error = await errorOf(openSink({ url: server.url, index: uniqueIndex() }));
    expect(performance.now() - startMs).toBeLessThan(5_000);
    expect(error).toMatchObject({ code: "OPENSEARCH_UNREACHABLE", mayPass: true });
  }, 10_000);

  test.each([
    ["Elasticsearch", { version: { number: "8.13.0", build_flavor: "default" } }],
    ["OpenSearch 1", { version: { number: "1.3.20", distribution: "opensearch" } }],
    ["OpenSearch 2.11", { version: { number: "2.11.1", distribution: "opensearch" } }],
    ["anything else", { hello: "world" }],
  ])("%s", async (_name, answer) => {
    await using server = httpServer(200, answer);
    const error = await errorOf(openSink({ url: server.url, index: uniqueIndex() }));
    expect(error).toMatchObject({ code: "OPENSEARCH_UNSUPPORTED", mayPass: false });
  });

  test.each([
    [401, "OPENSEARCH_UNAUTHORIZED", false],
    [403, "OPENSEARCH_FORBIDDEN", false],
    [503, "OPENSEARCH_UNREACHABLE", true],
  ])("an answer %d with %s", async (status, code, mayPass) => {
    await using server = httpServer(status, { error: { type: "some_exception" } });
    const error = await errorOf(openSink({ url: server.url, index: uniqueIndex() }));
    expect(error).toMatchObject({ code, mayPass });
  });

  test("a cluster that is still forming, which may pass", async () => {
    const version = { number: "3.0.0", distribution: "opensearch" };
    await using server = httpServer(200, { cluster_uuid: "_na_", version });
    const error = await errorOf(openSink({ url: server.url, index: uniqueIndex() }));
    expect(error).toMatchObject({ code: "OPENSEARCH_UNREACHABLE", mayPass: true });
  });
});

test.each(["2.12.0", "3.0.0"])("identify() tells the cluster of OpenSearch %s", async (number) => {
  const version = { number, distribution: "opensearch" };
  await using server = httpServer(200, { cluster_uuid: "u1", version });
  const client = await OpenSearchClient.create({ url: server.url });
  expect(await client.identify(NEVER)).toEqual({ clusterId: "u1" });
  await client.close();
});
