import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { entityDocument } from "../../core/konnect/entity_document.ts";
import { parseEntityKey } from "../../core/konnect/entity_key.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { allDocumentsOf } from "./index_reader.ts";
import { konn, serviceEnvironment, spawnKonn, uniqueName } from "./konn.ts";

const FIXTURES = join(import.meta.dir, "..", "fixtures", "debezium", "life");
/** At a rate at which each story takes some three seconds, so that most of them hit a running sync. */
const KILLS_COUNT = 20;
const UNSEARCHED_TYPES = new Set(["store_event", "hash", "composite-status", "node-status"]);
const KEY_MAX_BYTES = 512;

/**
 * Some 20,000 changes of a real PostgreSQL, captured from a real Debezium, against the table as
 * PostgreSQL had it at the end. The index must end equal to the table, however often konn is killed.
 */
describe.each([
  ["life-a", "10000/s"],
  ["life-crash", "10000/s"],
  ["life-toastpk", "2500/s"],
])("%s", (story, rate) => {
  const folder = new TemporaryFolder();
  afterAll(() => folder[Symbol.dispose]());
  const topic = uniqueName(story);
  let environment: Record<string, string>;
  let summary: Record<string, any>;

  const run = (...args: string[]) => konn(args, { cwd: folder.path, environment });
  const sync = ["sync", "--topic", topic, "--index", topic, "--until-end", "--json"];

  beforeAll(async () => {
    environment = await serviceEnvironment();
    const file = join(FIXTURES, `${story}.jsonl.zst`);
    const replay = await run("replay", file, "--topic", topic, "--partitions", "3", "--json");
    expect(replay.exitCode).toBe(0);
    expect(JSON.parse(replay.stdout)).toMatchObject({ dead_letters: 0 });
  });

  test("the index equals the table after twenty SIGKILLs", async () => {
    let cutShort = 0;
    for (let kills = 1; kills <= KILLS_COUNT; kills += 1) {
      const child = spawnKonn([...sync, "--rate", rate], { cwd: folder.path, environment });
      const timer = setTimeout(() => child.kill("SIGKILL"), 50 + Math.random() * 250);
      await child.exited;
      clearTimeout(timer);
      if (child.signalCode === "SIGKILL") cutShort += 1;
      // The state in the middle, for a later start from an older checkpoint.
      if (kills === KILLS_COUNT / 4) copyState("older");
    }
    expect(cutShort).toBeGreaterThanOrEqual(KILLS_COUNT / 4);
    const last = await run(...sync);
    expect(last).toMatchObject({ exitCode: 0 });
    summary = JSON.parse(last.stdout);
    expect(await differingKeys(topic, story)).toEqual(expectedDifferences(story));
  });

  test("konn verify agrees", async () => {
    const { exitCode, stdout } = await run("verify", "--topic", topic, "--index", topic, "--json");
    expect(exitCode).toBe(0);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ missing: 0, stale: 0, extra: 0 });
    expect(report.ids.unrecoverable).toEqual(expectedDifferences(story));
  });

  test("it still does after a start from an older checkpoint", async () => {
    rmSync(folder.file(".konn"), { recursive: true });
    cpSync(folder.file("older"), folder.file(".konn"), { recursive: true });
    expect(await run(...sync)).toMatchObject({ exitCode: 0 });
    expect(await differingKeys(topic, story)).toEqual(expectedDifferences(story));
  });

  test("every event has its place in the summary of a whole run", async () => {
    const index = uniqueName(story);
    const args = ["sync", "--topic", topic, "--index", index, "--until-end", "--json"];
    const { events, written, deleted, skipped, dead_letters } = JSON.parse(
      (await run(...args)).stdout,
    );
    const skippedCount = Object.values<number>(skipped).reduce((sum, count) => sum + count, 0);
    expect(written + deleted + skippedCount + dead_letters).toBe(events);
    expect(summary["events"]).toBeLessThanOrEqual(events);
    expect(await differingKeys(index, story)).toEqual(expectedDifferences(story));
  });

  function copyState(name: string): void {
    cpSync(folder.file(".konn"), folder.file(name), { recursive: true });
  }
});

/** Keys whose document in the index is not the one that the table's row gives. */
async function differingKeys(index: string, story: string): Promise<string[]> {
  const expected = expectedDocuments(story);
  const documents = await allDocumentsOf(index);
  const keys = new Set([...expected.keys(), ...documents.keys()]);
  return [...keys]
    .filter((key) => !Bun.deepEquals(documents.get(key)?.source, expected.get(key)))
    .toSorted();
}

/** What the table says. Rows of types that nobody searches and of impossible keys have no document. */
function expectedDocuments(story: string): Map<string, object> {
  const table = readLines(`${story}.final.jsonl.zst`).map((line) => JSON.parse(line));
  const rows = table.filter(({ key }) => {
    const bytes = Buffer.byteLength(key);
    return bytes > 0 && bytes <= KEY_MAX_BYTES && !UNSEARCHED_TYPES.has(parseEntityKey(key).type);
  });
  return new Map(
    rows.map(({ key, value }) => [key, { ...entityDocument(key, value).document, deleted: false }]),
  );
}

/** Keys that the stream cannot tell: their value was never sent under their new name. */
function expectedDifferences(story: string): string[] {
  if (story === "life-a") return [];
  const listed: { key: string }[] = JSON.parse(
    readFileSync(join(FIXTURES, `${story}.unrecoverable.json`), "utf8"),
  );
  const expected = expectedDocuments(story);
  return [...new Set(listed.map(({ key }) => key))].filter((key) => expected.has(key)).toSorted();
}

function readLines(file: string): string[] {
  const text = zstdDecompressSync(readFileSync(join(FIXTURES, file))).toString();
  return text.split("\n").filter((line) => line !== "");
}
