import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync } from "node:fs";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { KONN, SAMPLE } from "../e2e/konn.ts";

const ADDRESS = /http:\/\/[\w.:-]+\//;
/** What doctor may take, whatever does not answer. */
const DOCTOR_MAX_MS = 11_000;

/** An empty folder with the binary and a file, and nothing on the PATH. */
describe("the binary alone in an empty folder", () => {
  const folder = new TemporaryFolder();
  beforeAll(() => {
    copyFileSync(KONN, folder.file("konn"));
    chmodSync(folder.file("konn"), 0o755);
    copyFileSync(SAMPLE, folder.file("stream.jsonl"));
  });
  afterAll(() => folder[Symbol.dispose]());

  function start(...args: string[]) {
    return Bun.spawn({
      cmd: [folder.file("konn"), ...args],
      cwd: folder.path,
      env: { PATH: folder.path, HOME: folder.path },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  test("konn try makes a search bar of the sample, and says how to go on", async () => {
    const port = String(20_000 + Math.floor(Math.random() * 20_000));
    const konn = start("try", "stream.jsonl", "--no-open", "--port", port);
    let text = "";
    let url: string | undefined;
    const decoder = new TextDecoder();
    for await (const bytes of konn.stderr) {
      text += decoder.decode(bytes, { stream: true });
      if (url !== undefined) continue;
      url = ADDRESS.exec(text)?.[0];
      if (url === undefined) continue;
      const page = await (await fetch(url)).text();
      expect(page).toContain("<title>");
      const answer: any = await (await fetch(`${url}v1/search?q=gatway`)).json();
      expect(answer.data[0].name).toContain("gateway");
      konn.kill("SIGINT");
    }
    expect(await konn.exited).toBe(0);
    expect(text).toContain("Indexed 726 events from stream.jsonl");
    expect(text).toContain("konn replay stream.jsonl");
    // Nothing is in hand that the interrupt would have to wait for.
    expect(text).not.toContain("Stopping");
  });

  test("konn search finds what konn try has left", async () => {
    const konn = start("search", "gatway", "--json", "--opensearch-url", "http://127.0.0.1:1");
    const { hits } = JSON.parse(await konn.stdout.text());
    expect(await konn.exited).toBe(0);
    expect(hits[0].name).toContain("gateway");
  });

  test("konn replay without a Kafka says so in two lines, and nothing twice", async () => {
    const nowhere = ["--brokers", "127.0.0.1:1", "--log-format", "pretty"];
    const konn = start("replay", "stream.jsonl", ...nowhere);
    const lines = (await konn.stderr.text()).trimEnd().split("\n");
    expect(await konn.exited).toBe(3);
    expect(lines).toEqual([
      expect.stringMatching(/^✖ Cannot reach Kafka at 127\.0\.0\.1:1: .* \[KAFKA_UNREACHABLE\]$/),
      expect.stringMatching(/^ {2}→ Is Kafka running there\? .*--wait 60s\.$/),
    ]);
  });

  test("konn doctor with nothing running says so, with a remedy for each fault", async () => {
    const startedMs = performance.now();
    const nowhere = ["--brokers", "127.0.0.1:1", "--opensearch-url", "http://127.0.0.1:1"];
    const konn = start("doctor", "stream.jsonl", ...nowhere);
    const text = await konn.stdout.text();
    expect(await konn.exited).toBe(3);
    expect(performance.now() - startedMs).toBeLessThan(DOCTOR_MAX_MS);
    expect(text).toMatch(/ok +lines +all of its first 726 lines are events or records/);
    for (const area of ["kafka", "opensearch"]) {
      const [, block = ""] = text.split(`\n${area}\n`);
      const [first = "", ...others] = block.split("\n\n")[0]?.split("\n") ?? [];
      expect(first).toMatch(/^ {2}fail {2}usable/);
      expect(others.some((line) => line.trimStart().startsWith("→ "))).toBe(true);
    }
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });
});
