import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { indexMappings } from "../../../core/connectors/opensearch/mapping.ts";
import { createOpenSearchSearcher } from "../../../core/connectors/opensearch/searcher.ts";
import {
  parseQuery,
  SearchError,
  type Searcher,
  type SearchRequest,
} from "../../../core/search/mod.ts";
import {
  HOSTILE_PIECES,
  OTHER_PLANE,
  PLANE,
  service,
  SHOP,
  writeEntities,
} from "../sqlite/support.ts";
import { Cluster, errorOf, openSink, uniqueIndex } from "./support.ts";

const cluster = await Cluster.shared();
const { url } = cluster;

async function makeShop(index: string, more: Parameters<typeof writeEntities>[1] = []) {
  await using opened = await openSink({ url, index });
  await writeEntities(opened.sink, [...SHOP, ...more]);
  await cluster.request(`/${index}/_refresh`, "POST");
}

const shopIndex = uniqueIndex();
const searcher: Searcher = createOpenSearchSearcher({ url, index: shopIndex });
beforeAll(async () => await makeShop(shopIndex));
afterAll(async () => {
  await searcher[Symbol.asyncDispose]();
  await cluster.request(`/${shopIndex}-*`, "DELETE");
});

async function namesFor(text: string, more: Partial<SearchRequest> = {}): Promise<string[]> {
  const { hits } = await searcher.search({ query: parseQuery(text), size: 10, ...more });
  return hits.map(({ name }) => name);
}

