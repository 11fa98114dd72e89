import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { ConfigResourceTypes } from "kafkajs";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { documentsOf, request } from "./index_reader.ts";
import { KONN, konn, type KonnResult, serviceEnvironment, spawnKonn, uniqueName } from "./konn.ts";
import { kafkaClient, readTopic, seedTopic } from "./topic_reader.ts";
import { doneCount, eventually, healthOf } from "./waiting.ts";

const SECRET = "s3cret-value";

function event(id: string, name: string) {
  const key = `c/1/o/service/${id}`;
  const row = { key, value: JSON.stringify({ object: { id, name, password: SECRET } }) };
  const value = JSON.stringify({ before: null, after: row, op: "u", ts_ms: Date.now() });
  return { key, value };
}

describe("dead-letters of a sync", () => {
  const folder = new TemporaryFolder();
  afterAll(() => folder[Symbol.dispose]());
  const topic = uniqueName("letters");
  const index = topic;
  const pipeline = topic;
  let environment: Record<string, string>;
  const outputs: string[] = [];

  const run = async (...args: string[]): Promise<KonnResult> => {
    const result = await konn(args, { cwd: folder.path, environment });
    if (!args.includes("--content")) outputs.push(result.stdout, result.stderr);
    return result;
  };
  const sync = () => run("sync", "--topic", topic, "--index", index, "--until-end", "--json");
  const letters = (...args: string[]) => run("dead-letters", ...args, "--json");
  const lettersFile = () => {
    const [file = "none"] = readdirSync(folder.file(".konn/dead-letters"));
    return folder.file(`.konn/dead-letters/${file}`);
  };
  const name = async (id: string) =>
    (await documentsOf(index)).get(`c/1/o/service/${id}`)?.source["name"];

  /** From now on the index refuses every document with a name of more than two letters. */
  async function refuseLongNames(): Promise<void> {
    const condition = "ctx.name != null && ctx.name.length() > 2";
    const spoil = { field: "created_at", value: "no date", if: condition };
    const body = { processors: [{ set: spoil }] };
    const { status } = await request(`/_ingest/pipeline/${pipeline}`, { method: "PUT", body });
    expect(status).toBe(200);
    await setPipeline(pipeline);
  }

  async function setPipeline(value: string | null): Promise<void> {
    const body = { index: { default_pipeline: value } };
    const answer = await request(`/${index}/_settings`, { method: "PUT", body });
    expect(answer.status).toBe(200);
  }

  beforeAll(async () => {
    environment = await serviceEnvironment();
    await seedTopic(topic, [event("first", "1")]);
    expect(await sync()).toMatchObject({ exitCode: 0 });
    await refuseLongNames();
    await seedTopic(topic, [event("a", "alpha"), event("b", "7"), event("c", "gamma")]);
    const synced = await sync();
    expect(synced).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(synced.stdout)).toMatchObject({ dead_letters: 2 });
  });

  test("list tells code, key and reason of each, and the run", async () => {
    const { exitCode, stdout } = await letters("list");
    expect(exitCode).toBe(0);
    const { runs, dead_letters } = JSON.parse(stdout);
    expect(runs).toMatchObject([{ dead_letters: 2, sink: expect.stringContaining(`/${index}`) }]);
    expect(dead_letters).toHaveLength(2);
    expect(dead_letters.map(({ key }: { key: string }) => key).toSorted()).toEqual([
      "c/1/o/service/a",
      "c/1/o/service/c",
    ]);
    for (const letter of dead_letters) {
      expect(letter).toMatchObject({ run: runs[0].name, code: "DOCUMENT_REFUSED", line: null });
      expect(letter.reason).toContain("OpenSearch refuses the document");
    }
    const table = await run("dead-letters", "list");
    expect(table.stdout).toContain("DOCUMENT_REFUSED");
    expect(table.stdout).toContain("c/1/o/service/a");
    expect(statSync(lettersFile()).mode & 0o777).toBe(0o600);
  });

  test("show tells where it is and how to look at it; the event only when asked for", async () => {
    const listed = JSON.parse((await letters("list")).stdout).dead_letters;
    const wanted = listed.find(({ key }: { key: string }) => key.endsWith("/a"));
    const shown = JSON.parse((await letters("show", String(wanted.number))).stdout);
    const [, partition] = wanted.lane.split("/");
    expect(shown.look).toBe(
      `kcat -C -b ${environment["KONN_BROKERS"]?.replace("127.0.0.1", "localhost")} -t ${topic} -p ${partition} -o ${wanted.sequence} -c 1 -e -J`,
    );
    expect(shown.event).toBeUndefined();
    const looked = Bun.spawnSync({ cmd: shown.look.split(" ") });
    expect(JSON.parse(looked.stdout.toString())).toMatchObject({ key: "c/1/o/service/a" });
    const text = await run("dead-letters", "show", String(wanted.number));
    expect(text.stdout).toContain(`konn dead-letters retry ${wanted.number}`);
    const whole = JSON.parse((await letters("show", String(wanted.number), "--content")).stdout);
    expect(whole.event.key).toBe("c/1/o/service/a");
    expect(JSON.parse(JSON.parse(whole.event.value).after.value).object.password).toBe(SECRET);
  });

  test("a number that is not there and no number are usage errors", async () => {
    expect(await letters("show", "9")).toMatchObject({ exitCode: 2 });
    expect(await letters("show")).toMatchObject({ exitCode: 2 });
    expect(await letters("retry", "x")).toMatchObject({ exitCode: 2 });
    expect(await letters("burn")).toMatchObject({ exitCode: 2 });
    expect(await letters("drop", "7", "--yes")).toMatchObject({ exitCode: 2 });
    // Nobody can answer here.
    expect(await letters("drop")).toMatchObject({ exitCode: 2 });
    expect(JSON.parse((await letters("list")).stdout).dead_letters).toHaveLength(2);
  });

  test("what is refused again stays, and the exit code is 1", async () => {
    const { exitCode, stdout } = await letters("retry");
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ retried: 2, written: 0, failing: 2 });
    expect(JSON.parse((await letters("list")).stdout).dead_letters).toHaveLength(2);
  });

  test("what is older than the index remembers deletes is not tried", async () => {
    const { exitCode, stdout } = await letters("retry", "--keep-tombstones", "1ms");
    expect(exitCode).toBe(1);
    const { written, dead_letters } = JSON.parse(stdout);
    expect(written).toBe(0);
    expect(dead_letters.map(({ code }: { code: string }) => code)).toEqual([
      "LETTER_TOO_OLD",
      "LETTER_TOO_OLD",
    ]);
    // Why they were refused is still there.
    expect((await letters("list")).stdout).not.toContain("LETTER_TOO_OLD");
  });

  test("a running sync keeps a retry out", async () => {
    const args = ["sync", "--topic", topic, "--index", index, "--listen", "0"];
    const child = spawnKonn(args, { cwd: folder.path, environment });
    try {
      const { url } = await healthOf(child);
      await eventually(async () => (await fetch(`${url}/readyz`)).ok);
      expect(await letters("retry")).toMatchObject({ exitCode: 3 });
      const { exitCode, stderr } = await letters("drop", "--yes");
      expect(exitCode).toBe(3);
      expect(stderr).toContain("RUN_LOCKED");
      expect(stderr).toContain(`process ${child.pid}`);
    } finally {
      child.kill("SIGKILL");
      await child.exited;
    }
  });

  test("once the index takes them they are delivered, and none undoes what came later", async () => {
    // A later change of one of them, which the index takes.
    await seedTopic(topic, [event("c", "9")]);
    expect(await sync()).toMatchObject({ exitCode: 0 });
    await setPipeline(null);
    const { exitCode, stdout } = await letters("retry");
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      retried: 2,
      written: 1,
      skipped: { already_applied: 1 },
      failing: 0,
      dead_letters: [],
    });
    expect(await name("a")).toBe("alpha");
    expect(await name("c")).toBe("9");
    expect(existsSync(folder.file(".konn/dead-letters"))).toBeTrue();
    expect(readdirSync(folder.file(".konn/dead-letters"))).toEqual([]);
    expect(JSON.parse((await letters("list")).stdout)).toEqual({ runs: [], dead_letters: [] });
    expect(await letters("retry")).toMatchObject({ exitCode: 0 });
  });

  test("a topic that was made anew is refused, and the letters stay until they are dropped", async () => {
    await setPipeline(pipeline);
    await seedTopic(topic, [event("d", "delta")]);
    expect(JSON.parse((await sync()).stdout)).toMatchObject({ dead_letters: 1 });
    const admin = (await kafkaClient()).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] });
    await eventually(async () => !(await admin.listTopics()).includes(topic));
    await admin.disconnect();
    await seedTopic(
      topic,
      Array.from({ length: 40 }, (_, at) => event(`new${at}`, `${at}`)),
    );
    const refused = await letters("retry");
    expect(refused.exitCode).toBe(3);
    expect(refused.stderr).toContain("SOURCE_CHANGED");
    const content = await run("dead-letters", "show", "1", "--content");
    expect(content.exitCode).toBe(3);
    expect(JSON.parse((await letters("list")).stdout).dead_letters).toHaveLength(1);
    const dropped = await letters("drop", "1", "--yes");
    expect([dropped.exitCode, JSON.parse(dropped.stdout)]).toEqual([0, { dropped: 1 }]);
    expect(readdirSync(folder.file(".konn/dead-letters"))).toEqual([]);
  });

  test("no output held a secret, but for the one that was asked for", () => {
    expect(outputs.length).toBeGreaterThan(20);
    expect(outputs.join()).not.toContain(SECRET);
    expect(doneCount(folder.path, { topic, index })).toBeGreaterThan(0);
  });
});

