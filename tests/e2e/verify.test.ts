import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { documentsOf, request } from "./index_reader.ts";
import { konn, SAMPLE, serviceEnvironment, uniqueName } from "./konn.ts";
import { seedTopic } from "./topic_reader.ts";

const LIFE = join(import.meta.dir, "..", "fixtures", "debezium", "life", "life-toastpk.jsonl.zst");

describe("konn verify", () => {
  const folder = new TemporaryFolder();
  afterAll(() => folder[Symbol.dispose]());
  let environment: Record<string, string>;
  beforeAll(async () => {
    environment = await serviceEnvironment();
  });

  const run = (...args: string[]) => konn(args, { cwd: folder.path, environment });

  async function verify(name: string, ...flags: string[]) {
    const result = await run("verify", "--topic", name, "--index", name, "--json", ...flags);
    return { ...result, report: result.stdout === "" ? undefined : JSON.parse(result.stdout) };
  }

  /** The sample in a topic and in an index of the same name. */
  async function syncedSample(): Promise<string> {
    const name = uniqueName("verify");
    await run("replay", SAMPLE, "--topic", name);
    await run("sync", "--topic", name, "--index", name, "--until-end");
    return name;
  }

  /** Writes or deletes a document behind the alias, as a person with curl would. */
  async function byHand(name: string, key: string, body?: object): Promise<void> {
    const [index = ""] = Object.keys((await request(`/${name}`)).body);
    const version = body === undefined ? "" : "&version=99999999&version_type=external";
    const path = `/${index}/_doc/${encodeURIComponent(key)}?refresh=true${version}`;
    const method = body === undefined ? "DELETE" : "PUT";
    expect((await request(path, { method, body })).status).toBeLessThan(300);
  }

  test("finds an index equal that is", async () => {
    const { exitCode, report } = await verify(await syncedSample());
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({
      missing: 0,
      stale: 0,
      extra: 0,
      unrecoverable: 0,
      refused: 0,
      keys_in_two_lanes: 0,
      repaired: 0,
      events: 726,
      documents: 82,
    });
  });

  test("finds what was planted, of each kind, and puts it right", async () => {
    const name = await syncedSample();
    const before = await documentsOf(name);
    const [deleted = "", edited = "", buried = ""] = [...before.keys()].toSorted();
    const added = "c/cp/o/service/by-hand";
    await byHand(name, deleted);
    await byHand(name, edited, { ...before.get(edited)?.source, name: "edited by hand" });
    await byHand(name, buried, { deleted: true });
    await byHand(name, added, { type: "service", id: "by-hand", deleted: false });

    const { exitCode, report } = await verify(name);
    expect(exitCode).toBe(1);
    expect(report).toMatchObject({ missing: 2, stale: 1, extra: 1, repaired: 0 });
    expect(report.ids).toMatchObject({
      missing: [deleted, buried],
      stale: [edited],
      extra: [added],
    });

    const repaired = await verify(name, "--repair");
    expect(repaired.exitCode).toBe(0);
    expect(repaired.report).toMatchObject({ missing: 2, stale: 1, extra: 1, repaired: 4 });
    expect((await verify(name)).report).toMatchObject({ missing: 0, stale: 0, extra: 0 });
    expect(sourcesOf(await documentsOf(name))).toEqual(sourcesOf(before));
  });

  test("a repair does not stand in the way of the next event", async () => {
    const name = await syncedSample();
    const [key = ""] = (await documentsOf(name)).keys();
    await byHand(name, key);
    await verify(name, "--repair");
    const value = { before: null, after: { key, value: { object: { name: "later" } } }, op: "u" };
    const file = folder.file("later.jsonl");
    await Bun.write(file, `${JSON.stringify(value)}\n`);
    await run("replay", file, "--topic", name);
    await run("sync", "--topic", name, "--index", name, "--until-end");
    expect((await documentsOf(name)).get(key)?.source["name"]).toBe("later");
    expect((await verify(name)).exitCode).toBe(0);
  });

  test("lists refused events and unrecoverable rows apart", async () => {
    const name = uniqueName("verify");
    await run("replay", LIFE, "--topic", name);
    await run("sync", "--topic", name, "--index", name, "--until-end");
    const { exitCode, report } = await verify(name);
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({ missing: 0, stale: 0, extra: 0 });
    expect(report.unrecoverable).toBeGreaterThan(0);
    expect(report.ids.unrecoverable).toHaveLength(report.unrecoverable);
  });

  test("names keys whose changes stand in two partitions", async () => {
    const name = uniqueName("verify");
    const key = "c/cp/o/service/a";
    const event = (text: string) =>
      JSON.stringify({ before: null, after: { key, value: { object: { name: text } } }, op: "u" });
    await seedTopic(name, [
      { key, value: event("one"), partition: 0 },
      { key, value: event("two"), partition: 1 },
      { key: "x", value: "not JSON", partition: 2 },
    ]);
    await run("sync", "--topic", name, "--index", name, "--until-end");
    const { report } = await verify(name);
    expect(report).toMatchObject({ keys_in_two_lanes: 1, refused: 1 });
    expect(report.ids).toMatchObject({ keys_in_two_lanes: [key], refused: ["x"] });
  });

  test("is readable for a person", async () => {
    const name = await syncedSample();
    const [key = ""] = (await documentsOf(name)).keys();
    await byHand(name, key);
    const { exitCode, stdout } = await run("verify", "--topic", name, "--index", name);
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`${name} differs from its topic: 81 documents, 726 events`);
    expect(stdout).toContain(`  missing            1\n    ${key}\n`);
  });

  test.each([
    ["--topic", "no-such-topic", "KAFKA_TOPIC_NOT_FOUND"],
    ["--index", "no-such-index", "INDEX_NOT_FOUND"],
  ])("%s %s exits with 3", async (flag, value, code) => {
    const name = await syncedSample();
    const other = flag === "--topic" ? "--index" : "--topic";
    const { exitCode, stderr } = await run("verify", flag, value, other, name);
    expect(exitCode).toBe(3);
    expect(stderr).toContain(code);
  });
});

function sourcesOf(documents: Awaited<ReturnType<typeof documentsOf>>): Map<string, object> {
  return new Map([...documents].map(([id, { source }]) => [id, source]));
}
