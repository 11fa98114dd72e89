import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import type { SinkOpenOptions, SinkResume } from "../../../core/connector/mod.ts";
import { createSqliteSearcher } from "../../../core/connectors/sqlite/searcher.ts";
import { parseQuery, type Searcher } from "../../../core/search/mod.ts";
import { TemporaryFolder } from "../../fakes/temporary_folder.ts";
import { service, writeEntities } from "../../contract/shop.ts";
import { makeIndex, NEVER, openSqlite, STREAM } from "./support.ts";

const FIRST = { stream: STREAM, resume: undefined, fromBeginning: false, signal: NEVER };

/** The error of opening a sink. */
async function refusal(path: string, options: Partial<SinkOpenOptions>): Promise<unknown> {
  await using sink = openSqlite(path);
  return await sink.open({ ...FIRST, ...options }).then(
    () => "opened",
    (error: { code?: string }) => error.code,
  );
}

async function namesIn(searcher: Searcher): Promise<string[]> {
  const { hits } = await searcher.search({ query: parseQuery(""), size: 50 });
  return hits.map(({ name }) => name).toSorted();
}

describe("sqlite refuses", () => {
  test("a file that is no database, and leaves it as it is", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("notes.txt");
    const text = "not a database ".repeat(500);
    writeFileSync(path, text);
    expect(await refusal(path, {})).toBe("INDEX_NOT_OURS");
    expect(await refusal(path, { fromBeginning: true })).toBe("INDEX_NOT_OURS");
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  test("a database that somebody else made, and leaves it as it is", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("theirs.sqlite");
    {
      using theirs = new Database(path);
      theirs.run("CREATE TABLE notes (text TEXT)");
    }
    const before = readFileSync(path);
    expect(await refusal(path, {})).toBe("INDEX_NOT_OURS");
    expect(await refusal(path, { fromBeginning: true })).toBe("INDEX_NOT_OURS");
    expect(readFileSync(path).equals(before)).toBe(true);
    await using searcher = createSqliteSearcher({ path });
    expect(searcher.types()).rejects.toMatchObject({ code: "INDEX_NOT_OURS" });
  });

  test("a newer format", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("index.sqlite");
    await makeIndex(path, [service(1, "a")]);
    {
      using database = new Database(path);
      database.run("PRAGMA user_version = 99");
    }
    expect(await refusal(path, {})).toBe("INDEX_FORMAT_UNKNOWN");
  });

  test("another source, unless it is built anew", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("index.sqlite");
    await makeIndex(path, [service(1, "a")]);
    const stream = { address: "file:b", identity: { "stream id": "b" } };
    expect(await refusal(path, { stream })).toBe("INDEX_OF_ANOTHER_SOURCE");
    expect(await refusal(path, { stream, fromBeginning: true })).toBe("opened");
  });

  test("to go on into a file that is gone, and makes none", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("index.sqlite");
    let resume: SinkResume;
    {
      await using sink = openSqlite(path);
      resume = await sink.open(FIRST);
    }
    rmSync(path);
    expect(await refusal(path, { resume })).toBe("INDEX_GONE");
    expect(await Bun.file(path).exists()).toBe(false);
  });
});

describe("sqlite with two writers", () => {
  test("refuses the one whose index the other has changed, and goes on where that one is", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("index.sqlite");
    await using first = openSqlite(path);
    await first.open(FIRST);
    await using second = openSqlite(path);
    await second.open(FIRST);
    await writeEntities(first, [service(1, "one")]);
    expect(writeEntities(second, [service(2, "two")])).rejects.toMatchObject({
      code: "INDEX_BUSY",
    });
    await using again = openSqlite(path);
    await again.open(FIRST);
    await writeEntities(again, [service(2, "two")], 1);
    await using searcher = createSqliteSearcher({ path });
    expect(await namesIn(searcher)).toEqual(["one", "two"]);
  });
});

describe("sqlite --from-beginning", () => {
  test("builds beside the live index and shows it when it has caught up", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("index.sqlite");
    await makeIndex(path, [service(1, "old one"), service(2, "gone since")]);
    await using searcher = createSqliteSearcher({ path });
    await using sink = openSqlite(path);
    const opening = await sink.open({ ...FIRST, fromBeginning: true });
    expect(opening).toMatchObject({ state: "building", positions: new Map() });
    await writeEntities(sink, [service(1, "new one")]);
    expect(await namesIn(searcher)).toEqual(["gone since", "old one"]);
    expect(await sink.caughtUp?.(NEVER)).toBe("live");
    expect(await namesIn(searcher)).toEqual(["new one"]);
  });

  test("goes on with a building that was interrupted, and the live one stays", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("index.sqlite");
    await makeIndex(path, [service(1, "old")]);
    let resume: SinkResume;
    {
      await using sink = openSqlite(path);
      resume = await sink.open({ ...FIRST, fromBeginning: true });
      await writeEntities(sink, [service(1, "new")]);
    }
    await using sink = openSqlite(path);
    const { positions, state } = await sink.open({ ...FIRST, resume });
    expect(state).toBe("building");
    expect([...(positions?.keys() ?? [])]).toEqual(["lane"]);
    await writeEntities(sink, [service(2, "newer")], 1);
    await using searcher = createSqliteSearcher({ path });
    expect(await namesIn(searcher)).toEqual(["old"]);
    await sink.caughtUp?.(NEVER);
    expect(await namesIn(searcher)).toEqual(["new", "newer"]);
  });

  test("takes the place of a writer that goes on with the index before", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("index.sqlite");
    await using before = openSqlite(path);
    const resume = await before.open(FIRST);
    await writeEntities(before, [service(1, "old")]);
    {
      await using sink = openSqlite(path);
      await sink.open({ ...FIRST, fromBeginning: true });
      await sink.caughtUp?.(NEVER);
    }
    expect(writeEntities(before, [service(2, "late")], 1)).rejects.toMatchObject({
      code: "INDEX_REPLACED",
    });
    expect(await refusal(path, { resume })).toBe("INDEX_REPLACED");
  });
});
