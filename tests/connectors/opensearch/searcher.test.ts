import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { indexMappings } from "../../../core/connectors/opensearch/mapping.ts";
import { createOpenSearchSearcher } from "../../../core/connectors/opensearch/searcher.ts";
import { parseQuery } from "../../../core/search/mod.ts";
import { PLANE, service, SHOP, writeEntities } from "../../contract/shop.ts";
import { Cluster, errorOf, openSink, uniqueIndex } from "./support.ts";

const cluster = await Cluster.shared();
const { url } = cluster;

async function makeShop(index: string, more: Parameters<typeof writeEntities>[1] = []) {
  await using opened = await openSink({ url, index });
  await writeEntities(opened.sink, [...SHOP, ...more]);
  await cluster.request(`/${index}/_refresh`, "POST");
}

describe("a searcher of OpenSearch", () => {
  const shopIndex = uniqueIndex();
  beforeAll(async () => await makeShop(shopIndex));
  afterAll(async () => {
    await cluster.request(`/${shopIndex}-*`, "DELETE");
  });

  test("is called by its index and its address", async () => {
    await using searcher = createOpenSearchSearcher({ url, index: shopIndex });
    expect(searcher.label).toBe(`${shopIndex} at ${url}`);
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

  test("looks harder only while a page is not full, and for two typos where nothing is nearer", async () => {
    const index = uniqueIndex();
    const many = Array.from({ length: 20 }, (_, at) => service(1_000 + at, `warehouse-${at}`));
    await makeShop(index, many);
    await using searcher = createOpenSearchSearcher({ url, index });
    const requestsFor = async (text: string): Promise<number> => {
      const before = await searchesCount(index);
      const { hits } = await searcher.search({ query: parseQuery(text), size: 10 });
      expect(hits[0]?.name).toStartWith(text === "ledger" ? "ledger" : "warehouse");
      return (await searchesCount(index)) - before;
    };
    // The first one looks up the names of control planes as well.
    await searcher.search({ query: parseQuery(""), size: 10 });
    expect(await requestsFor("warehouse")).toBe(1);
    expect(await requestsFor("ware")).toBe(1);
    expect(await requestsFor("ledger")).toBe(2);
    expect(await requestsFor("warehuose")).toBe(2);
    expect(await requestsFor("warhuose")).toBe(3);
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

async function searchesCount(index: string): Promise<number> {
  const { body } = await cluster.request(`/${index}/_stats/search`);
  return body._all.primaries.search.query_total;
}
