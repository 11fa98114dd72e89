import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { createSqliteSearcher } from "../../../core/connectors/sqlite/searcher.ts";
import {
  parseQuery,
  SearchError,
  type Searcher,
  type SearchRequest,
} from "../../../core/search/mod.ts";
import { TemporaryFolder } from "../../fakes/temporary_folder.ts";
import {
  HOSTILE_PIECES,
  makeIndex,
  NEVER,
  openSqlite,
  OTHER_PLANE,
  PLANE,
  service,
  SHOP,
  STREAM,
  writeEntities,
} from "./support.ts";

async function withShop(
  action: (searcher: Searcher, path: string) => Promise<void>,
): Promise<void> {
  using folder = new TemporaryFolder();
  const path = folder.file("index.sqlite");
  await makeIndex(path, SHOP);
  await using searcher = createSqliteSearcher({ path });
  await action(searcher, path);
}

async function namesFor(
  searcher: Searcher,
  text: string,
  more: Partial<SearchRequest> = {},
): Promise<string[]> {
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
    ["GET /v1/orders/4711", "get-order"],
    ["https://pay.shop.example.com/", "payments"],
    ["00000000-0000-4000-8000-000000000003", "payments"],
    ["aaaa", "get-order"],
    ["region eu-central-1", "kong-dp-7f9c"],
    ["*.shop.example.com", "*.shop.example.com"],
    ["name:payments", "payments"],
    ['name:"orders-api"', "orders-api"],
    ["name:*api", "orders-api"],
    ["type:data_plane", "kong-dp-7f9c"],
    ["labels.region:eu-central-1", "kong-dp-7f9c"],
    ["@methods:get", "get-order"],
    ["@parent:00000000-0000-4000-8000-000000000001", "get-order"],
    ["type:service AND NOT labels.env:prod", "orders-api-v2"],
    ["type:service paymnets", "payments"],
    ["type:route OR name:ledger", "ledger"],
  ])("for %p has %p first", async (text, expected) => {
    await withShop(async (searcher) => {
      expect((await namesFor(searcher, text))[0]).toBe(expected);
    });
  });

  test.each(["zzqxwvk", 'name:"orders"', "type:plugin", "labels.env:pro", "name:orders-apl AND x"])(
    "for %p finds nothing",
    async (text) => {
      await withShop(async (searcher) => expect(await namesFor(searcher, text)).toEqual([]));
    },
  );

  test("counts by type and control plane, each leaving its own filter out of account", async () => {
    await withShop(async (searcher) => {
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
      const typed = await searcher.search({
        query: parseQuery(""),
        size: 1,
        types: ["data_plane"],
      });
      expect(typed.hits.map(({ type }) => type)).toEqual(["node"]);
      expect(typed.facets.types).toContainEqual({ value: "service", count: 4 });
    });
  });

  test("behind a fence knows nothing of what lies outside", async () => {
    await withShop(async (searcher) => {
      for (const text of ["", "ledger", "labels.env:prod", "payments OR ledger", "type:service"]) {
        const query = parseQuery(text);
        const result = await searcher.search({ query, size: 10, fence: [OTHER_PLANE] });
        expect(result.hits.every(({ document }) => document.control_plane === OTHER_PLANE)).toBe(
          true,
        );
        expect(result.facets.controlPlanes.map(({ value }) => value)).toEqual([OTHER_PLANE]);
        expect(result.total.count).toBe(1);
        const both = { query, size: 10, fence: [OTHER_PLANE], controlPlanes: [PLANE] };
        expect((await searcher.search(both)).hits).toEqual([]);
      }
    });
  });

  test("shows page after page, each hit once, and refuses the cursor of another search", async () => {
    await withShop(async (searcher) => {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await searcher.search({ query: parseQuery("type:service"), size: 3, cursor });
        seen.push(...page.hits.map(({ key }) => key));
        cursor = page.next;
      } while (cursor !== undefined);
      expect(seen).toHaveLength(4);
      expect(new Set(seen).size).toBe(4);
      const { next } = await searcher.search({ query: parseQuery("type:service"), size: 1 });
      const others = [
        { query: parseQuery("type:route"), size: 1, cursor: next },
        { query: parseQuery("type:service"), size: 1, cursor: next, types: ["service"] },
        { query: parseQuery("type:service"), size: 1, cursor: "bogus" },
      ];
      for (const other of others) {
        expect(searcher.search(other)).rejects.toMatchObject({ code: "CURSOR_INVALID" });
      }
    });
  });

  test("marks what was found and says why it ranks there", async () => {
    await withShop(async (searcher) => {
      const request = { query: parseQuery("ordersapi"), size: 1, explain: true };
      const [hit] = (await searcher.search(request)).hits;
      expect(hit).toMatchObject({ tier: "joined_name", match: "orders-api" });
      expect(hit?.highlights[0]).toEqual({ field: "name", text: "orders-api", ranges: [[0, 10]] });
      expect(hit?.explanation?.[0]).toBe('joined_name in name "orders-api": 960');
    });
  });

  test("finds what was committed since, and no more what was renamed or deleted", async () => {
    await withShop(async (searcher, path) => {
      expect(await namesFor(searcher, "payments")).toContain("payments");
      await using sink = openSqlite(path);
      await sink.open({ stream: STREAM, resume: undefined, fromBeginning: false, signal: NEVER });
      const gone = { ...service(2, "orders-api-v2"), object: null };
      await writeEntities(sink, [service(3, "settlement"), gone, service(9, "refunds")], 100);
      expect(await namesFor(searcher, "name:payments")).toEqual([]);
      expect(await namesFor(searcher, "setlement")).toEqual(["settlement"]);
      expect(await namesFor(searcher, "refund")).toEqual(["refunds"]);
      expect(await namesFor(searcher, "orders-api-v2")).not.toContain("orders-api-v2");
      expect((await searcher.types())[0]).toEqual({ value: "service", count: 4 });
    });
  });

  test("never fails but for its query, whatever is typed", async () => {
    await withShop(async (searcher) => {
      const hostile = fc.oneof(
        fc.string({ unit: "grapheme", maxLength: 80 }),
        fc.string({ unit: "binary", maxLength: 80 }),
        fc
          .array(fc.constantFrom(...HOSTILE_PIECES), { maxLength: 12 })
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
        { numRuns: 500 },
      );
      expect(await namesFor(searcher, "orders-api")).toContain("orders-api");
    });
  }, 60_000);
});

describe("a searcher", () => {
  test("gives entities by key and by id, with what they refer to", async () => {
    await withShop(async (searcher) => {
      const route = await searcher.get(`c/${PLANE}/o/route/aaaaaaaa-0000-4000-8000-000000000001`);
      const parent = route?.document.parent ?? "";
      expect((await searcher.byIds([parent])).map(({ name }) => name)).toEqual(["orders-api"]);
      expect(await searcher.get("c/x/o/route/none")).toBeUndefined();
      expect(await searcher.byIds(["none"])).toEqual([]);
    });
  });

  test("of a file that is not there yet says so, and finds it once it is", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("index.sqlite");
    await using searcher = createSqliteSearcher({ path });
    expect(namesFor(searcher, "orders")).rejects.toMatchObject({ code: "INDEX_NOT_FOUND" });
    await makeIndex(path, SHOP);
    expect(await namesFor(searcher, "orders-api")).toContain("orders-api");
  });
});
