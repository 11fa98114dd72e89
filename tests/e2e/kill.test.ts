import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import type { Admin } from "kafkajs";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { expectDelivered } from "./delivered_lines.ts";
import { documentsOf, request } from "./index_reader.ts";
import { konn, SAMPLE, serviceEnvironment, spawnKonn, uniqueName } from "./konn.ts";
import { kafkaClient, readTopic } from "./topic_reader.ts";
import { doneCount } from "./waiting.ts";

const COPIES_COUNT = 40;
const KILLS_COUNT = 4;
const KILLS_TIMEOUT_MS = 150_000;

/** For runs that are to be killed: at this rate a whole one takes six seconds. */
const RATE = "5000/s";

/**
 * What a run without transactions may write again after a crash: what it may have in flight, 16
 * batches. At this rate a batch holds 50 lines.
 */
const SLOW_RATE = "1000/s";
const WINDOW_LINES_COUNT = 16 * 50;

describe("SIGKILL in the middle", () => {
  const folder = new TemporaryFolder();
  const file = folder.file("large.jsonl");
  const lines: string[] = [];
  let environment: Record<string, string>;
  let admin: Admin;

  beforeAll(async () => {
    environment = await serviceEnvironment();
    admin = (await kafkaClient()).admin({ retry: { retries: 0 } });
    await admin.connect();
    // Each copy says which it is, so that every line is unique.
    const sample = readFileSync(SAMPLE, "utf8").trimEnd().split("\n");
    for (let copy = 0; copy < COPIES_COUNT; copy += 1) {
      lines.push(...sample.map((line) => line.replace(/}$/, `, "copy": ${copy}}`)));
    }
    writeFileSync(file, `${lines.join("\n")}\n`);
  });

  afterAll(async () => {
    await admin.disconnect();
    folder[Symbol.dispose]();
  });

  const run = (...args: string[]) => konn(args, { cwd: folder.path, environment });

  /**
   * Starts a command, waits until it has begun to do something, and kills it some time later.
   * Whether the kill came before its end.
   */
  async function killed(
    args: readonly string[],
    { hasBegun, delayMs }: { hasBegun: () => boolean | Promise<boolean>; delayMs: number },
  ): Promise<boolean> {
    const child = spawnKonn(args, { cwd: folder.path, environment });
    while (child.exitCode === null && !(await hasBegun())) await Bun.sleep(5);
    await Bun.sleep(delayMs);
    child.kill("SIGKILL");
    await child.exited;
    if (child.signalCode === null) expect(child.exitCode).toBe(0);
    return child.signalCode === "SIGKILL";
  }

  /** Becomes true when the topic has so many records more than now. */
  async function whenGrown(topic: string, recordsCount: number): Promise<() => Promise<boolean>> {
    const before = await lengthOf(topic);
    return async () => (await lengthOf(topic)) >= before + recordsCount;
  }

  /** Becomes true when the checkpoint says that some of the topic is done, and not as much as now. */
  function whenCheckpointed(topic: string, index: string): () => boolean {
    const before = doneCount(folder.path, { topic, index });
    return () => ![0, before].includes(doneCount(folder.path, { topic, index }));
  }

  /** Offsets that were given out in all partitions; 0 for a topic that is not there yet. */
  async function lengthOf(topic: string): Promise<number> {
    try {
      const offsets = await admin.fetchTopicOffsets(topic);
      return offsets.reduce((sum, { high }) => sum + Number(high), 0);
    } catch {
      return 0;
    }
  }

  test(
    "replay writes each line once, in the order of the file",
    async () => {
      const topic = uniqueName("once");
      const args = ["replay", file, "--topic", topic, "--partitions", "3"];
      for (let kills = 0; kills < KILLS_COUNT; kills += 1) {
        // A transaction takes half a second: some kills come in the first one, some in a later one.
        const options = { hasBegun: await whenGrown(topic, 1), delayMs: Math.random() * 1_000 };
        expect(await killed([...args, "--rate", RATE], options)).toBe(true);
      }
      expect(await run(...args)).toMatchObject({ exitCode: 0 });
      expect(expectDelivered(await readTopic(topic), lines)).toEqual({ repeatsCount: 0 });
    },
    KILLS_TIMEOUT_MS,
  );

  test(
    "replay --at-least-once repeats no more than was in flight",
    async () => {
      const topic = uniqueName("repeats");
      const args = ["replay", file, "--topic", topic, "--partitions", "3", "--at-least-once"];
      for (let kills = 0; kills < KILLS_COUNT; kills += 1) {
        // Much more than may be repeated, so that a run that began anew would be found out.
        const hasBegun = await whenGrown(topic, 2 * WINDOW_LINES_COUNT);
        const options = { hasBegun, delayMs: Math.random() * 100 };
        expect(await killed([...args, "--rate", SLOW_RATE], options)).toBe(true);
      }
      expect(await run(...args)).toMatchObject({ exitCode: 0 });
      const { repeatsCount } = expectDelivered(await readTopic(topic), lines);
      expect(repeatsCount).toBeLessThanOrEqual(KILLS_COUNT * WINDOW_LINES_COUNT);
    },
    KILLS_TIMEOUT_MS,
  );

  test(
    "sync ends with the same index as one that was never killed",
    async () => {
      const topic = uniqueName("killed");
      expect(await run("replay", file, "--topic", topic)).toMatchObject({ exitCode: 0 });
      const index = uniqueName("killed");
      const args = ["sync", "--topic", topic, "--until-end", "--json"];
      for (let kills = 0; kills < KILLS_COUNT; kills += 1) {
        const options = { hasBegun: whenCheckpointed(topic, index), delayMs: Math.random() * 200 };
        expect(await killed([...args, "--index", index, "--rate", RATE], options)).toBe(true);
      }
      const last = await run(...args, "--index", index);
      expect(last).toMatchObject({ exitCode: 0 });
      // Those that were killed had come some way.
      expect(JSON.parse(last.stdout).events).toBeLessThan(lines.length);

      const calm = uniqueName("calm");
      const whole = await run(...args, "--index", calm);
      expect(JSON.parse(whole.stdout).events).toBe(lines.length);
      const expected = await sourcesOf(calm);
      expect(expected.size).toBe(82);
      expect(await sourcesOf(index)).toEqual(expected);
    },
    KILLS_TIMEOUT_MS,
  );

  test(
    "a rebuild that was killed leaves the live index alone and is begun again",
    async () => {
      const topic = uniqueName("rebuild");
      const args = ["sync", "--topic", topic, "--index", topic, "--until-end"];
      await run("replay", file, "--topic", topic);
      await run(...args);
      const right = await sourcesOf(topic);
      await spoil(topic, [...right.keys()]);
      const spoilt = await sourcesOf(topic);
      expect(spoilt).not.toEqual(right);
      // No other sync would mend it.
      expect(await run(...args)).toMatchObject({ exitCode: 0 });
      expect(await sourcesOf(topic)).toEqual(spoilt);

      for (let kills = 0; kills < KILLS_COUNT; kills += 1) {
        const options = { hasBegun: whenCheckpointed(topic, topic), delayMs: Math.random() * 200 };
        expect(await killed([...args, "--from-beginning", "--rate", RATE], options)).toBe(true);
        // One that is shown, and one that was begun.
        expect(await indexesOf(topic)).toBe(2);
        expect(await sourcesOf(topic)).toEqual(spoilt);
      }
      expect(await run(...args, "--from-beginning")).toMatchObject({ exitCode: 0 });
      expect(await sourcesOf(topic)).toEqual(right);
    },
    KILLS_TIMEOUT_MS,
  );
});

/** Adds a document, removes one, and changes one, as somebody might by hand. */
async function spoil(index: string, ids: readonly string[]): Promise<void> {
  const [removed = "", changed = "", copied = ""] = ids.map((id) => encodeURIComponent(id));
  const { body } = await request(`/${index}/_doc/${copied}`);
  const put = (id: string, source: object) =>
    request(`/${index}/_doc/${id}`, { method: "PUT", body: source });
  expect(await put("injected", body._source)).toMatchObject({ status: 201 });
  expect(await put(changed, { ...body._source, name: "spoilt" })).toMatchObject({ status: 200 });
  const removal = await request(`/${index}/_doc/${removed}`, { method: "DELETE" });
  expect(removal).toMatchObject({ status: 200 });
}

/** How many indexes there are that konn made for the name, shown or not. */
async function indexesOf(name: string): Promise<number> {
  return (await request(`/_cat/indices/${name}*?format=json`)).body.length;
}

/**
 * The documents without their versions: an event that changes nothing is written or skipped
 * depending on where the stream was cut.
 */
async function sourcesOf(index: string): Promise<Map<string, object>> {
  const documents = await documentsOf(index);
  return new Map([...documents].map(([id, { source }]) => [id, source]));
}
