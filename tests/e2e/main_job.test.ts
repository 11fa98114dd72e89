import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { ConfigResourceTypes } from "kafkajs";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { documentsOf, type IndexedDocument, request } from "./index_reader.ts";
import { konn, type KonnResult, SAMPLE, serviceEnvironment, uniqueName } from "./konn.ts";
import { sampleDocuments } from "./sample_documents.ts";
import { kafkaClient, linesByPartition, readTopic } from "./topic_reader.ts";

describe("the main job", () => {
  const folder = new TemporaryFolder();
  afterAll(() => folder[Symbol.dispose]());
  const topic = uniqueName("sample");
  const index = uniqueName("sample");
  let environment: Record<string, string>;
  let replayed: KonnResult;
  let synced: KonnResult;

  const run = (...args: string[]) => konn(args, { cwd: folder.path, environment });
  const sync = (...args: string[]) =>
    run("sync", "--topic", topic, "--index", index, "--until-end", "--json", ...args);

  beforeAll(async () => {
    environment = await serviceEnvironment();
    replayed = await run("replay", SAMPLE, "--topic", topic, "--json");
    synced = await sync("--from-beginning");
  });

  test("replay reports 726 events, each written", () => {
    expect(replayed).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(replayed.stdout)).toMatchObject({
      events: 726,
      written: 726,
      deleted: 0,
      skipped: {},
      dead_letters: 0,
    });
  });

  test("the topic holds every line of the file once, byte for byte, in order", async () => {
    const records = await readTopic(topic);
    const lines = readFileSync(SAMPLE, "utf8")
      .split("\n")
      .filter((line) => line !== "");
    expect(records).toHaveLength(lines.length);
    const ranks = new Map(lines.map((line, rank) => [line, rank]));
    expect(ranks.size).toBe(lines.length);
    for (const partition of linesByPartition(records).values()) {
      const order = partition.map((line) => ranks.get(line) ?? -1);
      expect(order).not.toContain(-1);
      expect(order).toEqual(order.toSorted((a, b) => a - b));
    }
    for (const { key, value } of records) {
      expect(key?.toString()).toBe(JSON.parse(value?.toString() ?? "").after.key);
    }
  });

  test("the topic keeps its records for ever", async () => {
    const admin = (await kafkaClient()).admin();
    await admin.connect();
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: topic,
          configNames: ["retention.ms", "max.message.bytes"],
        },
      ],
    });
    await admin.disconnect();
    const configs = new Map(resources[0]?.configEntries.map((c) => [c.configName, c.configValue]));
    expect(configs.get("retention.ms")).toBe("-1");
    expect(Number(configs.get("max.message.bytes"))).toBeGreaterThan(16 * 1024 * 1024);
  });

  test("sync accounts for all 726 events", () => {
    expect(synced).toMatchObject({ exitCode: 0 });
    const { events, written, deleted, skipped, dead_letters } = JSON.parse(synced.stdout);
    const skippedCount = Object.values<number>(skipped).reduce((sum, count) => sum + count, 0);
    expect([events, written + deleted + skippedCount + dead_letters]).toEqual([726, 726]);
    expect(skipped["unsearched_type"]).toBe(107);
    expect(dead_letters).toBe(0);
  });

  test("the index holds exactly the entities of the sample, each with its last state", async () => {
    const documents = await documentsOf(index);
    const expected = sampleDocuments(SAMPLE);
    expect(documents.size).toBe(82);
    expect(sourcesOf(documents)).toEqual(
      new Map([...expected].map(([key, fields]) => [key, { ...fields, deleted: false }])),
    );
  });

  test("a document's version is 16 x (offset of its last event + 1)", async () => {
    const documents = await documentsOf(index);
    const lastOffsets = new Map(
      (await readTopic(topic)).map(({ key, offset }) => [String(key), Number(offset)]),
    );
    for (const { id, version } of documents.values()) {
      expect(version).toBe(16 * ((lastOffsets.get(id) ?? -1) + 1));
    }
  });

  test("the alias filters deleted documents and its index names the source", async () => {
    const { body } = await request(`/${index}`);
    const [name = ""] = Object.keys(body);
    expect(name).toMatch(new RegExp(`^${index}-\\d{14}`));
    expect(body[name].aliases[index].filter).toEqual({ term: { deleted: false } });
    expect(body[name].mappings.dynamic).toBe("strict");
    expect(JSON.stringify(body[name].mappings._meta)).toContain(topic);
  });

  test("a plain search by a person finds an entity", async () => {
    const { body } = await request(`/${index}/_search?q=name:upstream1`);
    expect(body.hits.hits[0]._source).toMatchObject({ type: "upstream", name: "upstream1" });
  });

  test("a second run of both changes nothing", async () => {
    const before = await documentsOf(index);
    const again = await run("replay", SAMPLE, "--topic", topic);
    expect(again).toMatchObject({ exitCode: 0, stdout: "" });
    expect(again.stderr).toContain("Nothing new");
    expect(await readTopic(topic)).toHaveLength(726);
    expect(JSON.parse((await sync()).stdout)).toMatchObject({ events: 0, written: 0 });
    expect(await documentsOf(index)).toEqual(before);
  });

  test("a sync that lost its state reads all again and changes nothing", async () => {
    const before = await documentsOf(index);
    const result = await sync("--state-dir", folder.file("lost"));
    expect(JSON.parse(result.stdout)).toMatchObject({ events: 726, written: 0 });
    expect(await documentsOf(index)).toEqual(before);
  });

  test("--from-beginning builds a new index with the same documents and swaps the alias", async () => {
    const before = await documentsOf(index);
    const [oldName] = Object.keys((await request(`/${index}`)).body);
    expect(await sync("--from-beginning")).toMatchObject({ exitCode: 0 });
    const names = Object.keys((await request(`/${index}`)).body);
    expect(names).toHaveLength(1);
    expect(names).not.toContain(oldName);
    expect(await documentsOf(index)).toEqual(before);
  });

  test("status shows both runs without lag", async () => {
    const { exitCode, stdout } = await run("status", "--json");
    expect(exitCode).toBe(0);
    const { runs } = JSON.parse(stdout);
    expect(runs).toHaveLength(2);
    const syncRun = runs.find(({ sink }: { sink: string }) => sink.endsWith(`/${index}`));
    expect(syncRun).toMatchObject({ lag: 0, lag_seconds: 0, dead_letters: 0, problem: null });
    const text = await run("status");
    expect(text.stdout).toContain(`/${topic} -> opensearch://`);
  });

  test("the private key of the sample is in no index, log, dead letter or state file", async () => {
    const secrets = privateKeyParts();
    expect(secrets.length).toBeGreaterThan(4);
    const { body } = await request(`/${index}*/_search?size=10000`);
    const files = [...new Bun.Glob(".konn/**").scanSync({ cwd: folder.path, dot: true })];
    const debug = await sync("--from-beginning", "--log-level", "debug");
    const texts = [
      JSON.stringify(body),
      ...[replayed, synced, debug].flatMap(({ stdout, stderr }) => [stdout, stderr]),
      ...files.map((file) => readFileSync(folder.file(file), "latin1")),
    ];
    for (const secret of secrets) {
      for (const text of texts) expect(text.includes(secret)).toBe(false);
    }
  });
});

function sourcesOf(documents: ReadonlyMap<string, IndexedDocument>) {
  return new Map([...documents].map(([id, { source }]) => [id, source]));
}

/** The parts of the RSA key in the sample's `key` event. */
function privateKeyParts(): string[] {
  const line = readFileSync(SAMPLE, "utf8")
    .split("\n")
    .find((text) => text.includes("/o/key/"));
  const jwk: Record<string, string> = JSON.parse(JSON.parse(line ?? "").after.value.object.jwk);
  return ["p", "q", "d", "qi", "dp", "dq", "n"].flatMap((name) => jwk[name] ?? []);
}
