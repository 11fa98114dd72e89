import { describe, expect, test } from "bun:test";
import { appendFileSync, chmodSync, copyFileSync, writeFileSync } from "node:fs";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { eventLine } from "../serve/sample_index.ts";
import { konn, resultOf, SAMPLE, spawnKonn } from "./konn.ts";
import { serving } from "./serving.ts";

/** How long the sample may take from the command to the first answer. */
const SAMPLE_MAX_MS = 2_000;
/** How long a change may take from the file to the search. */
const VISIBLE_MAX_MS = 2_000;
const KEY = "c/cp/o/service/5e5e5e5e-0000-4000-8000-00000000000";

async function search(url: string, query: string): Promise<any> {
  const parameters = new URLSearchParams({ q: query });
  return await (await fetch(`${url}v1/search?${parameters.toString()}`)).json();
}

async function namesOf(url: string, query: string): Promise<string[]> {
  return (await search(url, query)).data.map(({ name }: { name: string }) => name);
}

function tryPort(): string {
  return String(20_000 + Math.floor(Math.random() * 20_000));
}

describe("konn try", () => {
  test("has the sample searchable in less than two seconds, and ends with 0", async () => {
    using folder = new TemporaryFolder();
    const startedMs = performance.now();
    await using server = await serving(
      ["try", SAMPLE, "--no-open", "--port", tryPort()],
      folder.path,
    );
    const { data, total } = await search(server.url, "gatway");
    const tookMs = performance.now() - startedMs;
    expect(data[0].name).toContain("gateway");
    expect(total.count).toBeGreaterThan(0);
    console.log(`konn try, sample: ${tookMs.toFixed(0)} ms to the first answer`);
    expect(tookMs).toBeLessThan(SAMPLE_MAX_MS);
    const page = await fetch(server.url);
    expect(await page.text()).toContain('role="combobox"');
    expect((await fetch(`${server.url}page.js`)).status).toBe(200);
    const { exitCode, stderr } = await server.stop();
    expect(exitCode).toBe(0);
    expect(stderr).toContain(`konn replay ${SAMPLE}`);
    expect(stderr).toContain("konn sync");
  });

  test("says what it has read as one line of JSON", async () => {
    using folder = new TemporaryFolder();
    await using server = await serving(
      ["try", SAMPLE, "--no-open", "--json", "--port", tryPort()],
      folder.path,
    );
    const { stdout } = await server.stop();
    expect(JSON.parse(stdout)).toMatchObject({ events: 726, dead_letters: 0 });
  });

  test("takes the next port when one is taken, and shares its index with konn search", async () => {
    using folder = new TemporaryFolder();
    const port = tryPort();
    await using first = await serving(["try", SAMPLE, "--no-open", "--port", port], folder.path);
    using other = new TemporaryFolder();
    await using second = await serving(["try", SAMPLE, "--no-open", "--port", port], other.path);
    expect([first.url, second.url]).toEqual([
      `http://127.0.0.1:${port}/`,
      `http://127.0.0.1:${Number(port) + 1}/`,
    ]);
    const { exitCode, stdout } = await konn(["search", "gatway", "--json"], { cwd: folder.path });
    expect([exitCode, JSON.parse(stdout).total > 0]).toEqual([0, true]);
  });

  test("opens again at once, goes on with a file that grew, and starts over with another", async () => {
    using folder = new TemporaryFolder();
    const file = folder.file("events.jsonl");
    const args = ["try", "events.jsonl", "--no-open", "--port", tryPort()];
    writeFileSync(file, eventLine(`${KEY}1`, { name: "alpha" }));
    expect((await (await serving(args, folder.path)).stop()).exitCode).toBe(0);
    appendFileSync(file, eventLine(`${KEY}2`, { name: "beta" }));
    {
      await using server = await serving(args, folder.path);
      expect(server.text).toContain("Indexed 1 event ");
      expect(await namesOf(server.url, "")).toEqual(["beta", "alpha"]);
      await server.stop();
    }
    writeFileSync(file, eventLine(`${KEY}3`, { name: "gamma" }));
    await using server = await serving(args, folder.path);
    expect(await namesOf(server.url, "")).toEqual(["gamma"]);
  });

  test("with --follow a change in the file is found within two seconds", async () => {
    using folder = new TemporaryFolder();
    const file = folder.file("events.jsonl");
    copyFileSync(SAMPLE, file);
    await using server = await serving(
      ["try", file, "--follow", "--no-open", "--port", tryPort()],
      folder.path,
    );
    const tookMs: number[] = [];
    for (let number = 0; number < 30; number += 1) {
      const name = `fresh${number}x${crypto.randomUUID().slice(0, 8)}`;
      const startedMs = performance.now();
      appendFileSync(file, eventLine(`${KEY}${number}`, { name }));
      while (!(await namesOf(server.url, `name:${name}`)).includes(name)) {
        expect(performance.now() - startedMs).toBeLessThan(VISIBLE_MAX_MS);
        await Bun.sleep(5);
      }
      tookMs.push(performance.now() - startedMs);
    }
    const sorted = tookMs.toSorted((a, b) => a - b);
    console.log(
      `konn try --follow, written to visible: p50 ${sorted[15]?.toFixed(0)} ms, p99 ${sorted.at(-1)?.toFixed(0)} ms`,
    );
    expect((await server.stop()).exitCode).toBe(0);
  });

  test("reads what comes through a pipe", async () => {
    using folder = new TemporaryFolder();
    const child = spawnKonn(["try", "-", "--no-open", "--port", tryPort()], { cwd: folder.path });
    await child.stdin.write(eventLine(`${KEY}1`, { name: "piped" }));
    await child.stdin.end();
    await Bun.sleep(1_500);
    child.kill("SIGINT");
    const { exitCode, stderr } = await resultOf(child);
    expect(exitCode).toBe(0);
    expect(stderr).toContain("Indexed 1 event ");
  });

  test("a file that is not there is exit code 3", async () => {
    using folder = new TemporaryFolder();
    const { exitCode, stderr } = await konn(["try", "none.jsonl", "--no-open"], {
      cwd: folder.path,
    });
    expect([exitCode, stderr.includes("FILE_NOT_FOUND")]).toEqual([3, true]);
  });
});