describe("a search", () => {
  test.each([
    ["orders-api", "orders-api"],
    ["ordersapi", "orders-api"],
    ["API orders", "orders-api"],
    ["ordres-api", "orders-api"],
    ["paymnets", "payments"],
    ["paym", "payments"],
    ["service ledger", "ledger"],
    ["dp kong", "kong-dp-7f9c"],
    ["GET /v1/orders/4711", "get-order"],
    ["https://pay.shop.example.com/", "payments"],
    ["00000000-0000-4000-8000-000000000003", "payments"],
    ["aaaa", "get-order"],
    ["AAAAAAAA-0000", "get-order"],
    ["region eu-central-1", "kong-dp-7f9c"],
    ["*.shop.example.com", "*.shop.example.com"],
    ["ayment", "payments"],
    ["name:payments", "payments"],
    ['name:"orders-api"', "orders-api"],
    ["name:*api", "orders-api"],
    ['"ledg"', "ledger"],
    ["type:data_plane", "kong-dp-7f9c"],
    ["type:rou*", "get-order"],
    ["labels.region:eu-central-1", "kong-dp-7f9c"],
    ["labels.region:eu-*", "kong-dp-7f9c"],
    ["@methods:get", "get-order"],
    ["@version:3.5.0", "kong-dp-7f9c"],
    ["@parent:00000000-0000-4000-8000-000000000001", "get-order"],
    ["type:service AND NOT labels.env:prod", "orders-api-v2"],
    ["id:bbbb", "kong-dp-7f9c"],
    ["type:service paymnets", "payments"],
    ["type:route OR name:ledger", "ledger"],
  ])("for %p has %p first", async (text, expected) => {
    expect((await namesFor(text))[0]).toBe(expected);
  });

  test.each([
    "zzqxwvk",
    'name:"orders"',
    "type:plugin",
    "labels.env:pro",
    "name:orders-apl AND x",
    "@nothing:x",
    "@updated_at:2026-99-99",
  ])("for %p finds nothing", async (text) => expect(await namesFor(text)).toEqual([]));

  test("counts by type and control plane, each leaving its own filter out of account", async () => {
    const query = parseQuery("labels.env:prod");
    const all = await searcher.search({ query, size: 10 });
    expect(all.total).toEqual({ count: 3, isExact: true });
    expect(all.facets.controlPlanes).toEqual([
      { value: PLANE, count: 2, name: "production plane" },
      { value: OTHER_PLANE, count: 1 },
    ]);
    const one = await searcher.search({ query, size: 10, controlPlanes: [OTHER_PLANE] });
    expect(one.hits.map(({ name }) => name)).toEqual(["ledger"]);
    expect(one.total.count).toBe(1);
    expect(one.facets.types).toEqual([{ value: "service", count: 1 }]);
    expect(one.facets.controlPlanes).toHaveLength(2);
    const typed = await searcher.search({ query: parseQuery(""), size: 1, types: ["data_plane"] });
    expect(typed.hits.map(({ type }) => type)).toEqual(["node"]);
    expect(typed.facets.types).toContainEqual({ value: "service", count: 4 });
  });

  test("behind a fence knows nothing of what lies outside", async () => {
    for (const text of ["", "ledger", "labels.env:prod", "payments OR ledger", "type:service"]) {
      const request = { query: parseQuery(text), size: 10, fence: [OTHER_PLANE] };
      const result = await searcher.search(request);
      expect(result.hits.map(({ name }) => name)).toEqual(["ledger"]);
      expect(result.facets.controlPlanes.map(({ value }) => value)).toEqual([OTHER_PLANE]);
      expect(result.total.count).toBe(1);
      expect(await namesFor(text, { ...request, controlPlanes: [PLANE] })).toEqual([]);
    }
  });

  test("shows page after page, each hit once, and refuses the cursor of another search", async () => {
    const index = uniqueIndex();
    const many = Array.from({ length: 260 }, (_, at) => service(1_000 + at, `stock-${at}-api`));
    await makeShop(index, many);
    await using all = createOpenSearchSearcher({ url, index });
    const query = parseQuery("stock");
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await all.search({ query, size: 50, cursor });
      expect(page.total.count).toBe(260);
      seen.push(...page.hits.map(({ key }) => key));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(seen).toHaveLength(260);
    expect(new Set(seen).size).toBe(260);
    const { next } = await all.search({ query, size: 1 });
    const other = { query: parseQuery("type:route"), size: 1, cursor: next };
    expect(await errorOf(all.search(other))).toMatchObject({ code: "CURSOR_INVALID" });
    await cluster.request(`/${index}-*`, "DELETE");
  });

  test("counts what it has not compared: so many at least, and by type exactly", async () => {
    const index = uniqueIndex();
    await makeShop(
      index,
      Array.from({ length: 400 }, (_, at) => service(1_000 + at, `stock-${at}`)),
    );
    await using all = createOpenSearchSearcher({ url, index });
    const stock = await all.search({ query: parseQuery("stock"), size: 10 });
    expect(stock.total).toEqual({ count: 400, isExact: false });
    expect(stock.facets.types).toEqual([{ value: "service", count: 400 }]);
    const typed = await all.search({ query: parseQuery("type:service"), size: 10 });
    expect(typed.total).toEqual({ count: 404, isExact: true });
    const others = await all.search({ query: parseQuery("NOT type:service"), size: 10 });
    expect(others.hits).toHaveLength(SHOP.length - 4);
    const filtered = { query: parseQuery("stock OR get-order"), size: 10, types: ["route"] };
    expect((await all.search(filtered)).hits.map(({ name }) => name)).toEqual(["get-order"]);
    await cluster.request(`/${index}-*`, "DELETE");
  });

  test("marks what was found and says why it ranks there", async () => {
    const request = { query: parseQuery("ordersapi"), size: 1, explain: true };
    const [hit] = (await searcher.search(request)).hits;
    expect(hit).toMatchObject({ tier: "joined_name", match: "orders-api" });
    expect(hit?.highlights[0]).toEqual({ field: "name", text: "orders-api", ranges: [[0, 10]] });
    expect(hit?.explanation?.[0]).toBe('joined_name in name "orders-api": 960');
  });

  test("finds no more what was renamed or deleted", async () => {
    const index = uniqueIndex();
    await makeShop(index);
    await using changed = createOpenSearchSearcher({ url, index });
    const find = async (text: string) =>
      (await changed.search({ query: parseQuery(text), size: 10 })).hits.map(({ name }) => name);
    expect(await find("orders-api-v2")).toContain("orders-api-v2");
    {
      await using opened = await openSink({ url, index });
      const gone = { ...service(2, "orders-api-v2"), object: null };
      await writeEntities(opened.sink, [service(3, "settlement"), gone], 100);
    }
    await cluster.request(`/${index}/_refresh`, "POST");
    expect(await find("setlement")).toEqual(["settlement"]);
    expect(await find("name:payments")).toEqual([]);
    for (const text of ["orders-api-v2", "", "*", "type:service", "NOT name:ledger", "00000000"]) {
      expect(await find(text)).not.toContain("orders-api-v2");
    }
    const deleted = `c/${PLANE}/o/service/00000000-0000-4000-8000-000000000002`;
    expect(await changed.get(deleted)).toBeUndefined();
    await cluster.request(`/${index}-*`, "DELETE");
  });

  test("never fails but for its query, whatever is typed", async () => {
    const hostile = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 80 }),
      fc.string({ unit: "binary", maxLength: 80 }),
      fc
        .array(fc.constantFrom(...HOSTILE_PIECES, "/a/", "~2", "[* TO *]", "_exists_:id"), {
          maxLength: 12,
        })
        .map((pieces) => pieces.join(" ")),
    );
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        try {
          const { hits } = await searcher.search({ query: parseQuery(text), size: 10 });
          expect(hits.length).toBeLessThanOrEqual(SHOP.length);
        } catch (error) {
          if (!(error instanceof SearchError)) throw error;
        }
      }),
      { numRuns: 300 },
    );
    const long = [
      Array.from({ length: 60 }, (_, at) => `abcd${at}`).join(" "),
      "abcdefgh ".repeat(28),
      "/abcd".repeat(50),
      `https://${"a.b".repeat(30)}/${"x/".repeat(60)}`,
      "a".repeat(256),
      "é🦊".repeat(120),
    ];
    for (const text of long) await namesFor(text.slice(0, 256));
  }, 120_000);
});

