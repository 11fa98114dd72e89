import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { documentsOf } from "./index_reader.ts";
import { konn, resultOf, SAMPLE, serviceEnvironment, spawnKonn, uniqueName } from "./konn.ts";
import { sampleDocuments } from "./sample_documents.ts";
import { type NewRecord, readTopic, seedTopic, type TopicRecord } from "./topic_reader.ts";

const RECORDS: readonly NewRecord[] = [
  {
    key: "a",
    value: '{"n":1}',
    timestamp: "1706812484573",
    headers: { origin: "test", empty: "" },
  },
  { key: "b", value: "not JSON, with\nnewline, \u0000 and ☃ 🚀", timestamp: "1706812484574" },
  { key: null, value: "no key", partition: 1, timestamp: "1706812484575" },
  { key: "a", value: null, timestamp: "1706812484576", headers: { reason: "deleted" } },
  { key: "", value: "", partition: 2, timestamp: "1706812484577" },
];

/** Makes a topic that holds the records. */
async function seeded(): Promise<string> {
  const topic = uniqueName("pipe");
  await seedTopic(topic, RECORDS);
  return topic;
}

describe("konn pipe", () => {
  const folder = new TemporaryFolder();
  afterAll(() => folder[Symbol.dispose]());
  let environment: Record<string, string>;
  beforeAll(async () => {
    environment = await serviceEnvironment();
  });

  const run = (args: string[], stdin?: string | Uint8Array) =>
    konn(args, { cwd: folder.path, environment, ...(stdin === undefined ? {} : { stdin }) });

  test("--follow ends where stdin ends", async () => {
    const args = [
      "pipe",
      "--from",
      "-",
      "--to",
      "followed.jsonl",
      "--format",
      "record",
      "--follow",
    ];
    const child = spawnKonn(args, { cwd: folder.path });
    await child.stdin.write('{"key":"a","payload":"1"}\n');
    await child.stdin.end();
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    const { exitCode, stderr } = await resultOf(child);
    clearTimeout(timer);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(stderr).not.toContain("replaced");
  });

  test("kafka -> kafka keeps keys, values, headers, times, tombstones and partitions", async () => {
    const from = await seeded();
    const to = uniqueName("copy");
    const result = await run([
      "pipe",
      "--from",
      `kafka:${from}`,
      "--to",
      `kafka:${to}`,
      "--until-end",
    ]);
    expect(result).toMatchObject({ exitCode: 0 });
    expect((await readTopic(to)).map(comparable)).toEqual((await readTopic(from)).map(comparable));
  });

  test("kafka -> file -> kafka is the identity", async () => {
    const from = await seeded();
    const to = uniqueName("copy");
    const file = folder.file(`${from}.jsonl`);
    const saved = await run(["pipe", "--from", `kafka:${from}`, "--to", file, "--until-end"]);
    expect(saved).toMatchObject({ exitCode: 0 });
    expect(readFileSync(file, "utf8").trimEnd().split("\n")).toHaveLength(RECORDS.length);
    const played = await run(["pipe", "--from", file, "--to", `kafka:${to}`, "--json"]);
    expect(JSON.parse(played.stdout)).toMatchObject({ written: 5, dead_letters: 0 });
    expect((await readTopic(to)).map(comparable)).toEqual((await readTopic(from)).map(comparable));
  });

  test("a saved topic can be read back by any reader of kcat -J's lines", async () => {
    const from = await seeded();
    const { stdout } = await run(["pipe", "--from", `kafka:${from}`, "--to", "-", "--until-end"]);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const tombstone = lines.find(({ payload }) => payload === null);
    expect(tombstone).toMatchObject({ topic: from, key: "a", ts: 1_706_812_484_576 });
    expect(tombstone.headers).toEqual(["reason", "deleted"]);
  });

  test("resumes a file where it stopped, and refuses one that is there already", async () => {
    const from = await seeded();
    const file = folder.file(`${from}.jsonl`);
    const save = ["pipe", "--from", `kafka:${from}`, "--to", file, "--until-end"];
    await run([...save, "--limit", "2"]);
    expect(readFileSync(file, "utf8").trimEnd().split("\n")).toHaveLength(2);
    writeFileSync(file, "torn by a crash", { flag: "a" });
    expect(await run(save)).toMatchObject({ exitCode: 0 });
    expect(readFileSync(file, "utf8").trimEnd().split("\n")).toHaveLength(5);
    const refused = await run([...save, "--state-dir", folder.file("other")]);
    expect(refused).toMatchObject({ exitCode: 3 });
    expect(refused.stderr).toContain("FILE_EXISTS");
    expect(refused.stderr).toContain("--overwrite");
  });

  test.each([
    ["plain", (bytes: Buffer) => bytes],
    ["gz", (bytes: Buffer) => gzipSync(bytes)],
    ["zst", (bytes: Buffer) => zstdCompressSync(bytes)],
  ])("file -> opensearch, %s", async (name, pack) => {
    const index = uniqueName("file");
    const file = folder.file(`sample.${name}`);
    writeFileSync(file, pack(readFileSync(SAMPLE)));
    const result = await run(["pipe", "--from", file, "--to", `opensearch:${index}`, "--json"]);
    expect(result).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(result.stdout)).toMatchObject({ events: 726, dead_letters: 0 });
    const documents = await documentsOf(index);
    expect(new Set(documents.keys())).toEqual(new Set(sampleDocuments(SAMPLE).keys()));
  });

  test("file -> opensearch: an edit is not hidden by a lost state folder", async () => {
    const index = uniqueName("edited");
    const file = folder.file("edited.jsonl");
    const key = "c/cp/o/service/a";
    const event = (name: string) => {
      const after = { key, value: { object: { id: "a", name } } };
      return `${JSON.stringify({ op: "u", after })}\n`;
    };
    writeFileSync(file, `${event("first")}${event("one")}`);
    const args = ["pipe", "--from", file, "--to", `opensearch:${index}`];
    expect(await run([...args, "--state-dir", folder.file("one")])).toMatchObject({ exitCode: 0 });
    writeFileSync(file, `${event("first")}${event("two")}`);
    const refused = await run([...args, "--state-dir", folder.file("two")]);
    expect(refused.exitCode).toBe(3);
    expect(refused.stderr).toContain("--from-beginning");
    const anew = await run([...args, "--state-dir", folder.file("two"), "--from-beginning"]);
    expect(anew).toMatchObject({ exitCode: 0 });
    expect((await documentsOf(index)).get(key)?.source["name"]).toBe("two");
  });

  test("stdin -> kafka", async () => {
    const topic = uniqueName("stdin");
    const sample = readFileSync(SAMPLE);
    const result = await run(["pipe", "--from", "-", "--to", `kafka:${topic}`, "--json"], sample);
    expect(result).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(result.stdout)).toMatchObject({ written: 726 });
    expect(await readTopic(topic)).toHaveLength(726);
  });

  test("never writes into the file that it reads, by whatever name", async () => {
    const file = folder.file("both.jsonl");
    const content = readFileSync(SAMPLE);
    writeFileSync(file, content);
    symlinkSync(file, folder.file("link.jsonl"));
    const result = await run(["pipe", "--from", file, "--to", "link.jsonl", "--overwrite"]);
    expect(result.exitCode).toBe(2);
    expect(readFileSync(file).equals(content)).toBe(true);
  });

  test("a topic is not copied into itself", async () => {
    const topic = await seeded();
    const result = await run(["pipe", "--from", `kafka:${topic}`, "--to", `kafka:${topic}`]);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain("SAME_PLACE");
  });

  test("--overwrite begins anew, and events become records by --format", async () => {
    const file = folder.file("records.jsonl");
    const args = ["pipe", "--from", SAMPLE, "--to", file, "--format", "record", "--json"];
    expect(JSON.parse((await run(args)).stdout)).toMatchObject({ written: 726 });
    writeFileSync(file, "");
    expect(JSON.parse((await run([...args, "--overwrite"])).stdout)).toMatchObject({
      written: 726,
    });
    const [first = ""] = readFileSync(file, "utf8").split("\n");
    expect(JSON.parse(first)).toMatchObject({ payload: expect.stringContaining("before") });
  });

  test("kafka -> stdout ends quietly when its reader goes away", async () => {
    const topic = uniqueName("head");
    await run(["replay", SAMPLE, "--topic", topic]);
    const child = Bun.spawn({
      cmd: [
        "bash",
        "-o",
        "pipefail",
        "-c",
        `"$KONN" pipe --from kafka:${topic} --to - | head -n 1`,
      ],
      cwd: folder.path,
      env: { ...environment, PATH: process.env["PATH"], KONN: (await import("./konn.ts")).KONN },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect(stdout.split("\n")).toHaveLength(2);
    expect(stderr).not.toContain("rror");
    expect(await child.exited).toBe(0);
  });

  test.each([
    [["--from", "opensearch:cdc", "--to", "-"], "CONNECTOR_ONE_WAY"],
    [["--from", "kafak:a", "--to", "-"], "CONNECTOR_UNKNOWN"],
    [["--from", "kafka://u:p@h:1/t", "--to", "-"], "URL_WITH_CREDENTIALS"],
    [["--from", "kafka:", "--to", "-"], "URL_INVALID"],
    [["--from", SAMPLE, "--to", "out.sqlite"], "URL_AMBIGUOUS"],
    [["--from", "kafka:none", "--to", "opensearch:BadName"], "INDEX_NAME_INVALID"],
    [["--from", "kafka:none", "--to", "opensearch://localhost:1/_x"], "lower-case letters"],
    [["--from", "a.jsonl"], "without --to"],
    [["--from", "a.jsonl", "--to", "-", "--json"], "stdout holds the events"],
    [["--from", "a.jsonl", "--to", "b", "--append", "--overwrite"], "together"],
    [["--from", "a.jsonl", "--to", "./a.jsonl", "--overwrite"], "SAME_PLACE"],
    [["--from", "a.jsonl", "--to", "b.jsonl.gz"], "OUTPUT_NOT_COMPRESSED"],
  ])("%p is wrong usage", async (args, expected) => {
    const { exitCode, stderr, stdout } = await run(["pipe", ...args]);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(expected);
    expect(stderr).not.toContain("u:p");
  });
});

function comparable({ partition, key, value, timestamp, headers }: TopicRecord) {
  return {
    partition,
    key: key?.toString() ?? null,
    value: value?.toString() ?? null,
    timestamp,
    headers: Object.entries(headers).map(([name, bytes]) => [name, String(bytes)]),
  };
}
