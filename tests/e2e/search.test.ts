import { describe, expect, test } from "bun:test";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { konn, resultOf, SAMPLE, serviceEnvironment, spawnKonn } from "./konn.ts";

describe("konn search", () => {
  test("finds what konn pipe has put into an index file, as JSON where nobody looks on", async () => {
    using folder = new TemporaryFolder();
    const cwd = folder.path;
    const index = "sqlite:index.sqlite";
    const piped = await konn(["pipe", "--from", SAMPLE, "--to", index, "--json"], { cwd });
    expect(piped.exitCode).toBe(0);
    expect(JSON.parse(piped.stdout)).toMatchObject({ events: 726, dead_letters: 0 });
    const args = ["search", "genral", "aws", "--type", "vault", "--index", index, "--explain"];
    const found = await konn(args, { cwd });
    expect(found.exitCode).toBe(0);
    const { hits, total, facets, index: searched } = JSON.parse(found.stdout);
    expect(searched).toBe(index);
    expect(total).toBe(hits.length);
    expect(hits[0]).toMatchObject({ type: "vault", name: "aws" });
    expect(hits[0].match).toStartWith("aws-general-prefix");
    expect(hits[0].explanation.length).toBeGreaterThan(1);
    expect(facets.types[0]).toMatchObject({ value: "vault" });
    // A second run of the pipe has nothing to do, and changes nothing.
    const again = await konn(["pipe", "--from", SAMPLE, "--to", index, "--json"], { cwd });
    expect(JSON.parse(again.stdout)).toMatchObject({ events: 0, written: 0 });
  });

  test("after a kill in the middle the index ends as if nothing had happened", async () => {
    using folder = new TemporaryFolder();
    const cwd = folder.path;
    const pipe = (to: string) => ["pipe", "--from", SAMPLE, "--to", to, "--json"];
    expect((await konn(pipe("sqlite:whole.sqlite"), { cwd })).exitCode).toBe(0);
    const slow = spawnKonn([...pipe("sqlite:killed.sqlite"), "--rate", "600/s"], { cwd });
    await Bun.sleep(800);
    slow.kill("SIGKILL");
    await resultOf(slow);
    expect((await konn(pipe("sqlite:killed.sqlite"), { cwd })).exitCode).toBe(0);
    const contents = async (index: string) => {
      const args = ["search", "*", "--limit", "50", "--index", index];
      const { total, facets, hits } = JSON.parse((await konn(args, { cwd })).stdout);
      return { total, facets, keys: hits.map(({ key }: { key: string }) => key) };
    };
    expect(await contents("sqlite:killed.sqlite")).toEqual(await contents("sqlite:whole.sqlite"));
  });

  test("says where a query is wrong, and that there is no index", async () => {
    using folder = new TemporaryFolder();
    const cwd = folder.path;
    const wrong = await konn(["search", "type:service", "AND"], { cwd });
    expect(wrong.exitCode).toBe(2);
    expect(wrong.stderr).toContain("a word or a selector behind AND");
    const environment = { KONN_OPENSEARCH_URL: "http://127.0.0.1:1" };
    const missing = await konn(["search", "orders"], { cwd, environment });
    expect(missing.exitCode).toBe(3);
    expect(missing.stderr).toContain("INDEX_NOT_FOUND");
  });

  test("takes the folder's own index where there is no other, and says so", async () => {
    using folder = new TemporaryFolder();
    const cwd = folder.path;
    const own = "sqlite:.konn/try/index.sqlite";
    expect((await konn(["pipe", "--from", SAMPLE, "--to", own], { cwd })).exitCode).toBe(0);
    const environment = { KONN_OPENSEARCH_URL: "http://127.0.0.1:1" };
    const found = await konn(["search", "aws"], { cwd, environment });
    expect(found.exitCode).toBe(0);
    expect(JSON.parse(found.stdout)).toMatchObject({ index: own });
    expect(found.stderr).toContain(`Searching ${own}`);
  });

  test("takes an index of OpenSearch by its name", async () => {
    using folder = new TemporaryFolder();
    const cwd = folder.path;
    const environment = await serviceEnvironment();
    const index = `search-${crypto.randomUUID()}`;
    const to = `opensearch:${index}`;
    const piped = await konn(["pipe", "--from", SAMPLE, "--to", to], { cwd, environment });
    expect(piped.exitCode).toBe(0);
    const url = environment["KONN_OPENSEARCH_URL"];
    await fetch(`${url}/${index}/_refresh`, { method: "POST" });
    const args = ["search", "genral", "aws", "--type", "vault", "--index", index];
    const found = await konn(args, { cwd, environment });
    expect(found.exitCode).toBe(0);
    const { hits, index: searched } = JSON.parse(found.stdout);
    expect(searched).toBe(`${index} at ${url}`);
    expect(hits[0]).toMatchObject({ type: "vault", name: "aws" });
  });
});
