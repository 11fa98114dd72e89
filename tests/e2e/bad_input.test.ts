import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { request } from "./index_reader.ts";
import { konn, SAMPLE, serviceEnvironment, spawnKonn, uniqueName } from "./konn.ts";
import { readTopic, seedTopic } from "./topic_reader.ts";
import { doneCount, eventually, untilSaid } from "./waiting.ts";

const EVENT = readFileSync(SAMPLE, "utf8").split("\n")[0] ?? "";

/** A port on which nobody listens. */
const DEAD_BROKER = "127.0.0.1:1";

describe("bad input", () => {
  const folder = new TemporaryFolder();
  afterAll(() => folder[Symbol.dispose]());
  let environment: Record<string, string>;
  beforeAll(async () => {
    environment = await serviceEnvironment();
  });

  const run = (...args: string[]) => konn(args, { cwd: folder.path, environment });

  /** Replays some bytes into a topic of their own. */
  async function replay(content: string | Uint8Array, ...flags: string[]) {
    const topic = uniqueName("bad");
    const file = folder.file(`${topic}.jsonl`);
    writeFileSync(file, content);
    const result = await run("replay", file, "--topic", topic, "--json", ...flags);
    const summary = result.stdout === "" ? undefined : JSON.parse(result.stdout);
    return { ...result, summary, topic, file };
  }

  function deadLetters(topic: string): { line: number; code: string; reason: string }[] {
    const folderPath = folder.file(".konn/dead-letters");
    return readdirSync(folderPath)
      .filter((name) => name.includes(`--${topic}-`))
      .flatMap((name) => readFileSync(`${folderPath}/${name}`, "utf8").trimEnd().split("\n"))
      .map((line) => JSON.parse(line));
  }

  test.each([
    ["no-such.jsonl", "FILE_NOT_FOUND"],
    ["a-folder", "FILE_IS_FOLDER"],
  ])("%s exits with 3 and %s", async (name, code) => {
    mkdirSync(folder.file("a-folder"), { recursive: true });
    const { exitCode, stdout, stderr } = await run("replay", name);
    expect([exitCode, stdout]).toEqual([3, ""]);
    expect(stderr).toContain(code);
    expect(stderr).toContain(name);
  });

  test("an empty file makes the topic and sends nothing", async () => {
    const { exitCode, summary, topic } = await replay("");
    expect(exitCode).toBe(0);
    expect(summary).toMatchObject({ events: 0, written: 0 });
    expect(await readTopic(topic)).toEqual([]);
  });

  test("BOM, CRLF, blank lines and a last line without newline are no part of the value", async () => {
    const { exitCode, summary, topic } = await replay(`\uFEFF${EVENT}\r\n\r\n   \n${EVENT}`);
    expect(exitCode).toBe(0);
    expect(summary).toMatchObject({ events: 4, written: 2, skipped: { blank_line: 2 } });
    const values = (await readTopic(topic)).map(({ value }) => value?.toString());
    expect(values).toEqual([EVENT, EVENT]);
  });

  test("a line of 20 MiB becomes a dead letter and its neighbours arrive", async () => {
    const huge = EVENT.replace('"name"', `"padding":"${"x".repeat(20 * 1024 * 1024)}","name"`);
    const { exitCode, summary, topic } = await replay(`${EVENT}\n${huge}\n${EVENT}\n`);
    expect(exitCode).toBe(0);
    expect(summary).toMatchObject({ events: 3, written: 2, dead_letters: 1 });
    expect(deadLetters(topic)).toMatchObject([{ line: 2, code: "LINE_TOO_LONG" }]);
  });

  test("a line of 15 MiB arrives whole", async () => {
    const large = EVENT.replace('"name"', `"padding":"${"x".repeat(15 * 1024 * 1024)}","name"`);
    const { summary, topic } = await replay(`${large}\n`);
    expect(summary).toMatchObject({ written: 1, dead_letters: 0 });
    expect((await readTopic(topic))[0]?.value?.toString()).toBe(large);
  });

  test("broken JSON in line 400 is named, never quoted, and the rest goes on", async () => {
    const lines = readFileSync(SAMPLE, "utf8").trimEnd().split("\n");
    lines[399] = '{"after": {"key": "SECRET-CONTENT';
    lines[400] = '{"no": "key"}';
    const { exitCode, summary, stderr, topic } = await replay(lines.join("\n"));
    expect(exitCode).toBe(0);
    expect(summary).toMatchObject({ events: 726, written: 724, dead_letters: 2 });
    expect(stderr).toContain("400");
    expect(stderr).not.toContain("SECRET");
    const letters = deadLetters(topic);
    expect(letters).toMatchObject([
      { line: 400, code: "LINE_NOT_JSON" },
      { line: 401, code: "LINE_WITHOUT_KEY" },
    ]);
    expect(JSON.stringify(letters)).not.toContain("SECRET");
  });

  test("invalid UTF-8 becomes a dead letter", async () => {
    const bytes = Buffer.from(`${EVENT}\n${EVENT}\n`);
    bytes[bytes.lastIndexOf("gateway")] = 0xff;
    const { summary, topic } = await replay(bytes);
    expect(summary).toMatchObject({ written: 1, dead_letters: 1 });
    expect(deadLetters(topic)).toMatchObject([{ line: 2, code: "LINE_NOT_UTF8" }]);
  });

  test("--max-dead-letters 0 makes one bad line an error", async () => {
    const { exitCode, stderr } = await replay(`${EVENT}\nbroken\n`, "--max-dead-letters", "0");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("TOO_MANY_DEAD_LETTERS");
  });

  test("an event that is no event in the topic becomes a dead letter of sync", async () => {
    const topic = uniqueName("bad");
    await seedTopic(topic, [
      { key: "a", value: "not JSON" },
      { key: JSON.parse(EVENT).after.key, value: EVENT },
    ]);
    const { exitCode, stdout } = await run(
      "sync",
      "--topic",
      topic,
      "--index",
      topic,
      "--until-end",
      "--json",
    );
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ events: 2, written: 1, dead_letters: 1 });
  });

  test("no broker exits with 3 in under 5 s and says which address and what to try", async () => {
    const startedMs = performance.now();
    const { exitCode, stderr } = await run("replay", SAMPLE, "--brokers", DEAD_BROKER);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect(exitCode).toBe(3);
    expect(stderr).toContain("KAFKA_UNREACHABLE");
    expect(stderr).toContain(DEAD_BROKER);
    expect(stderr).toContain("--wait");
  });

  test("no OpenSearch exits with 3 in under 5 s and says which address and what to try", async () => {
    const topic = uniqueName("bad");
    await seedTopic(topic, [{ key: "a", value: EVENT }]);
    const startedMs = performance.now();
    const url = `http://${DEAD_BROKER}`;
    const { exitCode, stderr } = await run(
      "sync",
      "--topic",
      topic,
      "--opensearch-url",
      url,
      "--until-end",
    );
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect(exitCode).toBe(3);
    expect(stderr).toContain("OPENSEARCH_UNREACHABLE");
    expect(stderr).toContain(DEAD_BROKER);
    expect(stderr).toContain("--wait");
  });

  test("a missing topic to read from exits with 3, and with --wait is waited for", async () => {
    const topic = uniqueName("late");
    const args = ["sync", "--topic", topic, "--index", topic, "--until-end", "--json"];
    const missing = await run(...args);
    expect(missing.exitCode).toBe(3);
    expect(missing.stderr).toContain("KAFKA_TOPIC_NOT_FOUND");
    const waiting = spawnKonn([...args, "--wait", "60s"], { cwd: folder.path, environment });
    await untilSaid(waiting, "Waiting: ");
    await seedTopic(topic, [{ key: JSON.parse(EVENT).after.key, value: EVENT }]);
    expect(await waiting.exited).toBe(0);
  });

  test("an index that konn did not make is refused and left alone", async () => {
    const topic = uniqueName("bad");
    const index = uniqueName("foreign");
    await seedTopic(topic, [{ key: "a", value: EVENT }]);
    await request(`/${index}`, { method: "PUT", body: { mappings: { dynamic: true } } });
    const before = await request(`/${index}`);
    const { exitCode, stderr } = await run(
      "sync",
      "--topic",
      topic,
      "--index",
      index,
      "--until-end",
    );
    expect(exitCode).toBe(3);
    expect(stderr).toContain("INDEX_NOT_OURS");
    expect(await request(`/${index}`)).toEqual(before);
  });

  test("an index of another topic is refused", async () => {
    const [one, other] = [uniqueName("one"), uniqueName("other")];
    for (const topic of [one, other]) await seedTopic(topic, [{ key: "a", value: EVENT }]);
    await run("sync", "--topic", one, "--index", one, "--until-end");
    const { exitCode, stderr } = await run("sync", "--topic", other, "--index", one, "--until-end");
    expect(exitCode).toBe(3);
    expect(stderr).toContain("INDEX_OF_ANOTHER_SOURCE");
    expect(stderr).toContain("--from-beginning");
  });

  test("a topic that was deleted and made again is refused", async () => {
    const { kafkaClient } = await import("./topic_reader.ts");
    const topic = uniqueName("again");
    const args = ["sync", "--topic", topic, "--index", topic, "--until-end"];
    await seedTopic(topic, [{ key: "a", value: EVENT }]);
    expect(await run(...args)).toMatchObject({ exitCode: 0 });
    const admin = (await kafkaClient()).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] });
    await eventually(async () => !(await admin.listTopics()).includes(topic));
    await admin.disconnect();
    await seedTopic(topic, [{ key: "a", value: EVENT }]);
    const { exitCode, stderr } = await run(...args);
    expect(exitCode).toBe(3);
    expect(stderr).toContain("SOURCE_CHANGED");
    expect(stderr).toContain("id was");
  });

  test("a topic that has got more partitions is refused, while it is followed and later", async () => {
    const { kafkaClient } = await import("./topic_reader.ts");
    const topic = uniqueName("wider");
    const args = ["sync", "--topic", topic, "--index", topic];
    await seedTopic(topic, [{ key: "a", value: EVENT }], 2);
    const following = spawnKonn(args, { cwd: folder.path, environment });
    const said = following.stderr.text();
    await eventually(() => doneCount(folder.path, { topic, index: topic }) === 1);
    const admin = (await kafkaClient()).admin();
    await admin.connect();
    await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
    await admin.disconnect();
    expect([await following.exited, await said]).toEqual([
      3,
      expect.stringContaining("KAFKA_TOPIC_CHANGED"),
    ]);
    const { exitCode, stderr } = await run(...args, "--until-end");
    expect(exitCode).toBe(3);
    expect(stderr).toContain("partition count was 2 and is 3");
    expect(stderr).toContain("--from-beginning");
  });

  test("an index that was deleted under its checkpoint is refused, not half filled", async () => {
    const topic = uniqueName("gone");
    const args = ["sync", "--topic", topic, "--index", topic, "--until-end"];
    await seedTopic(topic, [{ key: "a", value: EVENT }]);
    await run(...args);
    const [name = ""] = Object.keys((await request(`/${topic}`)).body);
    await request(`/${name}`, { method: "DELETE" });
    const { exitCode, stderr } = await run(...args);
    expect(exitCode).toBe(3);
    expect(stderr).toContain("INDEX_GONE");
    expect((await request(`/${topic}`)).status).toBe(404);
    expect(await run(...args, "--from-beginning")).toMatchObject({ exitCode: 0 });
  });

  test.if(process.platform === "linux")(
    "a state folder that cannot be written exits with 3",
    async () => {
      const { exitCode, stderr } = await run("replay", SAMPLE, "--state-dir", "/proc/konn");
      expect(exitCode).toBe(3);
      expect(stderr).toContain("STATE_DIR_UNUSABLE");
      expect(stderr).toContain("--state-dir");
    },
  );

  test("a second process on the same source and sink exits with 3 and names the first", async () => {
    const topic = uniqueName("lock");
    await seedTopic(topic, [{ key: "a", value: EVENT }]);
    const args = ["sync", "--topic", topic, "--index", topic];
    const first = spawnKonn(args, { cwd: folder.path, environment });
    await eventually(() => doneCount(folder.path, { topic, index: topic }) === 1);
    const { exitCode, stderr } = await run(...args);
    first.kill("SIGTERM");
    expect(exitCode).toBe(3);
    expect(stderr).toContain(`process ${first.pid} on`);
    expect(await first.exited).toBe(0);
  });
});
