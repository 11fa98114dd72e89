import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { request } from "./index_reader.ts";
import { konn, resultOf, serviceEnvironment, spawnKonn, uniqueName } from "./konn.ts";
import { kafkaClient } from "./topic_reader.ts";
import { createTopic } from "../services/kafka_topic.ts";

const DEADLINE_MS = 20_000;

/** A topic like any with a finite retention: one of its partitions has lost all that it held. */
describe("a partition that retention has emptied", () => {
  const folder = new TemporaryFolder();
  afterAll(() => folder[Symbol.dispose]());
  const topic = uniqueName("emptied");
  let environment: Record<string, string>;

  const run = (...args: string[]) => konn(args, { cwd: folder.path, environment });
  const sync = ["sync", "--topic", topic, "--index", topic];

  beforeAll(async () => {
    environment = await serviceEnvironment();
    const client = await kafkaClient();
    const admin = client.admin();
    await admin.connect();
    await createTopic(admin, { topic, numPartitions: 2 });
    const producer = client.producer();
    await producer.connect();
    const key = "c/cp/o/service/a";
    const value = JSON.stringify({ after: { key, value: { object: { name: "a" } } }, op: "c" });
    const old = { key, value, partition: 1, timestamp: "1706812484573" };
    await producer.send({ topic, messages: [old, old, old, { key, value, partition: 0 }] });
    await producer.disconnect();
    await until(async () => {
      const offsets = await admin.fetchTopicOffsets(topic);
      return offsets.some(({ low, high }) => low === "3" && high === "3");
    });
    await admin.disconnect();
    expect(await run(...sync, "--until-end")).toMatchObject({ exitCode: 0 });
  });

  test("is not built anew from by accident", async () => {
    const before = await request(`/${topic}`);
    const { exitCode, stderr } = await run(...sync, "--from-beginning", "--until-end");
    expect(exitCode).toBe(3);
    expect(stderr).toContain("SOURCE_INCOMPLETE");
    expect(stderr).toContain("3 offsets");
    expect(await request(`/${topic}`)).toEqual(before);
  });

  test("is no lag", async () => {
    const { runs } = JSON.parse((await run("status", "--json")).stdout);
    expect(runs).toMatchObject([{ lag: 0, lag_seconds: 0 }]);
    expect(runs[0].lanes).toMatchObject([{ next_sequence: 1 }, { next_sequence: 3, end: 3 }]);
  });

  test("does not keep a rebuild that follows from being shown", async () => {
    const [before] = Object.keys((await request(`/${topic}`)).body);
    const args = [...sync, "--from-beginning", "--accept-loss"];
    const child = spawnKonn(args, { cwd: folder.path, environment });
    await until(async () => Object.keys((await request(`/${topic}`)).body)[0] !== before);
    child.kill("SIGTERM");
    expect((await resultOf(child)).exitCode).toBe(0);
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + DEADLINE_MS;
  while (!(await condition())) {
    if (Date.now() > deadlineMs) throw new Error(`not within ${DEADLINE_MS} ms`);
    await Bun.sleep(200);
  }
}
