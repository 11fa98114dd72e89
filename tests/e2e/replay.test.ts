import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { appendFileSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { partitionOfKey } from "../../core/connectors/kafka/partitioner.ts";
import { numberedLine, writeNumberedFile } from "../chaos/numbered_file.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { konn, resultOf, serviceEnvironment, spawnKonn, uniqueName } from "./konn.ts";
import { lengthOfTopic, linesByPartition, readTopic } from "./topic_reader.ts";

/** Longer than the timeout of a transaction, with room for a busy machine. */
const PAUSE_MS = 22_000;

describe("konn replay", () => {
  let environment: Record<string, string>;
  const folders: TemporaryFolder[] = [];

  beforeAll(async () => {
    environment = await serviceEnvironment();
  });
  afterAll(() => {
    for (const folder of folders) folder[Symbol.dispose]();
  });

  /** A file of numbered lines in a folder of its own, and a topic that is not there yet. */
  function makePlace(linesCount: number) {
    const folder = new TemporaryFolder();
    folders.push(folder);
    const file = folder.file("stream.jsonl");
    writeNumberedFile(file, linesCount);
    const topic = uniqueName("replay");
    const args = ["replay", file, "--topic", topic];
    const options = { cwd: folder.path, environment };
    return { file, topic, args, options };
  }

  async function valuesIn(topic: string): Promise<string[]> {
    return (await readTopic(topic)).map(({ value }) => value?.toString() ?? "");
  }

  test("a file that was replayed is not sent again, even without its checkpoint", async () => {
    const { topic, args, options, file } = makePlace(50);
    expect(await konn(args, options)).toMatchObject({ exitCode: 0 });
    rmSync(`${options.cwd}/.konn`, { recursive: true });
    const again = await konn(args, options);
    expect(again).toMatchObject({ exitCode: 0 });
    expect(again.stderr).toContain(`Nothing new in ${file} since the last run`);
    expect(await valuesIn(topic)).toHaveLength(50);
    // As Java's producers choose it.
    for (const { key, partition } of await readTopic(topic)) {
      expect(partitionOfKey(key ?? Buffer.alloc(0), 3)).toBe(partition);
    }
  });

  test("what was appended is sent, and --again sends all of it once more", async () => {
    const { topic, args, options, file } = makePlace(20);
    await konn(args, options);
    appendFileSync(file, `${numberedLine(20)}\n${numberedLine(21)}\n`);
    expect(JSON.parse((await konn([...args, "--json"], options)).stdout)).toMatchObject({
      events: 2,
    });
    expect(await konn([...args, "--again"], options)).toMatchObject({ exitCode: 0 });
    expect(await valuesIn(topic)).toHaveLength(44);
  });

  test("an edited file is refused with its remedies, each of which works", async () => {
    const { topic, args, options, file } = makePlace(20);
    await konn(args, options);
    const edited = readFileSync(file, "utf8").replace("service-3", "service-x");
    writeFileSync(file, `${edited}${numberedLine(20)}\n`);
    rmSync(`${options.cwd}/.konn`, { recursive: true });
    const refused = await konn(args, options);
    expect(refused.exitCode).toBe(3);
    for (const part of ["FILE_CHANGED", "--again", "--from-line N", "--stream NAME"]) {
      expect(refused.stderr).toContain(part);
    }
    const json = [...args, "--json"];
    const fromLine = await konn([...json, "--from-line", "21"], options);
    expect(JSON.parse(fromLine.stdout)).toMatchObject({ events: 1, written: 1 });
    expect(JSON.parse((await konn(json, options)).stdout)).toMatchObject({ events: 0 });
    const named = await konn([...json, "--stream", "another"], options);
    expect(JSON.parse(named.stdout)).toMatchObject({ events: 21 });
    expect(await valuesIn(topic)).toHaveLength(20 + 1 + 21);
    const beyond = await konn([...args, "--from-line", "99"], options);
    expect(beyond.exitCode).toBe(2);
    expect(beyond.stderr).toContain("it has 21 lines");
  });

  test("a line that is not there changes nothing, with transactions and without", async () => {
    const { topic, args, options } = makePlace(10);
    await konn(args, options);
    for (const flags of [["--at-least-once"], []]) {
      const beyond = await konn([...args, ...flags, "--from-line", "99"], options);
      expect(beyond.exitCode).toBe(2);
      expect((await konn(args, options)).stderr).toContain("Nothing new");
    }
    expect(await valuesIn(topic)).toHaveLength(10);
  });

  test("a truncated and a rotated file are refused", async () => {
    const { args, options, file } = makePlace(20);
    await konn(args, options);
    writeFileSync(file, `${numberedLine(0)}\n`);
    expect((await konn(args, options)).stderr).toContain("the file is shorter now");
  });

  test("--topic-config, --partitions and --positions-topic are heard", async () => {
    const { topic, args, options } = makePlace(30);
    const positions = uniqueName("positions");
    const flags = ["--partitions", "5", "--positions-topic", positions];
    expect(
      await konn([...args, ...flags, "--topic-config", "segment.ms=600000"], options),
    ).toMatchObject({ exitCode: 0 });
    const partitions = linesByPartition(await readTopic(topic)).keys();
    expect(Math.max(...partitions)).toBeGreaterThan(2);
    const [record] = await readTopic(positions);
    expect(JSON.parse(record?.key?.toString() ?? "")).toMatchObject({ topic, lane: "lines" });
    const wrong = await konn([...args, "--topic-config", "nonsense"], options);
    expect(wrong.exitCode).toBe(2);
  });

  test("stdin is delivered at least once, which is said", async () => {
    const { topic, options, file } = makePlace(10);
    const stdin = readFileSync(file);
    const result = await konn(["replay", "-", "--topic", topic], { ...options, stdin });
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.stderr).toContain("delivered at least once");
    expect(await valuesIn(topic)).toHaveLength(10);
  });

  test("--follow goes on as the file grows, and with the one that takes its name", async () => {
    const { topic, args, options, file } = makePlace(5);
    const child = spawnKonn([...args, "--follow", "--json"], options);
    const have = async (count: number): Promise<void> => {
      while ((await valuesIn(topic).catch(() => [])).length < count) await Bun.sleep(100);
    };
    await have(5);
    appendFileSync(file, `${numberedLine(5)}\n`);
    await have(6);
    renameSync(file, `${file}.1`);
    appendFileSync(`${file}.1`, `${numberedLine(6)}\n`);
    writeFileSync(file, `${numberedLine(7)}\n${numberedLine(8)}\n`);
    await have(9);
    child.kill("SIGINT");
    const { exitCode, stdout } = await resultOf(child);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ events: 9, written: 9, dead_letters: 0 });
    const sent = (await valuesIn(topic)).toSorted();
    expect(sent).toEqual(Array.from({ length: 9 }, (_, at) => numberedLine(at)).toSorted());
  });

  test("of two that replay one file, the one that was stopped for long is fenced", async () => {
    const { topic, args, options } = makePlace(20_000);
    const first = spawnKonn([...args, "--rate", "100/s", "--state-dir", "first"], options);
    while ((await lengthOfTopic(topic)) === 0) await Bun.sleep(100);
    first.kill("SIGSTOP");
    await Bun.sleep(PAUSE_MS);
    const second = await konn([...args, "--state-dir", "second"], options);
    expect(second).toMatchObject({ exitCode: 0 });
    first.kill("SIGCONT");
    const { exitCode, stderr } = await resultOf(first);
    expect(exitCode).toBe(3);
    expect(stderr).toContain("KAFKA_PRODUCER_FENCED");
    expect(stderr).toContain("Another konn has taken this stream over");
    const sent = await valuesIn(topic);
    expect(sent).toHaveLength(20_000);
    expect(new Set(sent).size).toBe(20_000);
  }, 120_000);
});
