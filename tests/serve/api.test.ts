import { describe, expect, test } from "bun:test";
import { KonnError } from "../../core/base/errors.ts";
import { SILENT_LOGGER } from "../../core/observe/observer.ts";
import { SearchError } from "../../core/search/mod.ts";
import { RateLimit } from "../../core/serve/rate_limit.ts";
import { indexed, MemorySearcher } from "../fakes/memory_searcher.ts";
import { asker } from "./asking.ts";

const SERVICE = indexed("c/cp1/o/service/s1", {
  name: "orders",
  hosts: ["orders.example"],
  labels: ["env=prod", "team=a=b", "bare"],
  tags: ["x"],
  enabled: true,
  created_at: "2024-02-01T18:34:39Z",
  description: "takes orders",
});
const ROUTE = indexed("c/cp1/o/route/r1", { name: "orders-all", parent: "s1", paths: ["/o"] });
const OTHER = indexed("c/cp2/o/service/s1", { name: "orders of others" });
const CLUSTER = indexed("c/_global/o/cluster/cp1", { name: "production" });

function searcherOf(): MemorySearcher {
  return new MemorySearcher([SERVICE, ROUTE, OTHER, CLUSTER]);
}

describe("GET /v1/search", () => {
  test("answers as Konnect does, with konn's own beside it", async () => {
    const ask = asker({ searcher: searcherOf() });
    const { status, headers, json } = await ask("/v1/search?q=orders&page[size]=1");
    expect(status).toBe(200);
    expect(headers.get("Content-Type")).toBe("application/json; charset=utf-8");
    expect(json).toEqual({
      data: [
        {
          id: "s1",
          type: "service",
          name: "orders",
          description: "takes orders",
          labels: { env: "prod", team: "a=b", bare: "" },
          relations: { control_plane_id: "cp1" },
          attributes: {
            control_plane: "cp1",
            hosts: ["orders.example"],
            tags: ["x"],
            enabled: true,
            created_at: "2024-02-01T18:34:39Z",
          },
          match: "orders",
          key: "c/cp1/o/service/s1",
          highlights: [{ field: "name", text: "orders", ranges: [[0, 6]] }],
        },
      ],
      meta: { page: { size: 1, next: null } },
      total: { count: 3, exact: true },
      facets: {
        types: [
          { value: "service", count: 2, name: "Service" },
          { value: "route", count: 1, name: "Route" },
        ],
        control_planes: [
          { value: "cp1", count: 2 },
          { value: "cp2", count: 1 },
        ],
      },
    });
  });

  test("the next page is a path that asks for the same with the cursor", async () => {
    const searcher = searcherOf();
    searcher.next = "abc";
    const ask = asker({ searcher });
    const first = await ask(
      "/v1/search?q=or%20%26&type=service,route&control_plane=cp1&page[size]=2",
    );
    const { next } = first.json.meta.page;
    expect(next).toBe(
      "/v1/search?q=or%20%26&type=service&type=route&control_plane=cp1&page[size]=2&page[after]=abc",
    );
    await ask(next);
    const [before, after] = searcher.requests;
    expect({ ...after, cursor: undefined }).toEqual({ ...before, cursor: undefined } as never);
    expect(after?.cursor).toBe("abc");
  });

  test("10 entities are a page where nobody says", async () => {
    const searcher = searcherOf();
    await asker({ searcher })("/v1/search?q=");
    expect(searcher.requests[0]).toMatchObject({ size: 10, types: [], controlPlanes: [] });
  });

  test.each([
    ["/v1/search", "q"],
    ["/v1/search?q=type:", "q"],
    ["/v1/search?q=a%20AND", "q"],
    [`/v1/search?q=${"x".repeat(257)}`, "q"],
    ["/v1/search?q=&page[size]=0", "page[size]"],
    ["/v1/search?q=&page[size]=51", "page[size]"],
    ["/v1/search?q=&page[size]=1e1", "page[size]"],
    ["/v1/search?q=&page[size]=", "page[size]"],
    [
      `/v1/search?q=&type=${"a,".repeat(40)}${Array.from({ length: 51 }, (_, i) => i).join(",")}`,
      "type",
    ],
    [`/v1/search?q=&control_plane=${"x".repeat(513)}`, "control_plane"],
  ])("refuses %s in Konnect's way", async (path, field) => {
    const { status, json } = await asker({ searcher: searcherOf() })(path);
    expect(status).toBe(400);
    expect(json).toMatchObject({
      status: 400,
      title: "Bad Request",
      detail: field === "q" && path !== "/v1/search" ? "Invalid query." : "Invalid parameters.",
      instance: expect.stringMatching(/^konnect:trace:\d+$/),
      invalid_parameters: [{ field, reason: expect.any(String), source: "query" }],
    });
  });

  test("says where a query is wrong, and what was expected there", async () => {
    const { json } = await asker({ searcher: searcherOf() })("/v1/search?q=orders%20AND");
    expect(json.invalid_parameters[0]).toMatchObject({ position: { start: 7, end: 10 } });
    expect(json.invalid_parameters[0].reason).toContain("behind AND");
  });

  test("a cursor of another search is a wrong parameter", async () => {
    const searcher = searcherOf();
    searcher.fail = () => {
      throw new SearchError("no", { code: "CURSOR_INVALID", expected: "another" });
    };
    const { status, json } = await asker({ searcher })("/v1/search?q=&page[after]=x");
    expect([status, json.invalid_parameters[0].field]).toEqual([400, "page[after]"]);
  });

  test("the fence goes along with every search", async () => {
    const searcher = searcherOf();
    await asker({ searcher, fence: ["cp2"] })("/v1/search?q=orders&control_plane=cp1");
    expect(searcher.requests[0]).toMatchObject({ fence: ["cp2"], controlPlanes: ["cp1"] });
  });
});

