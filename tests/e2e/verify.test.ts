import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { verifyIndex } from "../../core/check/verify_index.ts";
import { type ConnectorOptions, createInspector, createSource } from "../../core/connectors/mod.ts";
import { SILENT_OBSERVER } from "../../core/observe/observer.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { startFront } from "../services/http_front.ts";
import { documentsOf, request } from "./index_reader.ts";
import { konn, resultOf, SAMPLE, serviceEnvironment, spawnKonn, uniqueName } from "./konn.ts";
import { seedTopic } from "./topic_reader.ts";

const UNSEARCHED_TYPES = ["store_event", "hash", "composite-status", "node-status"];
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
  async function byHand(
    name: string,
    key: string,
    body?: object,
    version: number | string = 99_999_999,
  ): Promise<void> {
    const [index = ""] = Object.keys((await request(`/${name}`)).body);
    const external = body === undefined ? "" : `&version=${version}&version_type=external`;
    const path = `/${index}/_doc/${encodeURIComponent(key)}?refresh=true${external}`;
    const method = body === undefined ? "DELETE" : "PUT";
    expect((await request(path, { method, body })).status).toBeLessThan(300);
  }

  function openSearchUrl(): string {
    return environment["KONN_OPENSEARCH_URL"] ?? "";
  }

  function isSearch(path: string): boolean {
    return new URL(path, openSearchUrl()).pathname.endsWith("/_search");
  }

  function connectorOptions(): ConnectorOptions {
    return {
      observer: SILENT_OBSERVER,
      brokers: [environment["KONN_BROKERS"] ?? ""],
      openSearchUrl: openSearchUrl(),
      security: { kafka: () => ({}), openSearch: () => ({}) },
    };
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

  /** Renames an entity in the topic and has a sync write it. */
  async function renameAndSync(name: string, key: string, text: string): Promise<void> {
    const value = { before: null, after: { key, value: { object: { name: text } } }, op: "u" };
    const file = folder.file(`${name}.jsonl`);
    await Bun.write(file, `${JSON.stringify(value)}\n`);
    await run("replay", file, "--topic", name);
    await run("sync", "--topic", name, "--index", name, "--until-end");
  }

  test("a repair does not stand in the way of the next event", async () => {
    const name = await syncedSample();
    const [key = ""] = (await documentsOf(name)).keys();
    await byHand(name, key);
    await verify(name, "--repair");
    await renameAndSync(name, key, "later");
    expect((await documentsOf(name)).get(key)?.source["name"]).toBe("later");
    expect((await verify(name)).exitCode).toBe(0);
  });

  test("a document that says something older is stale, and its repair takes", async () => {
    const name = await syncedSample();
    const before = await documentsOf(name);
    const [key = ""] = before.keys();
    const { source, version = 0 } = before.get(key) ?? {};
    await byHand(name, key, { ...source, name: "an older name" }, version + 1);
    const { exitCode, report } = await verify(name);
    expect(exitCode).toBe(1);
    expect(report).toMatchObject({ missing: 0, stale: 1, extra: 0 });
    expect((await verify(name, "--repair")).report).toMatchObject({ repaired: 1, ahead: 0 });
    expect(sourcesOf(await documentsOf(name))).toEqual(sourcesOf(before));
  });

  test("warns of a repaired document that is ahead of its topic", async () => {
    const name = await syncedSample();
    const before = await documentsOf(name);
    const [key = ""] = before.keys();
    await byHand(name, key, { ...before.get(key)?.source, name: "edited by hand" });
    const { exitCode, report, stderr } = await verify(name, "--repair");
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({ stale: 1, repaired: 1, ahead: 1 });
    expect(stderr).toContain("konn sync --from-beginning");
  });

  test("what a running sync writes meanwhile is no difference", async () => {
    const name = await syncedSample();
    const key = "c/cp/o/service/meanwhile";
    const connectors = connectorOptions();
    const inspector = await createInspector(`opensearch:${name}`, connectors);
    const documents = inspector.documents.bind(inspector);
    inspector.documents = async function* (signal, largestChars) {
      await renameAndSync(name, key, "later than the fold");
      yield* documents(signal, largestChars);
    };
    const report = await verifyIndex({
      createSource: async () => (await createSource(`kafka:${name}`, connectors)).end,
      inspector,
      onTruncate: "halt",
      skipTypes: UNSEARCHED_TYPES,
      repair: false,
      stop: new AbortController().signal,
    });
    expect((await documentsOf(name)).get(key)?.version).toBeGreaterThan(0);
    expect(report).toMatchObject({ missing: 0, stale: 0, extra: 0, events: 726, documents: 83 });
  });

  test("refuses an index that was made from another topic, and leaves it alone", async () => {
    const [name, other] = [await syncedSample(), await syncedSample()];
    const args = ["verify", "--topic", other, "--index", name, "--repair"];
    const { exitCode, stderr } = await run(...args);
    expect(exitCode).toBe(3);
    expect(stderr).toContain("INDEX_OF_ANOTHER_SOURCE");
    expect((await documentsOf(name)).size).toBe(82);
  });

  test("finds a document missing that nobody sees through the alias", async () => {
    const name = await syncedSample();
    const before = await documentsOf(name);
    const [key = ""] = before.keys();
    const { source, version = 0 } = before.get(key) ?? {};
    await byHand(name, key, { ...source, deleted: undefined }, version + 1);
    expect((await verify(name)).report.ids).toMatchObject({ missing: [key], extra: [] });
    expect((await verify(name, "--repair")).exitCode).toBe(0);
    expect(sourcesOf(await documentsOf(name))).toEqual(sourcesOf(before));
  });

  test("finds a document extra that OpenSearch shows, whatever marks it as live", async () => {
    const name = await syncedSample();
    const key = "c/cp/o/service/by-hand";
    await byHand(name, key, { type: "service", id: "by-hand", deleted: "false" }, 7);
    expect((await documentsOf(name)).has(key)).toBeTrue();
    expect(await verify(name)).toMatchObject({ exitCode: 1, report: { extra: 1 } });
    expect((await verify(name, "--repair", "--dry-run")).report).toMatchObject({ repaired: 0 });
    expect((await verify(name, "--repair")).report).toMatchObject({ repaired: 1 });
    expect((await documentsOf(name)).has(key)).toBeFalse();
  });

  test("finds a document whose version is at the end of all versions, and cannot repair it", async () => {
    const name = await syncedSample();
    const key = "c/cp/o/service/by-hand";
    const body = { type: "service", id: "by-hand", deleted: false };
    await byHand(name, key, body, "9223372036854775806");
    const { exitCode, report } = await verify(name, "--repair");
    expect(exitCode).toBe(1);
    expect(report).toMatchObject({ extra: 1, repaired: 0, ahead: 1 });
  });

  test("asks for fewer documents at once the larger they are", async () => {
    const name = uniqueName("verify");
    const lines = Array.from({ length: 20 }, (_, at) => {
      const hosts = Array.from(
        { length: 20_000 },
        (_host, n) => `host-${at}-${n}.some.example.com`,
      );
      const after = { key: `c/cp/o/route/${at}`, value: { object: { hosts } } };
      return JSON.stringify({ before: null, after, op: "c" });
    });
    const file = folder.file(`${name}.jsonl`);
    await Bun.write(file, `${lines.join("\n")}\n`);
    await run("replay", file, "--topic", name);
    await run("sync", "--topic", name, "--index", name, "--until-end");
    const sizes: number[] = [];
    await using front = startFront({
      url: openSearchUrl(),
      onRequest: ({ path, body }) => {
        if (isSearch(path)) sizes.push(JSON.parse(body).size);
      },
    });
    const { report } = await verify(name, "--opensearch-url", front.url);
    expect(report).toMatchObject({ missing: 0, stale: 0, extra: 0, documents: 20 });
    expect(sizes).toHaveLength(1);
    expect(sizes[0]).toBeWithin(4, 9);
  });

  /** Changes what an alias stands for. */
  async function changeAliases(...actions: object[]): Promise<void> {
    const { status } = await request("/_aliases", { method: "POST", body: { actions } });
    expect(status).toBe(200);
  }

  test("refuses an alias that shows its readers something else than its index", async () => {
    const [name, other] = [await syncedSample(), await syncedSample()];
    const indexOf = async (alias: string) =>
      Object.keys((await request(`/${alias}`)).body)[0] ?? "";
    const [index, otherIndex] = [await indexOf(name), await indexOf(other)];
    const filter = { term: { deleted: false } };
    const cases = [
      { add: { index, alias: name } },
      { add: { index, alias: name, filter: { term: { type: "route" } } } },
      { add: { index: otherIndex, alias: name, filter } },
    ];
    for (const action of cases) {
      await changeAliases(action);
      const { exitCode, stderr } = await verify(name, "--repair");
      expect([exitCode, stderr]).toEqual([3, expect.stringContaining("INDEX_NOT_OURS")]);
    }
    await changeAliases(
      { remove: { index: otherIndex, alias: name } },
      { add: { index, alias: name, filter } },
    );
    expect((await verify(name)).exitCode).toBe(0);
  });

  test("refuses to speak of an index that was replaced while it looked", async () => {
    const name = await syncedSample();
    const connectors = connectorOptions();
    const inspector = await createInspector(`opensearch:${name}`, connectors);
    const documents = inspector.documents.bind(inspector);
    inspector.documents = async function* (signal, largestChars) {
      yield* documents(signal, largestChars);
      await run("sync", "--topic", name, "--index", name, "--from-beginning", "--until-end");
    };
    const work = verifyIndex({
      createSource: async () => (await createSource(`kafka:${name}`, connectors)).end,
      inspector,
      onTruncate: "halt",
      skipTypes: UNSEARCHED_TYPES,
      repair: true,
      stop: new AbortController().signal,
    });
    expect(work).rejects.toMatchObject({ code: "INDEX_REPLACED" });
  });

  test("a repair never makes an index anew that was deleted meanwhile", async () => {
    const name = await syncedSample();
    const inspector = await createInspector(`opensearch:${name}`, connectorOptions());
    const { signal } = new AbortController();
    await using _inspector = inspector;
    await inspector.open(signal);
    const [index = ""] = Object.keys((await request(`/${name}`)).body);
    await request(`/${index}`, { method: "DELETE" });
    const work = inspector.repair([{ key: "a", version: 1n, document: { id: "a" } }], signal);
    expect(work).rejects.toMatchObject({ code: "INDEX_REPLACED" });
    expect((await request(`/${index}`)).status).toBe(404);
    expect((await request(`/${index}-writer`)).status).toBe(404);
  });

  test("says so when there is no room for the rows", async () => {
    const name = await syncedSample();
    const args = ["verify", "--topic", name, "--index", name];
    const { exitCode, stderr } = await konn(args, {
      cwd: folder.path,
      environment: { ...environment, TMPDIR: folder.file("missing") },
    });
    expect(exitCode).toBe(3);
    expect(stderr).toContain("SCRATCH_UNWRITABLE");
  });

  test("leaves no file behind when it is killed", async () => {
    const name = await syncedSample();
    using own = new TemporaryFolder();
    const searched = Promise.withResolvers<void>();
    // Answers everything but the search of the documents, which begins when the topic is folded.
    await using front = startFront({
      url: openSearchUrl(),
      onRequest: async ({ path }) => {
        if (!isSearch(path)) return;
        searched.resolve();
        await Bun.sleep(60_000);
      },
    });
    const child = spawnKonn(["verify", "--topic", name, "--index", name], {
      cwd: folder.path,
      environment: { ...environment, TMPDIR: own.path, KONN_OPENSEARCH_URL: front.url },
    });
    await searched.promise;
    child.kill("SIGKILL");
    await child.exited;
    expect(readdirSync(own.path)).toEqual([]);
  });

  test("documents of events that the topic has let go are unverifiable, and stay", async () => {
    const name = await syncedSample();
    const before = await documentsOf(name);
    const { kafkaClient } = await import("./topic_reader.ts");
    const admin = (await kafkaClient()).admin();
    await admin.connect();
    const offsets = await admin.fetchTopicOffsets(name);
    const cut = offsets.map(({ partition, high }) => ({
      partition,
      offset: String(Math.floor(Number(high) / 2)),
    }));
    await admin.deleteTopicRecords({ topic: name, partitions: cut });
    await admin.disconnect();
    const { exitCode, report, stderr } = await verify(name, "--repair");
    expect(exitCode).toBe(0);
    expect(stderr).toContain("let go of events");
    expect(report).toMatchObject({ missing: 0, stale: 0, extra: 0, repaired: 0 });
    expect(report.expired).toBe(cut.reduce((sum, { offset }) => sum + Number(offset), 0));
    expect(report.unverifiable).toBeGreaterThan(0);
    expect(report.ids.unverifiable).toHaveLength(report.unverifiable);
    expect(sourcesOf(await documentsOf(name))).toEqual(sourcesOf(before));
    const { stdout } = await run("verify", "--topic", name, "--index", name);
    expect(stdout).toContain(`${name} equals what its topic still holds: 82 documents`);
    expect(stdout).toContain("  unverifiable  ");
  });

  test.each([
    ["breaks off", "OPENSEARCH_UNREACHABLE"],
    ["lacks a shard", "INDEX_INCOMPLETE"],
    ["is none", "INDEX_INCOMPLETE"],
  ])("exits with 3 when a page %s", async (fault, code) => {
    const name = await syncedSample();
    await using front = startFront({
      url: openSearchUrl(),
      onRequest: async ({ method, path, body }) => {
        if (!isSearch(path)) return undefined;
        if (fault === "is none") return new Response("Welcome");
        const headers = { "content-type": "application/json" };
        if (fault === "breaks off") return new Response('{"hits":', { headers });
        const answer = await request(path, { method, body: JSON.parse(body) });
        return Response.json({ ...answer.body, _shards: { total: 2, failed: 1 } });
      },
    });
    const result = await verify(name, "--repair", "--opensearch-url", front.url);
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toContain(code);
  });

  test("stops at a truncate as sync does", async () => {
    const name = uniqueName("verify");
    const value = JSON.stringify({ before: null, after: null, op: "t", ts_ms: 1 });
    await seedTopic(name, [{ key: null, value, partition: 0 }]);
    const flags = ["--on-truncate", "ignore"];
    await run("sync", "--topic", name, "--index", name, "--until-end", ...flags);
    const { exitCode, stderr } = await verify(name);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("TABLE_TRUNCATED");
    expect((await verify(name, ...flags)).exitCode).toBe(0);
  });

  test("--wait waits for the topic and the index", async () => {
    const name = uniqueName("verify");
    const args = ["verify", "--topic", name, "--index", name, "--wait", "30s", "--json"];
    const waiting = spawnKonn(args, { cwd: folder.path, environment });
    await run("replay", SAMPLE, "--topic", name);
    await run("sync", "--topic", name, "--index", name, "--until-end", "--from-beginning");
    const { stdout, stderr } = await resultOf(waiting);
    expect(stderr).toContain("Waiting: ");
    expect(JSON.parse(stdout)).toMatchObject({ extra: 0, events: 726 });
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
    const event = (text: string, row = key) =>
      JSON.stringify({
        before: null,
        after: { key: row, value: { object: { name: text } } },
        op: "u",
      });
    await seedTopic(name, [
      { key, value: event("one"), partition: 0 },
      // The offsets differ, and so do the versions: with equal ones nobody could say which wins.
      { key: "b", value: event("other", "b"), partition: 1 },
      { key, value: event("two"), partition: 1 },
      { key: "x", value: "not JSON", partition: 2 },
    ]);
    await run("sync", "--topic", name, "--index", name, "--until-end");
    const { exitCode, report, stderr } = await verify(name);
    expect(exitCode).toBe(0);
    expect(stderr).toContain("changes in two partitions");
    expect(report).toMatchObject({ keys_in_two_lanes: 1, refused: 1 });
    expect(report.ids).toMatchObject({ keys_in_two_lanes: [key], refused: ["x"] });
  });

  test("is readable for a person", async () => {
    const name = await syncedSample();
    const [first = "", second = ""] = [...(await documentsOf(name)).keys()].toSorted();
    await byHand(name, first);
    await byHand(name, second);
    const args = ["verify", "--topic", name, "--index", name];
    const { exitCode, stdout } = await run(...args);
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`${name} differs from its topic: 80 documents, 726 events`);
    expect(stdout).toContain(`  missing            2\n    ${first}\n    ${second}\n`);
    const short = await run(...args, "--limit", "1");
    expect(short.stdout).toContain(`    ${first}\n    ... (--limit N names more)\n`);
    const repaired = await run(...args, "--repair");
    expect(repaired.stdout).toContain("  repaired           2\n");
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
