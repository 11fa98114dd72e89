import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  parseQuery,
  SearchError,
  type Searcher,
  type SearchHit,
  type SearchRequest,
} from "../../core/search/mod.ts";
import { type Entity, HOSTILE_PIECES, OTHER_PLANE, PLANE, service, SHOP } from "./shop.ts";

/** An index that is searched, and the way to change it. There is none before the first write. */
export interface SearchedPlace extends AsyncDisposable {
  readonly searcher: Searcher;
  /** Writes changes, the first of which has this sequence. Then a search sees them. */
  write(entities: readonly Entity[], firstSequence?: number): Promise<void>;
}

const HOSTILE_RUNS_COUNT = 500;
const HOSTILE_TIMEOUT_MS = 120_000;

/** What every engine finds, and how it answers. Every searcher passes all of it. */
export function searcherContract(name: string, makePlace: () => Promise<SearchedPlace>): void {
  describe(`${name} as a searcher`, () => {
    let shop: SearchedPlace;

    beforeAll(async () => {
      shop = await makePlace();
      await shop.write(SHOP);
    });
    afterAll(async () => {
      await shop[Symbol.asyncDispose]();
    });

    async function hitsFor(
      text: string,
      { place = shop, ...more }: Partial<SearchRequest> & { place?: SearchedPlace } = {},
    ): Promise<readonly SearchHit[]> {
      return (await place.searcher.search({ query: parseQuery(text), size: 10, ...more })).hits;
    }

    async function namesFor(...args: Parameters<typeof hitsFor>): Promise<readonly string[]> {
      return (await hitsFor(...args)).map(({ name: found }) => found);
    }

    test.each([
      ["orders-api", "orders-api"],
      ["ordersapi", "orders-api"],
      ["API orders", "orders-api"],
      ["ordres-api", "orders-api"],
      ["paymnets", "payments"],
      ["paym", "payments"],
      ["ayment", "payments"],
      ["dp kong", "kong-dp-7f9c"],
      ["service ledger", "ledger"],
      ["GET /v1/orders/4711", "get-order"],
      ["https://pay.shop.example.com/", "payments"],
      ["00000000-0000-4000-8000-000000000003", "payments"],
      ["aaaa", "get-order"],
      ["AAAAAAAA-0000", "get-order"],
      ["region eu-central-1", "kong-dp-7f9c"],
      ["*.shop.example.com", "*.shop.example.com"],
      ["name:payments", "payments"],
      ['name:"orders-api"', "orders-api"],
      ['"ledg"', "ledger"],
      ["name:*api", "orders-api"],
      ["type:data_plane", "kong-dp-7f9c"],
      ["type:rou*", "get-order"],
      ["labels.region:eu-central-1", "kong-dp-7f9c"],
      ["labels.region:eu-*", "kong-dp-7f9c"],
      ["@methods:get", "get-order"],
      ["@version:3.5.0", "kong-dp-7f9c"],
      ["@parent:00000000-0000-4000-8000-000000000001", "get-order"],
      ["id:bbbb", "kong-dp-7f9c"],
      ["type:service AND NOT labels.env:prod", "orders-api-v2"],
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

    test("counts by type and control plane, filters by both, and keeps the counts beside", async () => {
      const { searcher } = shop;
      const query = parseQuery("labels.env:prod");
      const all = await searcher.search({ query, size: 10 });
      expect(all.total).toEqual({ count: 3, isExact: true });
      expect(all.facets.controlPlanes).toEqual([
        { value: PLANE, count: 2, name: "production plane" },
        { value: OTHER_PLANE, count: 1 },
      ]);
      const one = await searcher.search({ query, size: 10, controlPlanes: [OTHER_PLANE] });
      expect(one.hits.map(({ name: found }) => found)).toEqual(["ledger"]);
      expect(one.total.count).toBe(1);
      expect(one.facets.types).toEqual([{ value: "service", count: 1 }]);
      expect(one.facets.controlPlanes).toHaveLength(2);
      const types = ["data_plane"];
      const typed = await searcher.search({ query: parseQuery(""), size: 1, types });
      expect(typed.hits.map(({ type }) => type)).toEqual(["node"]);
      expect(typed.facets.types).toContainEqual({ value: "service", count: 4 });
    });

    test("knows of nothing outside its fence", async () => {
      for (const text of ["", "ledger", "labels.env:prod", "payments OR ledger", "type:service"]) {
        const request = { query: parseQuery(text), size: 10, fence: [OTHER_PLANE] };
        const result = await shop.searcher.search(request);
        expect(result.hits.map(({ name: found }) => found)).toEqual(["ledger"]);
        expect(result.facets.controlPlanes.map(({ value }) => value)).toEqual([OTHER_PLANE]);
        expect(result.total.count).toBe(1);
        const both = { ...request, controlPlanes: [PLANE] };
        expect((await shop.searcher.search(both)).hits).toEqual([]);
      }
    });

    test("goes through all pages, each hit once, and refuses a cursor of another query", async () => {
      await using place = await makePlace();
      const many = Array.from({ length: 260 }, (_, at) => service(1_000 + at, `stock-${at}-api`));
      await place.write([...SHOP, ...many]);
      const { searcher } = place;
      const query = parseQuery("stock");
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await searcher.search({ query, size: 50, cursor });
        expect(page.total.count).toBe(260);
        seen.push(...page.hits.map(({ key }) => key));
        cursor = page.next;
      } while (cursor !== undefined);
      expect(seen).toHaveLength(260);
      expect(new Set(seen).size).toBe(260);
      const { next } = await searcher.search({ query, size: 1 });
      for (const other of [
        { query: parseQuery("type:route"), cursor: next },
        { query, cursor: next, types: ["service"] },
        { query, cursor: "bogus" },
      ]) {
        const refused = searcher.search({ size: 1, ...other });
        expect(refused).rejects.toMatchObject({ code: "CURSOR_INVALID" });
      }
    });

    test("finds what only a comparison tells, however much is compared before it", async () => {
      await using place = await makePlace();
      const orders = Array.from({ length: 450 }, (_, n) => service(n, `orders-${n}`));
      const expected = Array.from({ length: 12 }, (_, n) => `billing-service-${n}`).toSorted();
      const billing = expected.map((text, n) => service(1_000 + n, text, { enabled: true }));
      await place.write([...orders, ...billing]);
      for (const text of [
        "NOT name:orders",
        "@enabled:true",
        "NOT name:orders AND @enabled:true",
      ]) {
        const names = await namesFor(text, { place, size: 50 });
        expect([text, names.toSorted()]).toEqual([text, expected]);
      }
    });

    test("says why a hit ranks where it does, and marks what matched", async () => {
      const [hit] = await hitsFor("ordersapi", { size: 1, explain: true });
      expect(hit).toMatchObject({ tier: "joined_name", match: "orders-api" });
      expect(hit?.highlights[0]).toEqual({ field: "name", text: "orders-api", ranges: [[0, 10]] });
      expect(hit?.explanation?.[0]).toBe('joined_name in name "orders-api": 960');
    });

    test("finds what was written since, and no more what was renamed or deleted", async () => {
      await using place = await makePlace();
      await place.write(SHOP);
      expect(await namesFor("payments", { place })).toContain("payments");
      expect(await namesFor("orders-api-v2", { place })).toContain("orders-api-v2");
      const gone = { ...service(2, "orders-api-v2"), object: null };
      await place.write([service(3, "settlement"), gone, service(9, "refunds")], 100);
      expect(await namesFor("setlement", { place })).toEqual(["settlement"]);
      expect(await namesFor("refund", { place })).toEqual(["refunds"]);
      expect(await namesFor("name:payments", { place })).toEqual([]);
      const everywhere = ["orders-api-v2", "", "*", "type:service", "NOT name:ledger", "00000000"];
      for (const text of everywhere) {
        expect(await namesFor(text, { place })).not.toContain("orders-api-v2");
      }
      const deleted = `c/${PLANE}/o/service/00000000-0000-4000-8000-000000000002`;
      expect(await place.searcher.get(deleted)).toBeUndefined();
      expect((await place.searcher.types())[0]).toEqual({ value: "service", count: 4 });
    });

    test(
      "answers whatever is asked",
      async () => {
        const pieces = fc.constantFrom(...HOSTILE_PIECES);
        const hostile = fc.oneof(
          fc.string({ unit: "grapheme", maxLength: 80 }),
          fc.string({ unit: "binary", maxLength: 80 }),
          fc.array(pieces, { maxLength: 12 }).map((list) => list.join(" ")),
        );
        await fc.assert(
          fc.asyncProperty(hostile, async (text) => {
            try {
              expect((await hitsFor(text)).length).toBeLessThanOrEqual(SHOP.length);
            } catch (error) {
              if (!(error instanceof SearchError)) throw error;
            }
          }),
          { numRuns: HOSTILE_RUNS_COUNT },
        );
        const long = [
          Array.from({ length: 60 }, (_, at) => `abcd${at}`).join(" "),
          "abcdefgh ".repeat(28),
          "/abcd".repeat(50),
          `https://${"a.b".repeat(30)}/${"x/".repeat(60)}`,
          "a".repeat(256),
          "é🦊".repeat(120),
        ];
        for (const text of long) await hitsFor(text.slice(0, 256));
        expect(await namesFor("orders-api")).toContain("orders-api");
      },
      HOSTILE_TIMEOUT_MS,
    );

    test("gives single entities, and those that others refer to", async () => {
      const { searcher } = shop;
      const route = await searcher.get(`c/${PLANE}/o/route/aaaaaaaa-0000-4000-8000-000000000001`);
      const parent = route?.document.parent ?? "";
      const [first] = await searcher.byIds([parent]);
      expect(first?.name).toBe("orders-api");
      expect(await searcher.get("c/x/o/route/none")).toBeUndefined();
      expect(await searcher.byIds(["none"])).toEqual([]);
      expect((await searcher.types())[0]).toEqual({ value: "service", count: 4 });
    });

    test("of an index that is not there yet says so, and finds it once it is", async () => {
      await using place = await makePlace();
      const early = namesFor("orders", { place });
      expect(early).rejects.toMatchObject({ code: "INDEX_NOT_FOUND" });
      await place.write(SHOP);
      expect(await namesFor("orders-api", { place })).toContain("orders-api");
      expect(await place.searcher.types()).toHaveLength(5);
    });
  });
}
