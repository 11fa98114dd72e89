import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { documentsOf } from "./index_reader.ts";
import { konn, serviceEnvironment, uniqueName } from "./konn.ts";
import { type NewRecord, seedTopic } from "./topic_reader.ts";

/** A row event at a place in PostgreSQL's log, in a partition of its own choice. */
function row(id: string, lsn: number, partition: number): NewRecord {
  const key = `c/cp/o/service/${id}`;
  const after = { key, value: JSON.stringify({ object: { id, name: `${id} at ${lsn}` } }) };
  const value = JSON.stringify({ before: null, after, op: "c", source: { lsn }, ts_ms: 1 });
  return { key: JSON.stringify({ key }), value, partition };
}

function truncate(lsn: number, partition: number): NewRecord {
  const value = { before: null, after: null, op: "t", source: { lsn }, ts_ms: 1 };
  return { key: null, value: JSON.stringify(value), partition };
}

describe("--on-truncate", () => {
  const folder = new TemporaryFolder();
  afterAll(() => folder[Symbol.dispose]());
  const topic = uniqueName("truncate");
  let environment: Record<string, string>;

  beforeAll(async () => {
    environment = await serviceEnvironment();
    await seedTopic(topic, [
      row("a", 10, 0),
      row("b", 20, 1),
      truncate(30, 2),
      row("a", 40, 0),
      row("c", 50, 2),
      truncate(60, 1),
      row("d", 70, 0),
      row("b", 80, 1),
    ]);
  });

  function sync(index: string, ...flags: string[]) {
    const args = ["sync", "--index", index, "--until-end", "--json", ...flags];
    if (!flags.includes("--topic")) args.push("--topic", topic);
    return konn(args, { cwd: folder.path, environment });
  }

  async function namesIn(index: string): Promise<string[]> {
    const documents = [...(await documentsOf(index)).values()];
    return documents.map(({ source }) => String(source["name"])).toSorted();
  }

  test("halts by default, with what can be done", async () => {
    const { exitCode, stderr } = await sync(uniqueName("halt"));
    expect(exitCode).toBe(1);
    expect(stderr).toContain("TABLE_TRUNCATED");
    expect(stderr).toContain("--on-truncate rebuild");
  });

  test("rebuild says why it cannot, where events have no place in PostgreSQL's log", async () => {
    const unplacedTruncate = { key: null, value: '{"op":"t","source":{},"ts_ms":1}', partition: 0 };
    const { value, ...rest } = row("b", 0, 0);
    const unplacedRow = { ...rest, value: value?.replace('{"lsn":0}', "{}") ?? null };
    for (const records of [
      [row("a", 10, 0), unplacedTruncate],
      [truncate(30, 0), row("a", 40, 0), unplacedRow],
    ]) {
      const name = uniqueName("unplaced");
      await seedTopic(name, records, 1);
      const result = await sync(name, "--topic", name, "--on-truncate", "rebuild");
      expect(result.exitCode).toBe(1);
      expect(result.stderr).toContain("TRUNCATE_UNPLACED");
      expect(result.stderr).toContain("has no source.lsn");
    }
  });

  test("ignore goes on and keeps what was there", async () => {
    const index = uniqueName("ignore");
    const { exitCode, stdout } = await sync(index, "--on-truncate", "ignore");
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)["skipped"]["truncate"]).toBe(2);
    expect(await namesIn(index)).toEqual(["a at 40", "b at 80", "c at 50", "d at 70"]);
  });

  test("rebuild ends with the rows that came after the last truncate", async () => {
    const index = uniqueName("rebuild");
    expect(await sync(index, "--on-truncate", "rebuild")).toMatchObject({ exitCode: 0 });
    expect(await namesIn(index)).toEqual(["b at 80", "d at 70"]);
  });

  test("rebuild counts what was done before the truncate as well", async () => {
    const name = uniqueName("counts");
    await seedTopic(name, [row("a", 10, 0), row("b", 20, 0), truncate(30, 0), row("c", 40, 0)]);
    const flags = ["--topic", name, "--on-truncate", "rebuild", "--rate", "1/s"];
    const { exitCode, stdout } = await sync(name, ...flags);
    expect(exitCode).toBe(0);
    const { events, written, skipped } = JSON.parse(stdout);
    // What was written when the truncate was met: one row at least, two on a machine with time.
    const earlier = events - 4;
    expect([1, 2]).toContain(earlier);
    expect(written).toBe(earlier + 1);
    expect(skipped).toEqual({ truncated: 2, truncate: 1 });
  });

  test("a later run without state does not bring back what was truncated", async () => {
    const index = uniqueName("later");
    await sync(index, "--on-truncate", "rebuild");
    const { exitCode } = await sync(index, "--state-dir", folder.file("fresh"));
    expect(exitCode).toBe(0);
    expect(await namesIn(index)).toEqual(["b at 80", "d at 70"]);
  });
});
