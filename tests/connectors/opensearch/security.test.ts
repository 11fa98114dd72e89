import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { createServer, type AddressInfo } from "node:net";
import { NoAnswerError, OpenSearchClient } from "../../../core/connectors/opensearch/client.ts";
import type { OpenSearchSecurity } from "../../../core/connectors/opensearch/security.ts";
import { TemporaryFolder } from "../../fakes/temporary_folder.ts";
import {
  LOOPBACK_NAMES,
  type OpenSearchService,
  startSecureOpenSearch,
  TestAuthority,
} from "../../services/mod.ts";
import { A, B, tombstone, upsert } from "../../indexing/batches.ts";
import {
  batchAt,
  errorOf,
  NEVER,
  openSink,
  type OpenSinkOptions,
  RecordingObserver,
  uniqueIndex,
} from "./support.ts";

const PASSWORD = "s3cret/p@ss:%41";
const ADMIN_PASSWORD = "s3cret-admin";

const folder = new TemporaryFolder();
let authority: TestAuthority;
let stranger: TestAuthority;
let openSearch: OpenSearchService;
let security: OpenSearchSecurity;

beforeAll(async () => {
  authority = new TestAuthority(folder.path, "konn-test-ca");
  stranger = new TestAuthority(folder.path, "unknown-ca");
  openSearch = await startSecureOpenSearch({
    authority,
    users: [
      { name: "admin", password: ADMIN_PASSWORD, isAdmin: true },
      { name: "konn", password: PASSWORD, isAdmin: true },
      {
        name: "indexer",
        password: PASSWORD,
        permissions: {
          cluster: ["cluster_composite_ops", "cluster_monitor"],
          indexes: ["allowed-*"],
          actions: ["crud", "manage"],
        },
      },
      {
        name: "reader",
        password: PASSWORD,
        permissions: {
          cluster: ["cluster_composite_ops", "cluster_monitor"],
          indexes: ["allowed-*"],
          actions: ["read", "indices_monitor", "indices:admin/get", "indices:admin/aliases/get"],
        },
      },
    ],
  });
  const ca = readFileSync(authority.caFile, "utf8");
  security = { tls: { ca }, credentials: { username: "konn", password: PASSWORD } };
}, 10 * 60_000);

afterAll(async () => {
  await openSearch?.stop();
  folder[Symbol.dispose]();
});

test("credentials in a URL are used, whatever characters they have, and not shown", async () => {
  const encoded = encodeURIComponent(PASSWORD);
  const url = openSearch.url.replace("https://", `https://konn:${encoded}@`);
  const client = await OpenSearchClient.create({ url, tls: security.tls ?? {} });
  expect((await client.identify(NEVER)).clusterId).not.toBe("");
  expect(client.url).toBe(openSearch.url);
  await client.close();
});

/** A sink of a user who is no administrator. */
function sinkOf(username: string, index: string, options: Partial<OpenSinkOptions> = {}) {
  const { tls = {} } = security;
  const credentials = { username, password: PASSWORD };
  return openSink({ ...options, url: openSearch.url, index, tls, credentials });
}

test("crud and manage on the indexes of an alias are enough, for a rebuild too", async () => {
  const index = `allowed-${uniqueIndex()}`;
  {
    await using live = await sinkOf("indexer", index);
    await live.sink.write(batchAt(0n, upsert(A, "old")), NEVER);
    await live.sink.caughtUp?.(NEVER);
  }
  const observer = new RecordingObserver();
  const purging = { observer, keepTombstonesMs: 0, keepIndexesCount: 0, fromBeginning: true };
  await (await sinkOf("indexer", index, { fromBeginning: true })).sink[Symbol.asyncDispose]();
  await using opened = await sinkOf("indexer", index, purging);
  const batch = { ...batchAt(0n, upsert(A, "new"), tombstone(B)), nextSequence: 2n };
  expect(await opened.sink.write(batch, NEVER)).toMatchObject({ written: 1, deleted: 1 });
  opened.sink.checkpointed?.(new Map([[batch.lane, 2n]]));
  expect(await opened.sink.caughtUp?.(NEVER)).toBe("live");
  expect(observer.lines).toEqual([
    `info ${index} now stands for ${opened.opening.identity["index"]}`,
  ]);
});

test("a user who may only read ends the writing, and is told what is lacking", async () => {
  const index = `allowed-${uniqueIndex()}`;
  await using _live = await sinkOf("indexer", index);
  await using opened = await sinkOf("reader", index);
  const error = await errorOf(opened.sink.write(batchAt(0n, upsert(A, "a")), NEVER));
  expect(error).toMatchObject({ code: "OPENSEARCH_FORBIDDEN", kind: "unavailable" });
  expect(error.hint).toContain("crud and manage");
});