describe("GET /v1/search/types", () => {
  test("names the types that there are, with what can be asked of them", async () => {
    const { json } = await asker({ searcher: searcherOf() })("/v1/search/types");
    expect(json.data.map(({ type, count }: any) => [type, count])).toEqual([
      ["service", 2],
      ["route", 1],
      ["cluster", 1],
    ]);
    const route = json.data[1];
    expect(route).toMatchObject({ name: "Route", regions: [], description: expect.any(String) });
    expect(route.attributes.paths).toEqual({
      type: "array",
      items: { type: "string" },
      name: "Paths",
      description: "Paths",
    });
    expect(Object.keys(route.attributes)).toEqual([
      "control_plane",
      "parent",
      "hosts",
      "paths",
      "methods",
      "protocols",
      "tags",
      "created_at",
      "updated_at",
    ]);
  });

  test("counts nothing outside of the fence", async () => {
    const { json } = await asker({ searcher: searcherOf(), fence: ["cp2"] })("/v1/search/types");
    expect(json.data.map(({ type, count }: any) => [type, count])).toEqual([["service", 1]]);
  });
});

describe("GET /v1/entities", () => {
  const path = (key: string) => `/v1/entities?key=${encodeURIComponent(key)}`;

  test("gives an entity with what it belongs to and what belongs to it", async () => {
    const ask = asker({ searcher: searcherOf() });
    const service = await ask(path(SERVICE.key));
    expect(service.json.data.key).toBe(SERVICE.key);
    expect(service.json.related.control_plane.name).toBe("production");
    expect(service.json.related.children.map(({ key }: any) => key)).toEqual([ROUTE.key]);
    const route = await ask(path(ROUTE.key));
    // s1 is also an id of the other control plane.
    expect(route.json.related.parent.key).toBe(SERVICE.key);
    expect(route.json.data.relations).toEqual({ control_plane_id: "cp1", service_id: "s1" });
  });

  test("what lies outside of the fence is not there", async () => {
    const ask = asker({ searcher: searcherOf(), fence: ["cp2"] });
    expect((await ask(path(OTHER.key))).status).toBe(200);
    const { status, json } = await ask(path(SERVICE.key));
    expect([status, json.title]).toEqual([404, "Not Found"]);
    expect((await ask(path("no/such"))).json.detail).toBe(json.detail);
  });

  test.each(["/v1/entities", "/v1/entities?key=", path("x".repeat(513))])(
    "%s is a wrong parameter",
    async (wrong) => {
      expect((await asker({ searcher: searcherOf() })(wrong)).status).toBe(400);
    },
  );
});

