import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, cpSync, writeFileSync } from "node:fs";
import { resultOf, SAMPLE, serviceEnvironment, uniqueName } from "../e2e/konn.ts";
import { eventually } from "../e2e/waiting.ts";
import { freePort } from "../services/ports.ts";
import { CAN_RUN_CONTAINERS, Container, firstProcess, processStatus } from "./container.ts";

describe.skipIf(!CAN_RUN_CONTAINERS)("the container", () => {
  const name = uniqueName("container");
  let container: Container;
  let environment: Record<string, string>;
  let files: readonly string[];
  beforeAll(async () => {
    container = new Container();
    files = container.files();
    cpSync(SAMPLE, container.data.file("stream.jsonl"));
    const own = { KONN_TOPIC: name, KONN_INDEX: name, KONN_LISTEN: `0.0.0.0:${await freePort()}` };
    environment = { ...(await serviceEnvironment()), ...own };
  });
  afterAll(() => container[Symbol.dispose]());

  const run = async (...args: string[]) => await resultOf(container.run(args, { environment }));
  const health = async () =>
    await resultOf(container.run([], { environment, entrypoint: container.config.healthcheck }));

  test("without arguments it prints the help", async () => {
    const child = container.run(container.config.command);
    const { exitCode, stdout } = await resultOf(child);
    expect([exitCode, stdout.slice(0, 5)]).toEqual([0, "konn:"]);
  });

  test("replays a mounted file, syncs and verifies, and writes nowhere but to its volume", async () => {
    const replayed = await run("replay", "stream.jsonl", "--json");
    expect(replayed).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(replayed.stdout)).toMatchObject({ events: 726, written: 726 });
    const synced = await run("sync", "--until-end", "--json");
    expect(JSON.parse(synced.stdout)).toMatchObject({ events: 726, dead_letters: 0 });
    expect(await run("verify")).toMatchObject({ exitCode: 0 });
    // Where it goes on is in the volume: another container with it has nothing left to do.
    const again = await run("sync", "--until-end", "--json");
    expect(JSON.parse(again.stdout)).toMatchObject({ events: 0 });
    expect(container.files()).toEqual(files);
  });

  test("konn is the first process, is nobody, and may not become anybody", async () => {
    const child = container.run(["sync"], { environment });
    try {
      await eventually(async () => (await health()).exitCode === 0);
      const status = processStatus(firstProcess(child));
      expect(status.get("NSpid")?.at(-1)).toBe("1");
      expect(status.get("Uid")).toEqual(["65532", "65532", "65532", "65532"]);
      expect(status.get("Gid")).toEqual(["65532", "65532", "65532", "65532"]);
      expect([status.get("Groups"), status.get("CapEff"), status.get("NoNewPrivs")]).toEqual([
        [""],
        ["0000000000000000"],
        ["1"],
      ]);
    } finally {
      process.kill(firstProcess(child), "SIGKILL");
      await child.exited;
    }
  });

  test.each(["SIGTERM", "SIGINT"] as const)(
    "%s reaches it: sync saves what it has, and ends with 0",
    async (signal) => {
      const child = container.run(["sync"], { environment });
      await eventually(async () => (await health()).exitCode === 0);
      process.kill(firstProcess(child), signal);
      const { exitCode, stderr } = await resultOf(child);
      expect([exitCode, stderr]).toEqual([
        0,
        expect.stringContaining("delivering what is in hand"),
      ]);
    },
  );

  test("serve is well when its index can be searched, and is asked by the health check", async () => {
    expect(await health()).toMatchObject({ exitCode: 3 });
    const child = container.run(["serve"], { environment });
    await eventually(async () => (await health()).exitCode === 0);
    const port = environment["KONN_LISTEN"]?.split(":")[1];
    const page = await fetch(`http://127.0.0.1:${port}/`);
    expect([page.status, (await page.text()).slice(0, 15).toLowerCase()]).toEqual([
      200,
      "<!doctype html>",
    ]);
    process.kill(firstProcess(child), "SIGTERM");
    expect(await child.exited).toBe(0);
  });

  test("a secret that Kubernetes mounts can be read: root's, and for the group", async () => {
    const token = "a-token-of-thirty-two-characters";
    const tokens = container.data.file("tokens");
    writeFileSync(tokens, token);
    chownSync(tokens, 0, container.config.gid);
    chmodSync(tokens, 0o440);
    const child = container.run(["serve", "--token-file", "tokens"], { environment });
    await eventually(async () => (await health()).exitCode === 0);
    const url = `http://127.0.0.1:${environment["KONN_LISTEN"]?.split(":")[1]}/v1/search?q=gateway`;
    expect((await fetch(url)).status).toBe(401);
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(url, { headers })).status).toBe(200);
    process.kill(firstProcess(child), "SIGTERM");
    expect(await child.exited).toBe(0);
    // What everybody may read is no secret.
    chmodSync(tokens, 0o444);
    const refused = await run("serve", "--token-file", "tokens");
    expect([refused.exitCode, refused.stderr]).toEqual([
      3,
      expect.stringContaining("SECRET_FILE_EXPOSED"),
    ]);
  });

  test("serve is not well without its index", async () => {
    const elsewhere = { ...environment, KONN_INDEX: uniqueName("nothing") };
    const child = container.run(["serve"], { environment: elsewhere });
    await eventually(async () => (await health()).exitCode !== 3);
    const { exitCode, stdout } = await health();
    expect([exitCode, stdout]).toEqual([1, expect.stringContaining("status 503")]);
    process.kill(firstProcess(child), "SIGTERM");
    expect(await child.exited).toBe(0);
  });
});
