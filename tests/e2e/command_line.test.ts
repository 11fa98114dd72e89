import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closeSync, openSync, read, readdirSync, readFileSync, writeFileSync } from "node:fs";
import packageJson from "../../package.json" with { type: "json" };
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { KONN, konn, resultOf, SAMPLE, serviceEnvironment, spawnKonn, uniqueName } from "./konn.ts";
import { lengthOfTopic, readTopic, seedTopic } from "./topic_reader.ts";
import { doneCount, eventually, untilSaid } from "./waiting.ts";

describe("the command line", () => {
  const folder = new TemporaryFolder();
  afterAll(() => folder[Symbol.dispose]());
  let environment: Record<string, string>;
  beforeAll(async () => {
    environment = await serviceEnvironment();
  });

  const run = (...args: string[]) => konn(args, { cwd: folder.path, environment });

  test("--version and --help go to stdout and exit with 0", async () => {
    for (const word of ["--version", "-V", "-v", "version"]) {
      expect(await run(word)).toMatchObject({
        exitCode: 0,
        stdout: `${packageJson.version}\n`,
        stderr: "",
      });
    }
    for (const args of [
      ["--help"],
      ["replay", "--help"],
      ["sync", "--help"],
      ["pipe", "--help"],
      ["status", "--help"],
      ["verify", "--help"],
    ]) {
      const { exitCode, stdout, stderr } = await run(...args);
      expect([exitCode, stderr]).toEqual([0, ""]);
      expect(stdout).toContain("Examples:");
      expect(stdout).not.toContain("\u001B");
      for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    }
  });

  test.each([
    [[], "Usage: konn COMMAND"],
    [["snyc"], "Did you mean konn sync?"],
    [["toString"], "no such command"],
    [["constructor"], "no such command"],
    [["sync", "--tpoic", "a"], "Did you mean --topic?"],
    [["sync", "--topic"], "without a value"],
    [["sync", "--topic", "--json"], "without a value"],
    [["sync", "--topic", "a", "--topic", "b"], "twice"],
    [["sync", "-x"], "no such flag"],
    [["sync", "replay"], "takes no arguments"],
    [["replay"], "without FILE"],
    [["replay", "a", "b"], "takes one argument"],
    [["replay", "a", "--limit", "many"], "expected a whole number"],
    [["replay", "a", "--limit", "-3"], '--limit \\"-3\\": expected a whole number from 1'],
    [["verify", "--limit=-3"], "expected a whole number from 1"],
    [["sync", "--limit", "--json"], "without a value"],
    [["status", "--rate", "fast"], "expected events per second"],
    [["verify", "--index", "Cdc"], "expected a name of lower-case letters"],
    [["verify", "--index", "opensearch://me:secret@h:1/cdc"], "opensearch://***@h:1/cdc"],
    [["verify", "--index", "kafka:cdc"], "or opensearch://HOST:PORT/NAME"],
    [["replay", "a", "--rate", "5/s", "--speed", "2x"], "together"],
    [["replay", "a", "--topic", "a,b"], "several topics"],
    [["sync", "--config", "missing.toml"], "missing.toml"],
  ])("%p exits with 2 and says why on stderr", async (args, expected) => {
    const { exitCode, stdout, stderr } = await run(...args);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(expected);
    expect(stderr).not.toContain("    at ");
  });

  test("settings come from konn.toml, which is said, and flags win", async () => {
    using own = new TemporaryFolder();
    const topic = uniqueName("toml");
    writeFileSync(
      own.file("konn.toml"),
      `topic = "wrong"\n[replay]\ntopic = "${topic}"\nlimit = 3\n`,
    );
    const options = { cwd: own.path, environment };
    const result = await konn(["replay", SAMPLE, "--limit", "2", "--json"], options);
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.stderr).toContain("Using the settings in konn.toml");
    expect(JSON.parse(result.stdout)).toMatchObject({ events: 2 });
    expect(await readTopic(topic)).toHaveLength(2);
  });

  test("stdout holds nothing but the result; logs are JSON where nobody watches", async () => {
    const topic = uniqueName("streams");
    const { stdout, stderr } = await run("replay", SAMPLE, "--topic", topic);
    expect(stdout).toBe("");
    const lines = stderr
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { level: "warn", message: "Line 321 can hold a secret, and is delivered as it is" },
      { level: "warn", lines: "321, 324, 326, 399, 489, 596" },
      { time: expect.any(String), level: "info", message: expect.stringMatching(/^Replayed 726/) },
    ]);
    const withoutSecrets = ["--exclude-types", "key,vault"];
    const again = ["replay", SAMPLE, "--topic", topic, "--again", "--quiet", ...withoutSecrets];
    expect(await run(...again)).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
    expect(await readTopic(topic)).toHaveLength(726 + 720);
  });

  test("--log-format pretty has no colours in a pipe", async () => {
    const topic = uniqueName("pretty");
    const { stderr } = await run("replay", SAMPLE, "--topic", topic, "--log-format", "pretty");
    expect(stderr).toContain("Replayed 726 events");
    expect(stderr).not.toContain("\u001B");
  });

  test("to make a topic is no retry", async () => {
    for (const _time of [1, 2, 3]) {
      const { stdout } = await run("replay", SAMPLE, "--topic", uniqueName("made"), "--json");
      expect(JSON.parse(stdout)).toMatchObject({ written: 726, retries: 0 });
    }
  });

  test("the summary as JSON has the agreed names", async () => {
    const topic = uniqueName("json");
    const { stdout } = await run("replay", SAMPLE, "--topic", topic, "--json");
    expect(Object.keys(JSON.parse(stdout))).toEqual([
      "events",
      "written",
      "deleted",
      "skipped",
      "dead_letters",
      "retries",
      "seconds",
      "positions",
      "ends",
    ]);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
  });

  test("sync follows what comes after its start, and ends with 0 on SIGTERM", async () => {
    const topic = uniqueName("follow");
    const lines = readFileSync(SAMPLE, "utf8").trimEnd().split("\n").slice(0, 20);
    const records = lines.map((value) => ({ key: JSON.parse(value).after.key, value }));
    await seedTopic(topic, records.slice(0, 5));
    const args = ["sync", "--topic", topic, "--index", topic, "--json"];
    const child = spawnKonn(args, { cwd: folder.path, environment });
    const done = () => doneCount(folder.path, { topic, index: topic });
    await eventually(() => done() === 5);
    const { kafkaClient } = await import("./topic_reader.ts");
    const producer = (await kafkaClient()).producer();
    await producer.connect();
    await producer.send({ topic, messages: records.slice(5) });
    await producer.disconnect();
    await eventually(() => done() === 20);
    child.kill("SIGTERM");
    const { exitCode, stdout, stderr } = await resultOf(child);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ events: 20 });
    expect(stderr).toContain("Stopping: delivering what is in hand");
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)(
    "%s cuts a bounded run short with %d, and the next run goes on",
    async (signal, code) => {
      const topic = uniqueName("cut");
      const args = ["replay", SAMPLE, "--topic", topic, "--json"];
      const child = spawnKonn([...args, "--rate", "100/s"], { cwd: folder.path, environment });
      await eventually(async () => (await lengthOfTopic(topic)) > 20);
      child.kill(signal);
      const cut = await resultOf(child);
      expect(cut.exitCode).toBe(code);
      const { events } = JSON.parse(cut.stdout);
      expect(events).toBeGreaterThan(0);
      expect(events).toBeLessThan(726);
      const rest = await run(...args);
      expect(JSON.parse(rest.stdout)).toMatchObject({ events: 726 - events });
      expect(await readTopic(topic)).toHaveLength(726);
    },
  );

  test("an interrupt while it waits for services ends at once", async () => {
    const args = ["replay", SAMPLE, "--wait", "60s", "--brokers", "127.0.0.1:1"];
    const child = spawnKonn(args, { cwd: folder.path, environment });
    const { stderr } = await untilSaid(child, "Waiting: ");
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    expect(await stderr).toContain("Stopped before anything was read");
  });

  test("a second interrupt ends at once with 130, whatever is still in hand", async () => {
    const topic = uniqueName("twice");
    await run("replay", SAMPLE, "--topic", topic);
    // A reader that never reads: the first interrupt waits for the write, the second does not.
    const pipe = folder.file("unread");
    expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
    const unread = openSync(pipe, "r+");
    const child = Bun.spawn({
      cmd: [KONN, "pipe", "--from", `kafka:${topic}`, "--to", "-", "--until-end"],
      cwd: folder.path,
      env: environment,
      stdio: ["ignore", unread, "ignore"],
    });
    // It writes far more than the pipe holds, so behind the first byte it is stuck for good.
    await new Promise((resolve) => read(unread, Buffer.alloc(1), 0, 1, null, resolve));
    child.kill("SIGINT");
    await Bun.sleep(500);
    expect(child.exitCode).toBeNull();
    // A process that has not run since the first one would take both for one.
    await eventually(() => {
      child.kill("SIGINT");
      return child.exitCode !== null;
    });
    expect(child.exitCode).toBe(130);
    closeSync(unread);
  });

  test("sync --dry-run counts what a sync would write, and leaves nothing behind", async () => {
    using own = new TemporaryFolder();
    const topic = uniqueName("dry");
    await run("replay", SAMPLE, "--topic", topic);
    const args = ["sync", "--topic", topic, "--index", topic, "--until-end", "--dry-run", "--json"];
    for (const _time of [1, 2]) {
      const { exitCode, stdout } = await konn(args, { cwd: own.path, environment });
      expect(exitCode).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ events: 726, written: 82 });
    }
    expect(readdirSync(own.path)).toEqual([]);
  });

  test("sync --dry-run counts and names what it would refuse, and keeps nothing of it", async () => {
    using own = new TemporaryFolder();
    const topic = uniqueName("dry");
    await seedTopic(topic, [{ key: "a", value: "not JSON" }]);
    const args = ["sync", "--topic", topic, "--index", topic, "--until-end"];
    const options = { cwd: own.path, environment };
    const dry = await konn([...args, "--dry-run", "--json"], options);
    expect(JSON.parse(dry.stdout)).toMatchObject({ events: 1, dead_letters: 1 });
    expect(dry.stderr).toContain("VALUE_NOT_JSON");
    const text = await konn([...args, "--dry-run"], options);
    expect(text.stderr).toContain("1 dead letter (not kept)");
    const strict = await konn([...args, "--dry-run", "--max-dead-letters", "0"], options);
    expect([strict.exitCode, strict.stderr]).toEqual([
      1,
      expect.stringContaining("without --dry-run"),
    ]);
    expect(readdirSync(own.path)).toEqual([]);
  });

  test("--index takes a URL as well as a name, and means the same", async () => {
    using own = new TemporaryFolder();
    const topic = uniqueName("url");
    const url = environment["KONN_OPENSEARCH_URL"]?.replace("http:", "opensearch:") ?? "";
    const elsewhere = { ...environment, KONN_OPENSEARCH_URL: "http://127.0.0.1:1" };
    const at = async (name: string, index: string, ...flags: string[]) => {
      const args = [name, "--topic", topic, "--index", index, "--json", ...flags];
      const { exitCode, stdout } = await konn(args, { cwd: own.path, environment: elsewhere });
      return { exitCode, result: stdout === "" ? undefined : JSON.parse(stdout) };
    };
    await run("replay", SAMPLE, "--topic", topic);
    const synced = await at("sync", `${url}/${topic}`, "--until-end");
    expect(synced).toMatchObject({ exitCode: 0, result: { events: 726 } });
    // The same run, by its name.
    const again = ["sync", "--topic", topic, "--index", topic, "--until-end", "--json"];
    const { stdout } = await konn(again, { cwd: own.path, environment });
    expect(JSON.parse(stdout)).toMatchObject({ events: 0 });
    const verified = await at("verify", `${url}/${topic}`);
    expect(verified).toMatchObject({ exitCode: 0, result: { documents: 82 } });
    expect((await at("status", `${url}/${topic}`)).result.runs).toHaveLength(1);
    expect((await at("status", topic)).result.runs).toHaveLength(0);
    expect((await at("verify", topic)).exitCode).toBe(3);
  });

  test("status, verify and doctor take the flags of sync", async () => {
    const topic = uniqueName("flags");
    const flags = ["--topic", topic, "--index", topic, "--until-end", "--limit", "9", "--json"];
    await run("replay", SAMPLE, "--topic", topic);
    expect((await run("sync", ...flags.toSpliced(5, 2))).exitCode).toBe(0);
    for (const name of ["status", "verify"]) {
      const all = ["--from-beginning", "--wait", "1s", "--rate", "5/s", "--max-dead-letters", "0"];
      const { exitCode, stderr } = await run(name, ...flags, ...all, "--skip-types", "hash");
      expect([stderr, exitCode]).toEqual(["", name === "status" ? 0 : 1]);
    }
    const sick = await run(
      "doctor",
      ...flags,
      "--from-beginning",
      "--wait",
      "1s",
      "--skip-types",
      "a",
    );
    expect([sick.stderr, sick.exitCode]).toEqual(["", 0]);
  });

  test("a variable that is no setting, and an exclusion that excludes nothing, are said", async () => {
    const topic = uniqueName("typo");
    const args = ["replay", SAMPLE, "--topic", topic, "--exclude-types", "keyz"];
    const { stderr } = await konn(args, {
      cwd: folder.path,
      environment: { ...environment, KONN_TOPC: "x" },
    });
    expect(stderr).toContain("KONN_TOPC is no setting of konn, KONN_TOPIC is");
    expect(stderr).toContain("--exclude-types left out nothing");
  });

  test("errors are JSON where nobody watches, and pretty where it is asked for", async () => {
    const { stderr } = await run("replay", "no-such.jsonl");
    expect(JSON.parse(stderr)).toMatchObject({ level: "error", code: "FILE_NOT_FOUND" });
    const pretty = await run("replay", "no-such.jsonl", "--log-format", "pretty");
    expect(pretty.stderr).toStartWith("✖ Cannot read no-such.jsonl: no such file [FILE_NOT_FOUND]");
  });

  test("--rate paces evenly", async () => {
    const startedMs = performance.now();
    await run("replay", SAMPLE, "--topic", uniqueName("rate"), "--rate", "50/s", "--limit", "100");
    const seconds = (performance.now() - startedMs) / 1_000;
    expect(seconds).toBeGreaterThan(1.7);
    // The end is far off, for a machine that is busy.
    expect(seconds).toBeLessThan(15);
  });

  test("--exclude-types leaves entities out of the topic and counts them", async () => {
    const topic = uniqueName("exclude");
    const { stdout } = await run(
      "replay",
      SAMPLE,
      "--topic",
      topic,
      "--exclude-types",
      "node,key",
      "--json",
    );
    expect(JSON.parse(stdout)).toMatchObject({
      events: 726,
      written: 171,
      skipped: { excluded_type: 555 },
    });
  });
});