describe("dead-letters of a replay", () => {
  const folder = new TemporaryFolder();
  afterAll(() => folder[Symbol.dispose]());
  const topic = uniqueName("letters");
  let environment: Record<string, string>;
  const run = (...args: string[]) => konn(args, { cwd: folder.path, environment });

  const lines = [
    event("a", "a").value,
    event("b", "b".repeat(200_000)).value,
    "not JSON",
    event("c", "c").value,
  ];

  beforeAll(async () => {
    environment = await serviceEnvironment();
    writeFileSync(folder.file("my events.jsonl"), `${lines.join("\n")}\n`);
    const config = ["--topic-config", "max.message.bytes=100000"];
    const replay = ["replay", "my events.jsonl", "--topic", topic, "--json", ...config];
    const { exitCode, stdout } = await run(...replay);
    expect([exitCode, JSON.parse(stdout).dead_letters]).toEqual([0, 2]);
  });

  test("show tells the command that prints the line", async () => {
    const { stdout } = await run("dead-letters", "list", "--json");
    const { dead_letters: letters } = JSON.parse(stdout);
    expect(letters.map(({ line }: { line: number }) => line).toSorted()).toEqual([2, 3]);
    for (const { number, line } of letters) {
      const shown = await run("dead-letters", "show", String(number), "--json");
      const { look } = JSON.parse(shown.stdout);
      const printed = Bun.spawnSync({ cmd: ["sh", "-c", look], cwd: folder.path });
      expect(printed.stdout.toString().trimEnd()).toBe(lines[line - 1] ?? "");
    }
  });

  test("show --content prints also the line that is no event", async () => {
    const { stdout } = await run("dead-letters", "list", "--json");
    const { dead_letters: letters } = JSON.parse(stdout);
    const { number } = letters.find(({ line }: { line: number }) => line === 3);
    const shown = await run("dead-letters", "show", String(number), "--content", "--json");
    expect(JSON.parse(shown.stdout).event).toMatchObject({ line: "not JSON" });
  });

  test("a topic takes late events only where somebody says that it may", async () => {
    const admin = (await kafkaClient()).admin();
    await admin.connect();
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: topic,
          configEntries: [{ name: "max.message.bytes", value: "1000000" }],
        },
      ],
    });
    await admin.disconnect();
    const refused = await run("dead-letters", "retry", "--json");
    expect(refused.exitCode).toBe(3);
    expect(refused.stderr).toContain("RETRY_OUT_OF_ORDER");
    expect(await readTopic(topic)).toHaveLength(2);
    const late = await run("dead-letters", "retry", "--late", "--json");
    expect(late.exitCode).toBe(1);
    expect(JSON.parse(late.stdout)).toMatchObject({
      retried: 2,
      written: 1,
      failing: 1,
      dead_letters: [{ line: 3, code: "LINE_NOT_JSON" }],
    });
    const values = (await readTopic(topic)).map(({ value }) => value?.toString());
    expect(values).toHaveLength(3);
    expect(new Set(values)).toEqual(new Set([lines[0], lines[1], lines[3]]));
    // The next run goes on where the last one stopped.
    const again = await run("replay", "my events.jsonl", "--topic", topic, "--json");
    expect(JSON.parse(again.stdout)).toMatchObject({ events: 0 });
  });

  test("an edited file is refused", async () => {
    const path = folder.file("my events.jsonl");
    writeFileSync(path, readFileSync(path, "utf8").replace("not JSON", "notJSON!"));
    const { exitCode, stderr } = await run("dead-letters", "retry", "--late");
    expect(exitCode).toBe(3);
    expect(stderr).toContain("FILE_CHANGED");
  });
});

