import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import * as fc from "fast-check";
import { startServer, type RunningServer } from "../../core/serve/mod.ts";
import { SILENT_LOGGER } from "../../core/observe/observer.ts";
import { asker } from "./asking.ts";
import { sampleIndex, type SampleIndex } from "./sample_index.ts";

const QUERIES_COUNT = 10_000;
const SLOWEST_MS = 1_000;

const PIECES = [
  "AND",
  "OR",
  "NOT",
  "&&",
  "||",
  "!",
  "(",
  ")",
  "((",
  "))",
  "[",
  "]",
  "{",
  "}",
  '"',
  "'",
  "*",
  "?",
  "~",
  "~2",
  "^",
  "^99",
  ":",
  "::",
  "\\",
  "/",
  "-",
  "+",
  "<",
  ">",
  "=",
  "$",
  "%",
  "%00",
  "..",
  ";",
  "type:",
  "id:",
  "name:",
  "labels.",
  "labels.env:",
  "labels..:",
  "label.a=b:",
  "@",
  "@x:",
  "@parent:",
  "@__proto__:",
  "@constructor:",
  "@updated_at:2026-02-24",
  "@updated_at:9999-99-99",
  "type:__proto__",
  "description:",
  "_exists_:x",
  "_source:*",
  "[a TO b]",
  "{* TO *}",
  "/(a+)+$/",
  "' OR 1=1 --",
  "'; DROP TABLE entity_1; --",
  '" UNION SELECT sql FROM sqlite_schema --',
  "NEAR(a b, 5)",
  "name MATCH 'x'",
  "{name rest}: a",
  "-- ",
  "/*",
  "*/",
  "\0",
  "\x01",
  "\x1b[2J",
  "\r\n",
  "\t",
  "\u202e",
  "\u200f",
  "\u2066",
  "\u200b",
  "\ufeff",
  "\ud800",
  "\udfff",
  "ﬁ",
  "İ",
  "ß",
  "👩‍👩‍👧‍👦",
  "🇩🇪",
  "שלום",
  "مرحبا",
  "日本語",
  "ก็็็็็็็",
  "Z͑ͫ̓ͪ̂ͫ",
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "${7*7}",
  "{{7*7}}",
  "../../etc/passwd",
  "http://evil.example/?q=1",
  "gateway",
  "gatway",
  "node",
  "c/04397908-e846-4019-aeaa-2422a1cb7b6c/o/service/",
  "0",
  "NaN",
  "null",
  "true",
  " ",
  "  ",
];

/** Queries that somebody makes who wants to break something, and those that nobody makes. */
const query = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.array(fc.constantFrom(...PIECES), { maxLength: 24 }).map((list) => list.join("")),
  },
  {
    weight: 4,
    arbitrary: fc
      .array(fc.constantFrom(...PIECES), { maxLength: 24 })
      .map((list) => list.join(" ")),
  },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 256 }) },
  { weight: 2, arbitrary: fc.string({ unit: "grapheme", maxLength: 256 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...PIECES).map((piece) => piece.repeat(200).slice(0, 256)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...PIECES).map((piece) => piece.repeat(10_000).slice(0, 10_240)),
  },
);

let index: SampleIndex;
let server: RunningServer;
beforeAll(async () => {
  index = await sampleIndex();
  const listen = { hostname: "127.0.0.1", port: 0 };
  server = startServer({ listen, searcher: index.searcher, log: SILENT_LOGGER });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await index[Symbol.asyncDispose]();
});

describe("hostile queries", () => {
  test(`${QUERIES_COUNT} of them: found, nothing found or refused, each within a second`, async () => {
    const ask = asker({ searcher: index.searcher });
    const before = (await ask("/v1/search?q=")).text;
    const statuses = new Map<number, number>();
    let slowestMs = 0;
    await fc.assert(
      fc.asyncProperty(query, async (text) => {
        const startedMs = performance.now();
        const { status, json } = await ask(
          `/v1/search?${new URLSearchParams({ q: text }).toString()}`,
        );
        const tookMs = performance.now() - startedMs;
        slowestMs = Math.max(slowestMs, tookMs);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        expect([200, 400]).toContain(status);
        expect(tookMs).toBeLessThan(SLOWEST_MS);
        if (status === 200) expect(Array.isArray(json.data)).toBe(true);
        else expect(json.invalid_parameters[0].field).toBe("q");
      }),
      { numRuns: QUERIES_COUNT, endOnFailure: true },
    );
    console.log(
      `hostile queries: ${JSON.stringify(Object.fromEntries(statuses))}, slowest ${slowestMs.toFixed(0)} ms`,
    );
    // Both kinds were among them, and nothing of the index has changed.
    expect([...statuses.keys()].toSorted((a, b) => a - b)).toEqual([200, 400]);
    expect((await ask("/v1/search?q=")).text).toBe(before);
  }, 300_000);

  test.each(["constructor", "toString", "__proto__", "hasOwnProperty", "valueOf"])(
    "%s is a word like any other",
    async (word) => {
      const ask = asker({ searcher: index.searcher });
      for (const text of [word, `${word} api`, `type:${word}`, `@${word}:x`, `labels.${word}:x`]) {
        const { status } = await ask(`/v1/search?${new URLSearchParams({ q: text }).toString()}`);
        expect([text, status]).toEqual([text, 200]);
      }
      expect((await ask(`/v1/search?q=&type=${word}`)).json.data).toEqual([]);
    },
  );

  test("in the other parameters and in the path", async () => {
    const ask = asker({ searcher: index.searcher });
    const names = ["q", "type", "control_plane", "page[size]", "page[after]", "key", "x"];
    const paths = ["/v1/search", "/v1/search/types", "/v1/entities", "/healthz", "/", "/%2e%2e/x"];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...paths),
        fc.array(fc.tuple(fc.constantFrom(...names), query), { maxLength: 6 }),
        async (path, pairs) => {
          const { status } = await ask(
            `${path}?${new URLSearchParams([["q", ""], ...pairs]).toString()}`,
          );
          expect([200, 400, 404]).toContain(status);
        },
      ),
      { numRuns: 1_000, endOnFailure: true },
    );
  }, 120_000);

  test("bytes that are no percent-encoding, over a real connection", async () => {
    for (const line of [
      "GET /v1/search?q=%ff%fe%zz%1 HTTP/1.1",
      "GET /v1/search?q=%00%c0%af HTTP/1.1",
      `GET /v1/search?q=${"%e2%98%83".repeat(1_200)} HTTP/1.1`,
      `GET /v1/search?q=${"a".repeat(100_000)} HTTP/1.1`,
      "GET //evil.example/v1/search?q= HTTP/1.1",
      "GET /../../etc/passwd HTTP/1.1",
      "get /v1/search?q= HTTP/1.1",
      "TRACE / HTTP/1.1",
    ]) {
      const status = await rawStatus(line);
      expect([line.slice(0, 40), status >= 200 && status < 500]).toEqual([line.slice(0, 40), true]);
    }
    expect((await fetch(new URL("/healthz", server.url))).status).toBe(200);
  });
});

/** The status of a request as it is written here, 400 where the connection is closed without one. */
function rawStatus(line: string): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const socket = connect(server.port, "127.0.0.1", () => {
    socket.write(`${line}\r\nHost: 127.0.0.1:${server.port}\r\nConnection: close\r\n\r\n`);
  });
  let text = "";
  socket.on("data", (bytes) => (text += bytes.toString("latin1")));
  socket.on("error", () => socket.destroy());
  socket.on("close", () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 400)));
  return promise;
}
