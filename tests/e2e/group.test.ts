import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { startFront } from "../services/http_front.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { allDocumentsOf, documentsOf, request } from "./index_reader.ts";
import { konn, resultOf, SAMPLE, serviceEnvironment, spawnKonn, uniqueName } from "./konn.ts";
import { kafkaClient, lengthOfTopic, seedTopic } from "./topic_reader.ts";
import { eventually, untilSaid } from "./waiting.ts";

/** What docs/sharing.md says. */
const SESSION_TIMEOUT_MS = 6_000;

describe("konn sync --group", () => {
  const folder = new TemporaryFolder();
  afterAll(() => folder[Symbol.dispose]());
  let environment: Record<string, string>;
  beforeAll(async () => {
    environment = await serviceEnvironment();
  });

  const run = (...args: string[]) => konn(args, { cwd: folder.path, environment });
  const syncArgs = (name: string) => ["sync", "--topic", name, "--index", name, "--group", name];

  function spawnMember(name: string, cwd = folder.path, changes: Record<string, string> = {}) {
    return spawnKonn([...syncArgs(name), "--log-format", "json"], {
      cwd,
      environment: { ...environment, ...changes },
    });
  }

  async function replayed(): Promise<string> {
    const name = uniqueName("group");
    await run("replay", SAMPLE, "--topic", name, "--partitions", "4");
    return name;
  }

  async function isEqual(name: string): Promise<void> {
    const { exitCode, stdout } = await run("verify", "--topic", name, "--index", name, "--json");
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([
      0,
      { missing: 0, stale: 0, extra: 0, documents: 82 },
    ]);
  }

  /** How many offsets the group has committed. kafkajs does not wait for a new coordinator. */
  async function committedCount(name: string): Promise<number> {
    const admin = (await kafkaClient()).admin();
    await admin.connect();
    const asked = admin.fetchOffsets({ groupId: name, topics: [name] });
    const [answer] = await asked.catch(() => []);
    await admin.disconnect();
    const offsets = answer?.partitions.map(({ offset }) => Math.max(0, Number(offset))) ?? [];
    return offsets.reduce((sum, offset) => sum + offset, 0);
  }

  test("several that start together make one index, share the work and leave cleanly", async () => {
    const name = await replayed();
    const members = Array.from({ length: 3 }, () => spawnMember(name));
    const said = await Promise.all(members.map((member) => untilSaid(member, "for the group")));
    const endOf = await lengthOfTopic(name);
    await eventually(async () => (await committedCount(name)) === endOf);
    for (const member of members) member.kill("SIGINT");
    expect(await Promise.all(members.map(({ exited }) => exited))).toEqual([0, 0, 0]);
    await Promise.all(said.map(({ stderr }) => stderr));
    const { body } = await request(`/${name}*`);
    expect(Object.keys(body)).toHaveLength(1);
    await isEqual(name);
    // They have left: whoever comes now has all partitions at once, and finds nothing to do.
    const startedMs = performance.now();
    const last = await run(...syncArgs(name), "--until-end", "--json");
    expect(performance.now() - startedMs).toBeLessThan(SESSION_TIMEOUT_MS);
    expect(JSON.parse(last.stdout)).toMatchObject({ events: 0 });
    // One folder, and files of its own for each of the three.
    const files = readdirSync(folder.file(".konn")).filter((file) =>
      file.startsWith(`${name}_group_`),
    );
    expect(files.filter((file) => file.endsWith(".lock"))).toHaveLength(3);
  });

  test("bounded members end when all is there, whoever has read it", async () => {
    const name = await replayed();
    const results = await Promise.all(
      [1, 2, 3].map(() => run(...syncArgs(name), "--until-end", "--json")),
    );
    expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    const counts = results.map(({ stdout }) => Number(JSON.parse(stdout).events));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(726);
    await isEqual(name);
  });

  test("one that was stopped while the others took over brings nothing older back", async () => {
    const name = uniqueName("group");
    const key = "c/cp/o/service/one";
    const event = (text: string) => ({
      key,
      value: JSON.stringify({ op: "u", after: { key, value: { object: { name: text } } } }),
      partition: 0,
    });
    await seedTopic(name, [event("first")], 1);
    // Its bulk is on the way when it is stopped, and arrives when it has woken up.
    const { promise: bulkHeld, resolve: holdsBulk } = Promise.withResolvers<void>();
    const { promise: mayPass, resolve: letPass } = Promise.withResolvers<void>();
    await using front = startFront({
      url: environment["KONN_OPENSEARCH_URL"] ?? "",
      onRequest: async ({ path, body }) => {
        if (!path.includes("_bulk") || !body.includes("second")) return;
        holdsBulk();
        await mayPass;
      },
    });
    const sleeper = spawnMember(name, folder.path, { KONN_OPENSEARCH_URL: front.url });
    const slept = resultOf(sleeper);
    const named = async (text: string) =>
      (await documentsOf(name).catch(() => undefined))?.get(key)?.source["name"] === text;
    await eventually(() => named("first"));
    await send(name, [event("second")]);
    await bulkHeld;
    sleeper.kill("SIGSTOP");
    const stoppedMs = performance.now();
    const other = spawnMember(name);
    const { stderr } = await untilSaid(other, "Reading 1 partition for");
    await send(name, [event("third")]);
    await eventually(() => named("third"));
    // Served again by the session timeout, the sharing out included.
    expect(performance.now() - stoppedMs).toBeLessThan(2 * SESSION_TIMEOUT_MS);
    letPass();
    sleeper.kill("SIGCONT");
    await Bun.sleep(2_000);
    expect(await named("third")).toBe(true);
    for (const member of [sleeper, other]) member.kill("SIGINT");
    expect((await slept).exitCode).toBe(0);
    expect((await slept).stderr).toContain("Lost the place in the group");
    expect(await other.exited).toBe(0);
    await stderr;
    const { exitCode } = await run("verify", "--topic", name, "--index", name);
    expect(exitCode).toBe(0);
    expect(await committedCount(name)).toBe(3);
  });

  async function send(
    topic: string,
    records: readonly { key: string; value: string; partition: number }[],
  ): Promise<void> {
    const producer = (await kafkaClient()).producer();
    await producer.connect();
    await producer.send({ topic, messages: [...records] });
    await producer.disconnect();
  }

  test("after an index was rebuilt alone, the group begins at the beginning again", async () => {
    const name = await replayed();
    await run(...syncArgs(name), "--until-end");
    const rebuilt = ["--topic", name, "--index", name, "--from-beginning", "--until-end"];
    expect((await run("sync", ...rebuilt)).exitCode).toBe(0);
    const shared = await run(...syncArgs(name), "--until-end", "--json");
    expect([shared.exitCode, JSON.parse(shared.stdout)]).toMatchObject([0, { events: 726 }]);
    expect(
      JSON.parse((await run(...syncArgs(name), "--until-end", "--json")).stdout),
    ).toMatchObject({ events: 0 });
    await isEqual(name);
  });

  test("makes no empty index in the place of one that is gone", async () => {
    const name = await replayed();
    await run(...syncArgs(name), "--until-end");
    const [index = ""] = Object.keys((await request(`/${name}`)).body);
    await request(`/${index}`, { method: "DELETE" });
    const { exitCode, stderr } = await run(...syncArgs(name), "--until-end");
    expect([exitCode, stderr]).toEqual([3, expect.stringContaining("INDEX_GONE")]);
  });

  test("refuses a group that keeps another index, and other types to skip", async () => {
    const name = await replayed();
    await run(...syncArgs(name), "--until-end");
    const other = ["sync", "--topic", name, "--index", `other-${name}`, "--group", name];
    const another = await run(...other, "--until-end");
    expect([another.exitCode, another.stderr]).toEqual([
      3,
      expect.stringContaining("POSITIONS_OF_ANOTHER_INDEX"),
    ]);
    const skipping = await run(...syncArgs(name), "--until-end", "--skip-types", "node");
    expect([skipping.exitCode, skipping.stderr]).toEqual([
      3,
      expect.stringContaining("SINK_CHANGED"),
    ]);
  });

  test.each(["--from-beginning", "--dry-run", "--on-truncate=rebuild"])(
    "refuses %s beside it",
    async (flag) => {
      const { exitCode, stderr } = await run(...syncArgs("any"), flag);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining(`--group together with`)]);
    },
  );

  test("status shows how far the group is, whoever has read it", async () => {
    const name = await replayed();
    const status = async (cwd: string, ...flags: string[]) => {
      const args = ["status", "--topic", name, "--json", ...flags];
      const { exitCode, stdout } = await konn(args, { cwd, environment });
      expect(exitCode).toBe(0);
      const { runs } = JSON.parse(stdout);
      return runs.filter(({ source }: { source: string }) => source.includes("group="));
    };
    using elsewhere = new TemporaryFolder();
    const lag = await lengthOfTopic(name);
    expect(await status(elsewhere.path, "--group", name)).toMatchObject([{ lag }]);
    await run(...syncArgs(name), "--limit", "100");
    const [part] = await status(folder.path);
    expect(part.lag).toBeWithin(600, 727);
    await konn([...syncArgs(name), "--until-end"], { cwd: elsewhere.path, environment });
    expect(await status(folder.path)).toMatchObject([{ lag: 0, lag_seconds: 0 }]);
    expect(await status(elsewhere.path, "--group", name)).toMatchObject([{ lag: 0 }]);
    expect((await allDocumentsOf(name)).size).toBe(82);
  });
});
