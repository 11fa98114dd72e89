import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { type Admin, ConfigResourceTypes } from "kafkajs";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { request } from "./index_reader.ts";
import { konn, SAMPLE, serviceEnvironment, uniqueName } from "./konn.ts";
import { kafkaClient, seedTopic } from "./topic_reader.ts";
import { TcpProxy } from "../services/mod.ts";
import { eventually } from "./waiting.ts";
import { createTopic } from "../services/kafka_topic.ts";

interface Check {
  readonly area: string;
  readonly check: string;
  readonly level: "ok" | "warn" | "fail";
  readonly detail: string;
  readonly remedy: string | null;
}

interface Report {
  readonly exitCode: number;
  readonly checks: readonly Check[];
  /** The only check of this name. */
  find(area: string, check: string): Check;
  readonly failing: readonly string[];
}

describe("doctor", () => {
  const folder = new TemporaryFolder();
  afterAll(() => folder[Symbol.dispose]());
  const topic = uniqueName("doctor");
  let environment: Record<string, string>;

  async function doctor(...args: string[]): Promise<Report> {
    const options = { cwd: folder.path, environment };
    const { exitCode, stdout } = await konn(["doctor", ...args, "--json"], options);
    const { ok, warn, fail, checks } = JSON.parse(stdout);
    const count = (level: string) => checks.filter((one: Check) => one.level === level).length;
    expect([ok, warn, fail]).toEqual([count("ok"), count("warn"), count("fail")]);
    for (const { level, remedy } of checks) expect(remedy === null).toBe(level === "ok");
    expect(exitCode).toBe(fail > 0 ? 3 : 0);
    return {
      exitCode,
      checks,
      find: (area, check) => {
        const found = checks.filter((one: Check) => one.area === area && one.check === check);
        expect([area, check, found.length]).toEqual([area, check, 1]);
        return found[0];
      },
      failing: checks
        .filter(({ level }: Check) => level === "fail")
        .map(({ area, check }: Check) => `${area} ${check}`),
    };
  }

  const run = (...args: string[]) => konn(args, { cwd: folder.path, environment });

  async function sync(index: string, from = topic): Promise<void> {
    const result = await run("sync", "--topic", from, "--index", index, "--until-end");
    expect(result).toMatchObject({ exitCode: 0 });
  }

  async function behind(alias: string): Promise<string> {
    return Object.keys((await request(`/${alias}`)).body)[0] ?? "";
  }

  beforeAll(async () => {
    environment = await serviceEnvironment();
    expect(await run("replay", SAMPLE, "--topic", topic)).toMatchObject({ exitCode: 0 });
  });

  test("finds nothing that would fail where a sync has just run", async () => {
    const index = uniqueName("doctor");
    await sync(index);
    const report = await doctor("--topic", topic, "--index", index);
    expect(report.failing).toEqual([]);
    expect(report.find("kafka", "cluster").detail).toMatch(/cluster \S+, 1 broker, Kafka /);
    expect(report.find("kafka", "topic").detail).toContain(`${topic} has 3 partitions`);
    expect(report.find("kafka", "permissions").level).toBe("ok");
    expect(report.find("kafka", "retention").level).toBe("ok");
    expect(report.find("kafka", "beginning").level).toBe("ok");
    expect(report.find("kafka", "clock").detail).toMatch(/the newest record is .* old/);
    expect(report.find("opensearch", "cluster").detail).toMatch(/OpenSearch \d+\.\d+/);
    expect(report.find("opensearch", "alias").level).toBe("ok");
    expect(report.find("opensearch", "blocks").level).toBe("ok");
    expect(report.find("opensearch", "mapping").level).toBe("ok");
    expect(report.find("opensearch", "clock").level).toBe("ok");
    expect(report.find("sync", "index").level).toBe("ok");
    expect(report.find("sync", "checkpoint").detail).toContain("0 offsets to go");
    const table = await run("doctor", "--topic", topic, "--index", index);
    expect(table.stdout).toContain("0 that would fail");
  });

  test("an index and a checkpoint that are not there yet are no fault", async () => {
    const report = await doctor("--topic", topic, "--index", uniqueName("doctor"));
    expect(report.failing).toEqual([]);
    expect(report.find("opensearch", "alias").detail).toContain("konn sync makes it");
    expect(report.find("sync", "checkpoint").detail).toContain("none");
  });

  test("everything is looked at where nothing runs, and within ten seconds", async () => {
    writeFileSync(folder.file("bad.toml"), "brokerz = 'a:1'\n");
    writeFileSync(folder.file("state"), "this is no folder");
    const startedMs = performance.now();
    const files = ["missing.jsonl", "--config", "bad.toml", "--state-dir", "state"];
    const nobody = ["--brokers", "127.0.0.1:1", "--opensearch-url", "http://127.0.0.1:2"];
    const report = await doctor(...files, ...nobody);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    expect(report.failing).toEqual(
      expect.arrayContaining([
        "state folder",
        "configuration file",
        "file usable",
        "kafka usable",
        "opensearch usable",
      ]),
    );
    expect(report.find("configuration", "file").remedy).toContain("Did you mean brokers?");
    expect(report.find("kafka", "usable").remedy).toContain("--brokers");
    expect(report.find("opensearch", "usable").remedy).toContain("--opensearch-url");
  });

  test("services that take connections and never answer cost less than ten seconds", async () => {
    const port = (url: string | undefined) => Number(url?.split(":").at(-1));
    const { KONN_BROKERS, KONN_OPENSEARCH_URL } = environment;
    await using kafka = await TcpProxy.start({ upstreamPort: port(KONN_BROKERS) });
    await using openSearch = await TcpProxy.start({ upstreamPort: port(KONN_OPENSEARCH_URL) });
    kafka.pause();
    openSearch.pause();
    const url = `http://${openSearch.address}`;
    const startedMs = performance.now();
    const report = await doctor("--brokers", kafka.address, "--opensearch-url", url);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    expect(report.failing).toEqual(expect.arrayContaining(["kafka usable", "opensearch usable"]));
    expect(report.find("state", "folder").level).not.toBe("fail");
  });

  test("a missing topic fails a sync, and a replay makes it", async () => {
    const missing = ["--topic", uniqueName("doctor")];
    const forSync = await doctor(...missing);
    expect(forSync.failing).toEqual(["kafka usable"]);
    expect(forSync.find("kafka", "usable").remedy).toContain("konn replay");
    const forReplay = await doctor(SAMPLE, ...missing);
    expect(forReplay.failing).toEqual([]);
    expect(forReplay.find("file", "lines").level).toBe("ok");
    expect(forReplay.find("kafka", "topic").detail).toContain("konn replay makes it");
  });

  test("a file that holds no events fails, and one that holds some is worth a look", async () => {
    writeFileSync(folder.file("none.jsonl"), "hello\nworld\n");
    expect((await doctor("none.jsonl", "--topic", topic)).failing).toEqual(["file lines"]);
    const event = JSON.stringify({ after: { key: "k", value: "{}" }, op: "c" });
    writeFileSync(folder.file("some.jsonl"), `${event}\nhello\n`);
    const some = await doctor("some.jsonl", "--topic", topic);
    expect(some.find("file", "lines")).toMatchObject({ level: "warn" });
  });

  test("a block of the index fails, and the remedy takes it off", async () => {
    const index = uniqueName("doctor");
    await sync(index);
    const name = await behind(index);
    const body = { "index.blocks.read_only_allow_delete": true };
    await request(`/${name}/_settings`, { method: "PUT", body });
    const report = await doctor("--topic", topic, "--index", index);
    expect(report.failing).toEqual(["opensearch blocks"]);
    const { remedy } = report.find("opensearch", "blocks");
    const [, path = "", json = ""] = /PUT (\S+) (\{.*\})/.exec(remedy ?? "") ?? [];
    await request(`/${path}`, { method: "PUT", body: JSON.parse(json) });
    expect((await doctor("--topic", topic, "--index", index)).failing).toEqual([]);
  });

  test("an index of somebody else's, and one of another topic", async () => {
    const foreign = uniqueName("doctor");
    await request(`/${foreign}`, { method: "PUT" });
    expect((await doctor("--topic", topic, "--index", foreign)).failing).toEqual([
      "opensearch alias",
    ]);
    const [other, index] = [uniqueName("doctor"), uniqueName("doctor")];
    await seedTopic(other, [{ key: "a", value: null }]);
    await sync(index, other);
    const report = await doctor("--topic", topic, "--index", index);
    expect(report.failing).toEqual(["sync index"]);
    expect(report.find("sync", "index").remedy).toContain("--from-beginning");
  });

  test("a mapping that somebody has loosened fails", async () => {
    const index = uniqueName("doctor");
    await sync(index);
    const body = { dynamic: true };
    await request(`/${await behind(index)}/_mapping`, { method: "PUT", body });
    const report = await doctor("--topic", topic, "--index", index);
    expect(report.failing).toEqual(["opensearch mapping"]);
  });

  test("a checkpoint of a topic that was made anew says that the next sync is refused", async () => {
    const [again, index] = [uniqueName("doctor"), uniqueName("doctor")];
    await seedTopic(again, [{ key: "a", value: null }]);
    await sync(index, again);
    const admin = (await kafkaClient()).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [again] });
    await eventually(async () => !(await admin.listTopics()).includes(again));
    await createTopic(admin, { topic: again, numPartitions: 3 });
    await admin.disconnect();
    const report = await doctor("--topic", again, "--index", index);
    expect(report.failing).toEqual(["sync checkpoint", "sync index"]);
    expect(report.find("sync", "checkpoint").remedy).toContain("--from-beginning");
  });

  test("retention, a lost beginning and a clock that is ahead are worth a look", async () => {
    const aging = uniqueName("doctor");
    const inAnHour = String(Date.now() + 3_600_000);
    const records = Array.from({ length: 9 }, (_, at) => ({ key: `k${at}`, value: null }));
    await seedTopic(
      aging,
      records.map((one) => Object.assign(one, { timestamp: inAnHour })),
      1,
    );
    const admin = (await kafkaClient()).admin();
    await admin.connect();
    // kafkajs has to have heard of the topic before.
    await admin.fetchTopicOffsets(aging);
    await admin.deleteTopicRecords({ topic: aging, partitions: [{ partition: 0, offset: "4" }] });
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: aging,
          configEntries: [{ name: "retention.ms", value: "604800000" }],
        },
      ],
    });
    await admin.disconnect();
    const report = await doctor("--topic", aging, "--index", uniqueName("doctor"));
    expect(report.failing).toEqual([]);
    expect(report.find("kafka", "retention")).toMatchObject({ level: "warn" });
    expect(report.find("kafka", "beginning").detail).toContain("lost 4 offsets");
    expect(report.find("kafka", "clock")).toMatchObject({ level: "warn" });
    expect(report.find("kafka", "clock").detail).toContain("ahead of this machine");
  });

  describe("of a group", () => {
    const flags = (name: string) => ["--topic", name, "--index", name, "--group", name];

    /** A topic that a group has read to its end, into an index of the same name. */
    async function shared(): Promise<string> {
      const name = uniqueName("doctor");
      const records = Array.from({ length: 9 }, (_, at) => ({ key: `k${at}`, value: null }));
      await seedTopic(name, records, 1);
      const synced = await run("sync", ...flags(name), "--until-end");
      expect(synced).toMatchObject({ exitCode: 0 });
      return name;
    }

    async function withAdmin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
      const admin = (await kafkaClient()).admin();
      await admin.connect();
      try {
        return await use(admin);
      } finally {
        await admin.disconnect();
      }
    }

    test("finds nothing where it goes on, and says that there is nobody and nothing yet", async () => {
      const name = await shared();
      const report = await doctor(...flags(name));
      expect(report.failing).toEqual([]);
      expect(report.find("kafka", "group members").detail).toContain("nobody is in the group");
      expect(report.find("sync", "group offsets").detail).toBe("0 offsets to go");
      const fresh = await doctor("--topic", name, "--index", name, "--group", uniqueName("doctor"));
      expect(fresh.failing).toEqual([]);
      expect(fresh.find("sync", "group offsets").detail).toContain("none");
    });

    test("offsets that retention has passed fail, and those behind the end", async () => {
      const name = await shared();
      const commit = async (offset: string) =>
        await withAdmin((admin) =>
          admin.setOffsets({ groupId: name, topic: name, partitions: [{ partition: 0, offset }] }),
        );
      await commit("99");
      const beyond = await doctor(...flags(name));
      expect(beyond.failing).toEqual(["sync group offsets"]);
      expect(beyond.find("sync", "group offsets").detail).toContain("ends at 9");
      await commit("2");
      await withAdmin(async (admin) => {
        // kafkajs has to have heard of the topic before.
        await admin.fetchTopicOffsets(name);
        await admin.deleteTopicRecords({
          topic: name,
          partitions: [{ partition: 0, offset: "5" }],
        });
      });
      const lost = await doctor(...flags(name));
      expect(lost.failing).toEqual(["sync group offsets"]);
      expect(lost.find("sync", "group offsets").detail).toContain("deleted 3 offsets");
      expect(lost.find("sync", "group offsets").remedy).toContain("--accept-loss");
    });

    test("offsets of an index that is gone, of one that was built anew, and of another", async () => {
      const name = await shared();
      await request(`/${await behind(name)}`, { method: "DELETE" });
      const gone = await doctor(...flags(name));
      expect(gone.failing).toEqual(["sync group offsets"]);
      expect(gone.find("sync", "group offsets").remedy).toContain("--from-beginning");
      const rebuilt = await run(
        "sync",
        "--topic",
        name,
        "--index",
        name,
        "--from-beginning",
        "--until-end",
      );
      expect(rebuilt).toMatchObject({ exitCode: 0 });
      const anew = await doctor(...flags(name));
      expect(anew.failing).toEqual([]);
      expect(anew.find("sync", "group offsets").detail).toContain("built anew since");
      const index = uniqueName("doctor");
      await sync(index, name);
      const foreign = await doctor("--topic", name, "--index", index, "--group", name);
      expect(foreign.failing).toEqual(["sync group offsets"]);
      expect(foreign.find("sync", "group offsets").remedy).toContain("another --group");
    });

    test("members that are not konn fail, and offsets of other topics are worth a look", async () => {
      const name = await shared();
      const consumer = (await kafkaClient()).consumer({ groupId: name, retry: { retries: 0 } });
      const other = uniqueName("doctor");
      await seedTopic(other, [{ key: "a", value: null }], 1);
      await withAdmin((admin) =>
        admin.setOffsets({
          groupId: name,
          topic: other,
          partitions: [{ partition: 0, offset: "1" }],
        }),
      );
      await consumer.connect();
      await consumer.subscribe({ topic: name });
      const joined = Promise.withResolvers<void>();
      consumer.on(consumer.events.GROUP_JOIN, () => joined.resolve());
      await consumer.run({ eachMessage: () => Promise.resolve() });
      await joined.promise;
      const report = await doctor(...flags(name));
      await consumer.disconnect();
      expect(report.failing).toEqual(["kafka group members"]);
      expect(report.find("kafka", "group members").remedy).toContain("another --group");
      const topics = report.find("kafka", "group topics");
      expect(topics).toMatchObject({ level: "warn", detail: expect.stringContaining(other) });
    });
  });
});
