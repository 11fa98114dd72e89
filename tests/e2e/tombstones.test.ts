import { afterAll, expect, test } from "bun:test";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { konn, serviceEnvironment, uniqueName } from "./konn.ts";
import { seedTopic } from "./topic_reader.ts";

const folder = new TemporaryFolder();
afterAll(() => folder[Symbol.dispose]());

test.each([
  ["24h", 1],
  ["0s", 0],
])("--keep-tombstones %s leaves %d of one deleted entity", async (duration, expected) => {
  const environment = await serviceEnvironment();
  const name = uniqueName("tombstones");
  const key = "c/cp/o/service/a";
  const after = { key, value: JSON.stringify({ object: { id: "a", name: "a" } }) };
  await seedTopic(name, [
    { key: JSON.stringify({ key }), value: JSON.stringify({ op: "c", after, ts_ms: 1 }) },
    { key: JSON.stringify({ key }), value: null },
  ]);
  const args = ["sync", "--topic", name, "--index", name, "--keep-tombstones", duration];
  const result = await konn([...args, "--until-end"], { cwd: folder.path, environment });
  expect(result).toMatchObject({ exitCode: 0 });
  const url = environment["KONN_OPENSEARCH_URL"] ?? "";
  const index = Object.keys((await (await fetch(`${url}/_alias/${name}`)).json()) as object)[0];
  await fetch(`${url}/${index}/_refresh`, { method: "POST" });
  const { count } = (await (await fetch(`${url}/${index}/_count`)).json()) as { count: number };
  expect(count).toBe(expected);
});
