import { afterAll, expect, test } from "bun:test";
import { ConfigResourceTypes } from "kafkajs";
import { startFront } from "../services/http_front.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { documentsOf } from "./index_reader.ts";
import { konn, serviceEnvironment, uniqueName } from "./konn.ts";
import { kafkaClient, type NewRecord, seedTopic } from "./topic_reader.ts";

const folder = new TemporaryFolder();
afterAll(() => folder[Symbol.dispose]());

function row(id: string, name: string): NewRecord {
  const key = `c/cp/o/service/${id}`;
  const after = { key, value: JSON.stringify({ object: { id, name } }) };
  return { key: JSON.stringify({ key }), value: JSON.stringify({ op: "u", after, ts_ms: 1 }) };
}

async function namesIn(index: string): Promise<string[]> {
  const documents = [...(await documentsOf(index)).values()];
  return documents.map(({ source }) => String(source["name"])).toSorted();
}

test("a bounded rebuild reads on to the ends as they are after the swap", async () => {
  const environment = await serviceEnvironment();
  const name = uniqueName("ends");
  await seedTopic(name, [row("a", "a1"), row("b", "b1")]);
  const always = ["sync", "--topic", name, "--index", name, "--until-end", "--json"];
  const sync = (...flags: string[]) => [...always, ...flags];
  const other = ["--state-dir", folder.file("other")];
  const context = { cwd: folder.path, environment };
  expect(await konn(sync(), context)).toMatchObject({ exitCode: 0 });
  expect(await konn(sync(...other), context)).toMatchObject({ exitCode: 0 });
  let meanwhile: number | undefined;
  await using front = startFront({
    url: environment["KONN_OPENSEARCH_URL"] ?? "",
    async onRequest({ path, body }) {
      if (meanwhile !== undefined || path !== "/_aliases" || !body.includes(`"${name}"`)) return;
      // Right before the swap another konn brings the old index to the end, and is content.
      await seedTopic(name, [row("a", "a2"), row("c", "c1")]);
      meanwhile = (await konn(sync(...other), context)).exitCode;
    },
  });
  const { exitCode, stdout } = await konn(sync("--from-beginning"), {
    ...context,
    environment: { ...environment, KONN_OPENSEARCH_URL: front.url },
  });
  expect([meanwhile, exitCode]).toEqual([0, 0]);
  expect(JSON.parse(stdout)).toMatchObject({ events: 2 + 2, written: 2 + 2 });
  expect(await namesIn(name)).toEqual(["a2", "b1", "c1"]);
});

test("a topic that is only compacted may be built anew from, wherever it starts", async () => {
  const environment = await serviceEnvironment();
  const name = uniqueName("compacted");
  await seedTopic(name, [row("a", "a1"), row("a", "a2"), row("a", "a3")], 1);
  const admin = (await kafkaClient()).admin();
  await admin.connect();
  // kafkajs has to have heard of the topic before.
  await admin.fetchTopicOffsets(name);
  await admin.deleteTopicRecords({ topic: name, partitions: [{ partition: 0, offset: "2" }] });
  const context = { cwd: folder.path, environment };
  const rebuild = () =>
    konn(
      ["sync", "--topic", name, "--index", name, "--until-end", "--from-beginning", "--json"],
      context,
    );
  const refused = await rebuild();
  expect(refused.exitCode).toBe(3);
  expect(refused.stderr).toContain("2 offsets");
  const configEntries = [{ name: "cleanup.policy", value: "compact" }];
  const resources = [{ type: ConfigResourceTypes.TOPIC, name, configEntries }];
  await admin.alterConfigs({ validateOnly: false, resources });
  await admin.disconnect();
  const { exitCode, stdout } = await rebuild();
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ events: 1, written: 1 });
  expect(await namesIn(name)).toEqual(["a3"]);
});
