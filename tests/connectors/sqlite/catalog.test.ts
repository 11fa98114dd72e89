import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { parseQuery } from "../../../core/search/mod.ts";
import { createSqliteSearcher } from "../../../core/connectors/sqlite/searcher.ts";
import { generationsOf, openForReading } from "../../../core/connectors/sqlite/index_file.ts";
import { LoadedGeneration } from "../../../core/connectors/sqlite/loaded_generation.ts";
import { runSearch } from "../../../core/connectors/sqlite/run_search.ts";
import { TemporaryFolder } from "../../fakes/temporary_folder.ts";
import { type Entity, service, writeEntities } from "../../contract/shop.ts";
import { makeIndex, NEVER, openSqlite, STREAM } from "./support.ts";

const WORDS = ["orders", "billing", "search", "mobile", "größe", "注文", "a1b2c3"];

function nameOf(number: number, round: number): string {
  const word = WORDS[(number + round) % WORDS.length] ?? "";
  return `${word}-${number}-${WORDS[(number * 3 + round) % WORDS.length]}`;
}

/** Commits of which each renames, adds or removes some of what came before. */
async function churn(path: string, commitsCount: number): Promise<ReadonlyMap<number, string>> {
  const names = new Map<number, string>();
  await using sink = openSqlite(path);
  await sink.open({ stream: STREAM, resume: undefined, fromBeginning: false, signal: NEVER });
  let sequence = 0;
  for (let round = 0; round < commitsCount; round += 1) {
    const changes = new Map<number, Entity>();
    for (let at = 0; at < 6; at += 1) {
      const number = (round * 7 + at * at * 5) % 180;
      const isRemoved = (round + at) % 5 === 0;
      const name = nameOf(number, round);
      changes.set(
        number,
        isRemoved ? { ...service(number, name), object: null } : service(number, name),
      );
      if (isRemoved) names.delete(number);
      else names.set(number, name);
    }
    await writeEntities(sink, [...changes.values()], sequence);
    sequence += changes.size;
  }
  await sink.caughtUp?.(NEVER);
  return names;
}

describe("the catalog of an index that was changed again and again", () => {
  test("holds what is there, merged or not, and nothing of what is gone", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("index.sqlite");
    const names = await churn(path, 75);
    await using searcher = createSqliteSearcher({ path });
    const all = await searcher.search({ query: parseQuery(""), size: 0 });
    expect(all.total).toEqual({ count: names.size, isExact: true });
    for (const word of WORDS) {
      const expected = [...names.values()].filter((name) => name.split("-").includes(word));
      const { total } = await searcher.search({ query: parseQuery(`name:${word}`), size: 10 });
      expect([word, total.count]).toEqual([word, expected.length]);
    }
    for (const name of [...names.values()].slice(0, 40)) {
      const { hits } = await searcher.search({ query: parseQuery(name), size: 1 });
      expect(hits[0]?.name).toBe(name);
    }
    using database = new Database(path);
    const rows = database.query<{ level: number }, []>("SELECT level FROM catalog_1").all();
    // A segment of the second level takes 32 of the first, and each of these 32 transactions.
    expect(Math.max(...rows.map(({ level }) => level))).toBe(1);
    expect(rows.length).toBeLessThan(32);
  });

  test("is the same to a searcher that has followed it all the way", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("index.sqlite");
    await makeIndex(path, [service(999, "from the start")]);
    await using follower = createSqliteSearcher({ path });
    await using sink = openSqlite(path);
    await sink.open({ stream: STREAM, resume: undefined, fromBeginning: false, signal: NEVER });
    for (let round = 1; round < 40; round += 1) {
      await writeEntities(sink, [service(round % 9, `round ${round}`)], round);
      const { hits } = await follower.search({ query: parseQuery(`"round ${round}"`), size: 2 });
      expect(hits.map(({ name }) => name)).toEqual([`round ${round}`]);
    }
    const { total } = await follower.search({ query: parseQuery(""), size: 0 });
    expect(total.count).toBe(10);
  });
});

describe("a search that takes too long", () => {
  test("answers with what it has found so far, and says that there may be more", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("index.sqlite");
    await makeIndex(path, [
      service(1, "payments"),
      service(2, "payments-api"),
      service(3, "paymentz"),
    ]);
    using database = openForReading(path);
    const number = database && generationsOf(database)[0]?.number;
    if (!database || number === undefined) throw new Error("There is no index");
    const loaded = new LoadedGeneration(database, number);
    loaded.refresh();
    const request = { query: parseQuery("payments"), size: 10 };
    const inTime = runSearch(loaded, request, () => false);
    expect(inTime.hits.map(({ name }) => name)).toEqual(["payments", "payments-api", "paymentz"]);
    expect(inTime.total.isExact).toBe(true);
    const late = runSearch(loaded, request, () => true);
    expect(late.hits.map(({ name }) => name)).toEqual(["payments", "payments-api"]);
    expect(late.total).toEqual({ count: 2, isExact: false });
    // Not even what costs little is looked for once it is late.
    const inside = { query: parseQuery("aymen"), size: 10 };
    expect(runSearch(loaded, inside, () => false).total.count).toBe(3);
    expect(runSearch(loaded, inside, () => true).total).toEqual({ count: 0, isExact: false });
  });
});

describe("what belongs to an entity", () => {
  test("is found among thousands, however many there are", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("index.sqlite");
    const parentOf = (number: number): string =>
      `00000000-0000-4000-9000-${String(number % 97 === 0 ? 1 : number).padStart(12, "0")}`;
    const routes = Array.from({ length: 6_000 }, (_, number): Entity => {
      const { id } = service(number, "");
      return {
        type: "route",
        id,
        object: { id, name: `r${number}`, service: { id: parentOf(number) } },
      };
    });
    await makeIndex(path, routes);
    await using searcher = createSqliteSearcher({ path });
    const find = (text: string) => searcher.search({ query: parseQuery(text), size: 50 });
    const many = await find(`@parent:${parentOf(0)}`);
    expect(many.total).toEqual({ count: Math.ceil(6_000 / 97) + 1, isExact: true });
    expect(new Set(many.hits.map(({ document }) => document.parent))).toEqual(
      new Set([parentOf(0)]),
    );
    const one = await find(`@service_id:${parentOf(5_999).toUpperCase()}`);
    expect(one.hits.map(({ name }) => name)).toEqual(["r5999"]);
    const both = await find(`@parent:${parentOf(0)} AND name:r97`);
    expect(both.hits.map(({ name }) => name)).toContain("r97");
    expect((await find("@parent:00000000-0000-4000-9000-999999999999")).total.count).toBe(0);
  });
});