describe("konn serve", () => {
  test("serves an index, waits for one that is not there yet, and ends with 0", async () => {
    using folder = new TemporaryFolder();
    const args = ["serve", "--index", "sqlite:own.sqlite", "--listen", "127.0.0.1:0"];
    await using server = await serving(args, folder.path);
    expect(server.text).toContain("there is no index");
    expect(await search(server.url, "")).toMatchObject({
      status: 503,
      detail: "There is no index yet.",
    });
    const piped = await konn(["pipe", "--from", SAMPLE, "--to", "sqlite:own.sqlite"], {
      cwd: folder.path,
    });
    expect(piped.exitCode).toBe(0);
    expect((await search(server.url, "type:service")).total.count).toBeGreaterThan(10);
    expect((await server.stop()).exitCode).toBe(0);
  });

  test("without --index it serves what konn try left, and says so", async () => {
    using folder = new TemporaryFolder();
    await (await serving(["try", SAMPLE, "--no-open", "--port", tryPort()], folder.path)).stop();
    await using server = await serving(["serve", "--listen", "127.0.0.1:0"], folder.path);
    expect(server.text).toContain("Searching sqlite:.konn/try/index.sqlite");
    expect((await search(server.url, "")).total.count).toBeGreaterThan(10);
  });

  test("without any index it is exit code 3, with the command that makes one", async () => {
    using folder = new TemporaryFolder();
    const { exitCode, stderr } = await konn(["serve", "--listen", "127.0.0.1:0"], {
      cwd: folder.path,
      environment: { KONN_OPENSEARCH_URL: "http://127.0.0.1:1" },
    });
    expect([exitCode, stderr.includes("konn try stream.jsonl")]).toEqual([3, true]);
  });

  test("answers its own hosts alone, within the fence, to who has a token", async () => {
    using folder = new TemporaryFolder();
    const one = eventLine("c/cp1/o/service/s1", { name: "mine" });
    const other = eventLine("c/cp2/o/service/s2", { name: "theirs" });
    writeFileSync(folder.file("events.jsonl"), one + other);
    await konn(["pipe", "--from", "events.jsonl", "--to", "sqlite:own.sqlite"], {
      cwd: folder.path,
    });
    const token = "a-token-for-this-test";
    writeFileSync(folder.file("tokens"), `# ours\n${token}\n`, { mode: 0o600 });
    const args = [
      "serve",
      "--index",
      "sqlite:own.sqlite",
      "--listen",
      "127.0.0.1:0",
      "--control-plane",
      "cp1",
      "--token-file",
      "tokens",
      "--allow-host",
      "search.example",
    ];
    await using server = await serving(args, folder.path);
    const ask = async (headers: Record<string, string>, path = "v1/search?q=") => {
      return await fetch(`${server.url}${path}`, { headers });
    };
    const Authorization = `Bearer ${token}`;
    expect((await ask({})).status).toBe(401);
    expect((await ask({ Authorization, Host: "evil.example" })).status).toBe(421);
    expect((await ask({ Authorization, Host: "search.example" })).status).toBe(200);
    const { data, facets } = (await (await ask({ Authorization })).json()) as any;
    expect(data.map(({ name }: any) => name)).toEqual(["mine"]);
    expect(facets.control_planes).toEqual([{ value: "cp1", count: 1 }]);
    expect((await ask({ Authorization }, "v1/entities?key=c/cp2/o/service/s2")).status).toBe(404);
  });

  test.each([
    [0o644, "a-token-for-this-test\n", 3],
    [0o600, "short\n", 2],
    [0o600, "# nobody\n", 2],
  ])("refuses tokens in a file of mode %o that holds %j", async (mode, text, wanted) => {
    using folder = new TemporaryFolder();
    writeFileSync(folder.file("tokens"), text);
    chmodSync(folder.file("tokens"), mode);
    const args = ["serve", "--token-file", "tokens", "--index", "sqlite:x"];
    const { exitCode, stderr } = await konn(args, { cwd: folder.path });
    expect(exitCode).toBe(wanted);
    expect(stderr).not.toContain("short");
    expect(stderr).not.toContain("a-token");
  });

  test("an address that is taken is exit code 3", async () => {
    using folder = new TemporaryFolder();
    using taken = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("") });
    const args = ["serve", "--index", "sqlite:x", "--listen", `127.0.0.1:${taken.port}`];
    const { exitCode, stderr } = await konn(args, { cwd: folder.path });
    expect([exitCode, stderr.includes("LISTEN_FAILED")]).toEqual([3, true]);
  });

  test.each(["127.0.0.1:70000", "127.0.0.1:", "http://127.0.0.1:7700"])(
    "--listen %s is exit code 2",
    async (listen) => {
      using folder = new TemporaryFolder();
      const { exitCode } = await konn(["serve", "--listen", listen], { cwd: folder.path });
      expect(exitCode).toBe(2);
    },
  );
});