test("a user who may not make indexes is told so", async () => {
  const error = await errorOf(sinkOf("reader", `allowed-${uniqueIndex()}`));
  expect(error).toMatchObject({ code: "OPENSEARCH_FORBIDDEN", kind: "unavailable" });
  expect(error.hint).toContain("crud and manage");
});

test("a password that is withdrawn ends the writing", async () => {
  const index = uniqueIndex();
  await using opened = await openSink({ ...security, url: openSearch.url, index });
  await opened.sink.write(batchAt(0n, upsert(A, "first")), NEVER);
  const response = await fetch(`${openSearch.url}/_plugins/_security/api/internalusers/konn`, {
    method: "PUT",
    headers: {
      authorization: `Basic ${btoa(`admin:${ADMIN_PASSWORD}`)}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ password: "An0ther-s3cret-of-konn" }),
    tls: { ca: readFileSync(authority.caFile, "utf8") },
  });
  expect(response.status).toBe(200);
  const error = await errorOf(opened.sink.write(batchAt(1n, upsert(A, "second")), NEVER));
  expect(error).toMatchObject({
    code: "OPENSEARCH_UNAUTHORIZED",
    kind: "unavailable",
    mayPass: false,
  });
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(PASSWORD);
});

describe("a request", () => {
  test("to a server that became a stranger is not sent again: that would never end", async () => {
    await using server = tlsServer(stranger);
    const client = await OpenSearchClient.create({ ...security, url: server.url });
    const bulk = errorOf(client.bulk("alias", Buffer.from("{}\n{}\n"), NEVER));
    expect(await bulk).toMatchObject({
      code: "OPENSEARCH_CERTIFICATE_UNTRUSTED",
      kind: "unavailable",
      mayPass: false,
    });
    await client.close();
  });

  test("that is cut in the TLS handshake may be sent again", async () => {
    await using server = await hangingUpServer();
    const client = await OpenSearchClient.create({ ...security, url: server.url });
    const request = client.request({ method: "GET", path: "/" });
    expect(await errorOf(request)).toBeInstanceOf(NoAnswerError);
    expect(await errorOf(client.identify(NEVER))).toMatchObject({
      code: "OPENSEARCH_UNREACHABLE",
      mayPass: true,
    });
    await client.close();
  });

  test("in plaintext to a server that hangs up may be sent again", async () => {
    await using server = await hangingUpServer();
    const url = server.url.replace("https:", "http:");
    const client = await OpenSearchClient.create({ url });
    expect(await errorOf(client.identify(NEVER))).toMatchObject({
      code: "OPENSEARCH_UNREACHABLE",
      mayPass: true,
    });
    await client.close();
  });
});

describe("create() refuses", () => {
  const credentials = { username: "konn", password: PASSWORD };

  test.each([
    ["a password in plaintext to another machine", "http://search.example:9200", { credentials }],
    ["one that stands in the URL", "http://konn:s3cret@search.example:9200", {}],
    [
      "one for a host that only begins like this one",
      "http://127.0.0.1.example:9200",
      { credentials },
    ],
  ])("%s", async (_name, url, options) => {
    const error = await errorOf(OpenSearchClient.create({ url, ...options }));
    expect(error).toMatchObject({ code: "OPENSEARCH_CREDENTIALS_EXPOSED", kind: "usage" });
    expect(`${error.message} ${error.hint}`).not.toContain("s3cret");
    await (await OpenSearchClient.create({ url, ...options, insecure: true })).close();
  });

  test("certificates that would not be used", async () => {
    const url = "http://127.0.0.1:9200";
    const error = await errorOf(OpenSearchClient.create({ url, tls: { ca: "PEM" } }));
    expect(error).toMatchObject({ code: "OPENSEARCH_NOT_TLS", kind: "usage" });
  });

  test.each(["http://localhost:9200", "http://127.1.2.3:9200", "http://[::1]:9200"])(
    "no password for this machine: %s",
    async (url) => {
      await (await OpenSearchClient.create({ url, credentials })).close();
    },
  );
});

/** Some server of this name's authority. */
function tlsServer(signer: TestAuthority) {
  const { certFile, keyFile } = signer.issue({
    commonName: "server",
    alternativeNames: LOOPBACK_NAMES,
  });
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { cert: Bun.file(certFile), key: Bun.file(keyFile) },
    fetch: () => Response.json({}),
  });
  const url = `https://127.0.0.1:${server.port}`;
  return { url, [Symbol.asyncDispose]: () => server.stop(true) };
}

async function hangingUpServer() {
  const server = createServer((socket) => {
    socket.on("error", () => undefined).on("data", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}