describe("a searcher", () => {
  test("gives entities by key and by id, with what they refer to", async () => {
    const route = await searcher.get(`c/${PLANE}/o/route/aaaaaaaa-0000-4000-8000-000000000001`);
    const parent = route?.document.parent ?? "";
    expect((await searcher.byIds([parent])).map(({ name }) => name)).toEqual(["orders-api"]);
    expect(await searcher.get("c/x/o/route/none")).toBeUndefined();
    expect(await searcher.byIds(["none"])).toEqual([]);
    expect((await searcher.types())[0]).toEqual({ value: "service", count: 4 });
    expect(searcher.label).toBe(`${shopIndex} at ${url}`);
  });

  test("of an index that is not there yet says so, and finds it once it is", async () => {
    const index = uniqueIndex();
    await using early = createOpenSearchSearcher({ url, index });
    expect(await errorOf(early.types())).toMatchObject({ code: "INDEX_NOT_FOUND" });
    await makeShop(index);
    expect(await early.types()).toHaveLength(5);
    await cluster.request(`/${index}-*`, "DELETE");
  });

  test("refuses an index of an older format, with what helps, and so does whoever writes", async () => {
    const index = uniqueIndex();
    await makeShop(index);
    const [name = ""] = await cluster.behind(index);
    const meta = { konn: 1, alias: index, source: { cluster: "k1", "topic id": "t1" } };
    const { _meta } = indexMappings(meta) as { _meta?: object };
    await cluster.request(`/${name}/_mapping`, "PUT", { _meta });
    await using old = createOpenSearchSearcher({ url, index });
    const error = await errorOf(old.types());
    expect(error).toMatchObject({ code: "INDEX_FORMAT_OLD" });
    expect(error.hint).toContain("konn sync --from-beginning");
    expect(await errorOf(openSink({ url, index }))).toMatchObject({ code: "INDEX_FORMAT_OLD" });
    {
      await using anew = await openSink({ url, index, fromBeginning: true });
      await writeEntities(anew.sink, SHOP);
      await anew.sink.caughtUp?.(new AbortController().signal);
    }
    expect((await old.types())[0]).toEqual({ value: "service", count: 4 });
    await cluster.request(`/${index}-*`, "DELETE");
  });

  test("of no OpenSearch says so", async () => {
    await using none = createOpenSearchSearcher({ url: "http://127.0.0.1:1", index: "cdc" });
    expect(await errorOf(none.types())).toMatchObject({ code: "OPENSEARCH_UNREACHABLE" });
  });

  test("keeps what it finds by out of the documents", async () => {
    const key = `c/${PLANE}/o/service/00000000-0000-4000-8000-000000000001`;
    const document = await cluster.document((await cluster.behind(shopIndex))[0] ?? "", key);
    expect(document).toMatchObject({ name: "orders-api", deleted: false });
    expect(document).not.toHaveProperty("search");
  });
});
