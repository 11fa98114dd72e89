import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { documentsOf } from "./index_reader.ts";
import { konn, SAMPLE, serviceEnvironment, spawnKonn, uniqueName } from "./konn.ts";
import { readTopic } from "./topic_reader.ts";

const COPIES_COUNT = 40;
const MAX_KILLS_COUNT = 12;

describe("SIGKILL in the middle", () => {
  const folder = new TemporaryFolder();
  afterAll(() => folder[Symbol.dispose]());
  const file = folder.file("large.jsonl");
  const lines: string[] = [];
  let environment: Record<string, string>;

  beforeAll(async () => {
    environment = await serviceEnvironment();
    // Each copy has a ts_ms of its own, so that every line is unique.
    const sample = readFileSync(SAMPLE, "utf8").trimEnd().split("\n");
    for (let copy = 0; copy < COPIES_COUNT; copy += 1) {
      lines.push(...sample.map((line) => line.replace(/}$/, `, "copy": ${copy}}`)));
    }
    writeFileSync(file, `${lines.join("\n")}\n`);
  });

  /** Starts a command again and again and kills it, until it ends by itself. */
  async function killUntilDone(args: string[]): Promise<number> {
    for (let kills = 0; kills < MAX_KILLS_COUNT; kills += 1) {
      const child = spawnKonn(args, { cwd: folder.path, environment });
      const timer = setTimeout(() => child.kill("SIGKILL"), 60 + Math.random() * 240);
      await child.exited;
      clearTimeout(timer);
      if (child.exitCode === 0) return kills;
    }
    expect(await konn(args, { cwd: folder.path, environment })).toMatchObject({ exitCode: 0 });
    return MAX_KILLS_COUNT;
  }

  test("replay misses no line, and sync ends with the same index", async () => {
    const topic = uniqueName("killed");
    const kills = await killUntilDone(["replay", file, "--topic", topic]);
    expect(kills).toBeGreaterThan(0);
    const records = await readTopic(topic);
    expect(new Set(records.map(({ value }) => value?.toString()))).toEqual(new Set(lines));

    const quiet = ["--topic", topic, "--until-end"];
    const killed = uniqueName("killed");
    await killUntilDone(["sync", ...quiet, "--index", killed]);
    const calm = uniqueName("calm");
    await konn(["sync", ...quiet, "--index", calm], { cwd: folder.path, environment });
    const expected = await sourcesOf(calm);
    expect(expected.size).toBe(82);
    expect(await sourcesOf(killed)).toEqual(expected);
  });

  test("a rebuild that was killed leaves the live index alone and is begun again", async () => {
    const topic = uniqueName("rebuild");
    const args = ["sync", "--topic", topic, "--index", topic, "--until-end"];
    await konn(["replay", file, "--topic", topic], { cwd: folder.path, environment });
    await konn(args, { cwd: folder.path, environment });
    const before = await sourcesOf(topic);
    await killUntilDone([...args, "--from-beginning"]);
    expect(await sourcesOf(topic)).toEqual(before);
  });
});

/**
 * The documents without their versions: an event that changes nothing is written or skipped
 * depending on where the stream was cut.
 */
async function sourcesOf(index: string): Promise<Map<string, object>> {
  const documents = await documentsOf(index);
  return new Map([...documents].map(([id, { source }]) => [id, source]));
}