describe("what every request passes", () => {
  test.each(["evil.example", "127.0.0.1:7701", "127.0.0.1", "localhost:7700.evil.example"])(
    "the host %s gets nothing, not even the page",
    async (host) => {
      const ask = asker({ searcher: searcherOf() });
      for (const path of ["/", "/v1/search?q="]) {
        const { status, text } = await ask(path, { headers: { Host: host } });
        expect(status).toBe(421);
        expect(text).not.toContain("orders");
      }
    },
  );

  test.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])("%s is refused", async (method) => {
    const { status, headers } = await asker({ searcher: searcherOf() })("/v1/search?q=", {
      method,
      headers: { Origin: "http://evil.example" },
    });
    expect(status).toBe(405);
    expect(headers.get("Allow")).toBe("GET, HEAD");
    expect(headers.get("Access-Control-Allow-Origin")).toBeNull();
  });

  test("HEAD has the head alone", async () => {
    const { status, text, headers } = await asker({ searcher: searcherOf() })("/v1/search?q=", {
      method: "HEAD",
    });
    expect([status, text]).toEqual([200, ""]);
    expect(headers.get("Content-Type")).toContain("json");
  });

  test("every answer forbids what a page of konn does not do", async () => {
    const ask = asker({ searcher: searcherOf() });
    for (const path of ["/", "/page.js", "/v1/search?q=", "/nothing", "/v1/search?q=type:"]) {
      const { headers } = await ask(path);
      const policy = headers.get("Content-Security-Policy") ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toContain("unsafe");
      expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
      expect(headers.get("Access-Control-Allow-Origin")).toBeNull();
    }
  });

  test("with tokens, the data needs one and the page does not", async () => {
    const tokens = ["first-token-of-two", "second-token-of-two"];
    const ask = asker({ searcher: searcherOf(), tokens });
    const withToken = (Authorization: string) =>
      ask("/v1/search?q=", { headers: { Authorization } });
    const { status, headers, json } = await ask("/v1/search?q=");
    expect([status, json.title]).toEqual([401, "Unauthorized"]);
    expect(headers.get("WWW-Authenticate")).toBe('Bearer realm="konn"');
    for (const token of tokens) expect((await withToken(`Bearer ${token}`)).status).toBe(200);
    for (const wrong of ["Bearer first-token-of-tw", "Bearer ", "Basic Zmlyc3Q6eA==", "x"]) {
      expect((await withToken(wrong)).status).toBe(401);
    }
    for (const path of ["/v1/search/types", "/v1/entities?key=x"]) {
      expect((await ask(path)).status).toBe(401);
    }
    for (const path of ["/", "/page.js", "/openapi.json", "/healthz"]) {
      expect((await ask(path)).status).toBe(200);
    }
  });

  test("others are kept to a rate, this machine is not", async () => {
    let nowMs = 0;
    const rateLimit = new RateLimit(() => nowMs);
    const ask = asker({ searcher: searcherOf(), rateLimit });
    const many = async (address: string) => {
      const statuses = new Map<number, number>();
      for (let count = 0; count < 250; count += 1) {
        const { status } = await ask("/healthz", { address });
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
      return Object.fromEntries(statuses);
    };
    expect(await many("127.0.0.1")).toEqual({ 200: 250 });
    expect(await many("::ffff:127.0.0.1")).toEqual({ 200: 250 });
    expect(await many("192.0.2.1")).toEqual({ 200: 200, 429: 50 });
    expect((await ask("/healthz", { address: "192.0.2.1" })).headers.get("Retry-After")).toBe("1");
    expect((await ask("/healthz", { address: "192.0.2.2" })).status).toBe(200);
    nowMs += 1_000;
    expect(await many("192.0.2.1")).toEqual({ 200: 50, 429: 200 });
  });
});

describe("when the index does not answer", () => {
  test("a search that takes too long is given up", async () => {
    const searcher = searcherOf();
    let wasTold = false;
    searcher.fail = (signal) =>
      new Promise((_, reject) => {
        signal?.addEventListener("abort", () => {
          wasTold = true;
          reject(new Error("aborted"));
        });
      });
    const startedMs = performance.now();
    const { status, json } = await asker({ searcher, timeoutMs: 50 })("/v1/search?q=");
    expect([status, json.detail]).toEqual([503, "The search took longer than 0.05 s."]);
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    expect(wasTold).toBe(true);
  });

  test("an engine that does not listen to the signal holds nobody up", async () => {
    const searcher = searcherOf();
    searcher.fail = () => new Promise<never>(() => {});
    expect((await asker({ searcher, timeoutMs: 50 })("/v1/search?q=")).status).toBe(503);
  });

  test("an index that is missing is no defect, and names no file", async () => {
    const searcher = searcherOf();
    searcher.fail = async () => {
      throw new KonnError("Cannot search /home/someone/x", { code: "INDEX_NOT_FOUND" });
    };
    const ask = asker({ searcher });
    const { status, text, headers } = await ask("/v1/search?q=");
    expect([status, headers.get("Retry-After")]).toEqual([503, "1"]);
    expect(text).toContain("There is no index yet.");
    expect(text).not.toContain("someone");
    expect((await ask("/healthz")).status).toBe(503);
  });

  test("a defect is a 500 that tells nothing, and stands in the log under its name", async () => {
    const searcher = searcherOf();
    searcher.fail = async () => {
      throw new TypeError("x is not a function at /secret/path");
    };
    const lines: unknown[] = [];
    const log = { ...SILENT_LOGGER, warn: (...line: unknown[]) => lines.push(line) };
    const { status, text, json } = await asker({ searcher, log })("/v1/search?q=");
    expect(status).toBe(500);
    expect(text).not.toContain("secret");
    const trace = json.instance.replace("konnect:trace:", "");
    expect(JSON.stringify(lines)).toContain(trace);
  });
});

describe("the page's files", () => {
  test("are sent again only when they have changed", async () => {
    const ask = asker({ searcher: searcherOf() });
    const { headers } = await ask("/page.js");
    const etag = headers.get("ETag") ?? "";
    const again = await ask("/page.js", { headers: { "If-None-Match": etag } });
    expect([again.status, again.text]).toEqual([304, ""]);
  });

  test("weigh less than 60 kB together, and name no other server", async () => {
    const ask = asker({ searcher: searcherOf() });
    const files = await Promise.all(
      ["/", "/page.js", "/page.css", "/favicon.svg"].map((path) => ask(path)),
    );
    expect(files.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const bytes = files.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(60_000);
    for (const { text } of files) {
      const urls = text.match(/https?:\/\/[^"'\s)]+/g) ?? [];
      expect(urls.filter((url) => !url.startsWith("http://www.w3.org/"))).toEqual([]);
      expect(text).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write/);
    }
  });
});