test("dead-letters of a sync that shares a topic are read again past its group", async () => {
  using folder = new TemporaryFolder();
  const environment = await serviceEnvironment();
  const topic = uniqueName("letters");
  const run = (...args: string[]) => konn(args, { cwd: folder.path, environment });
  await seedTopic(topic, [event("a", "a"), event("k".repeat(600), "b")]);
  const sync = ["sync", "--topic", topic, "--index", topic, "--group", topic, "--until-end"];
  expect(await run(...sync)).toMatchObject({ exitCode: 0 });
  const shown = await run("dead-letters", "show", "1", "--content", "--json");
  const { look, event: content } = JSON.parse(shown.stdout);
  expect(look).toContain(` -t ${topic} -p `);
  expect(content.key).toContain("kkk");
  const { exitCode, stdout } = await run("dead-letters", "retry", "--json");
  expect(exitCode).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ retried: 1, failing: 1, left: 0 });
});

describe("dead-letters drop on a terminal", () => {
  const CTRL_C = "\u0003";
  const LETTER = {
    time: "2026-11-24T13:00:00.000Z",
    lane: "t/0",
    sequence: "5",
    key: "a\u001B[2Jb",
    code: "CODE",
    reason: "no",
  };

  /** Answers its question in a folder with one letter, and tells what became of that. */
  async function answer(text: string): Promise<{ exitCode: number; isLeft: boolean }> {
    using folder = new TemporaryFolder();
    const path = folder.file(".konn/dead-letters/a--b-0.jsonl");
    mkdirSync(folder.file(".konn/dead-letters"), { recursive: true });
    writeFileSync(path, `${JSON.stringify(LETTER)}\n`);
    let said = "";
    const child = Bun.spawn({
      cmd: [KONN, "dead-letters", "drop"],
      cwd: folder.path,
      env: { PATH: process.env["PATH"], HOME: folder.path },
      terminal: {
        data: (terminal, bytes) => {
          const before = said;
          said += Buffer.from(bytes).toString();
          const isAsked = said.includes("[y/N]") && !before.includes("[y/N]");
          if (isAsked) terminal.write(text);
        },
      },
    });
    const exitCode = await child.exited;
    expect(said).toContain("Forget 1 dead letter of a--b-0?");
    return { exitCode, isLeft: existsSync(path) };
  }

  test.skipIf(process.platform === "win32")("asks, and takes only a yes for one", async () => {
    expect(await answer("y\r")).toEqual({ exitCode: 0, isLeft: false });
    expect(await answer("\r")).toEqual({ exitCode: 1, isLeft: true });
    expect(await answer("n\r")).toEqual({ exitCode: 1, isLeft: true });
    expect(await answer(CTRL_C)).toEqual({ exitCode: 1, isLeft: true });
  });

  test("a key that would steer a terminal is shown as an escape", async () => {
    using folder = new TemporaryFolder();
    mkdirSync(folder.file(".konn/dead-letters"), { recursive: true });
    const path = folder.file(".konn/dead-letters/a--b-0.jsonl");
    writeFileSync(path, `${JSON.stringify(LETTER)}\ntorn`);
    for (const args of [["list"], ["show", "1"]]) {
      const { exitCode, stdout } = await konn(["dead-letters", ...args], { cwd: folder.path });
      expect(exitCode).toBe(0);
      expect(stdout).toContain("a\\u001b[2Jb");
      expect(stdout).not.toContain("\u001B");
    }
  });
});
