import { describe, expect, test } from "bun:test";
import type { SinkOpening } from "../../../core/connector/mod.ts";
import { INDEX_FORMAT } from "../../../core/connectors/opensearch/mapping.ts";
import { A, upsert } from "../../indexing/batches.ts";
import {
  batchAt,
  Cluster,
  errorOf,
  NEVER,
  openSink,
  OTHER_STREAM,
  uniqueIndex,
} from "./support.ts";

const cluster = await Cluster.shared();
const { url } = cluster;

/** Opens, closes, and returns what a checkpoint would keep. */
async function openOnce(options: Parameters<typeof openSink>[0]): Promise<SinkOpening> {
  await using opened = await openSink(options);
  return opened.opening;
}

describe("open() makes", () => {
  test("an index with its alias, which hides what is deleted", async () => {
    const index = uniqueIndex();
    const { identity, state } = await openOnce({ url, index });
    const [name = ""] = await cluster.behind(index);
    expect(name).toMatch(new RegExp(`^${index}-\\d{17}-[0-9a-f]{4}$`));
    const { body } = await cluster.request(`/${name}`);
    const { aliases, mappings, settings } = body[name];
    expect(aliases[index]).toEqual({ filter: { term: { deleted: false } } });
    expect(mappings.dynamic).toBe("strict");
    expect(mappings._meta).toEqual({
      konn: INDEX_FORMAT,
      alias: index,
      source: { cluster: "k1", "topic id": "t1" },
    });
    expect(state).toBe("live");
    expect(identity["index"]).toBe(name);
    expect(identity["index uuid"]).toBe(settings.index.uuid);
    expect(identity["opensearch cluster"]).toMatch(/^[\w-]{22}$/);
  });

  test("one index when several konn open at once", async () => {
    const index = uniqueIndex();
    const openings = await Promise.all(Array.from({ length: 6 }, () => openOnce({ url, index })));
    const names = new Set(openings.map(({ identity }) => identity["index"]));
    expect([...names] as unknown[]).toEqual(await cluster.behind(index));
    expect(await cluster.madeFor(index)).toHaveLength(1);
  });

  test("nothing when the index of the checkpoint is gone", async () => {
    const index = uniqueIndex();
    const resume = await openOnce({ url, index });
    await cluster.request(`/${resume.identity["index"]}`, "DELETE");
    const error = await errorOf(openOnce({ url, index, resume }));
    expect(error).toMatchObject({ code: "INDEX_GONE", kind: "unavailable" });
    expect(error.hint).toContain("--from-beginning");
    expect(await cluster.madeFor(index)).toEqual([]);
  });
  test("nothing when another index has the name of the checkpoint's", async () => {
    const index = uniqueIndex();
    const resume = await openOnce({ url, index });
    const name = String(resume.identity["index"]);
    const { body } = await cluster.request(`/${name}/_mapping`);
    await cluster.request(`/${name}`, "DELETE");
    const aliases = { [index]: {}, [`${name}-writer`]: {} };
    const { _meta } = body[name].mappings;
    await cluster.request(`/${name}`, "PUT", { aliases, mappings: { _meta } });
    const error = await errorOf(openOnce({ url, index, resume }));
    expect(error).toMatchObject({ code: "INDEX_GONE" });
    expect(await cluster.madeFor(index)).toEqual([name]);
  });

  test("nothing when the index that was being built is gone", async () => {
    const index = uniqueIndex();
    const live = await openOnce({ url, index });
    const resume = await openOnce({ url, index, fromBeginning: true });
    expect(resume.state).toBe("building");
    await cluster.request(`/${resume.identity["index"]}`, "DELETE");
    const error = await errorOf(openOnce({ url, index, resume }));
    expect(error).toMatchObject({ code: "INDEX_GONE" });
    expect(await cluster.madeFor(index)).toEqual([String(live.identity["index"])]);
  });
});

describe("open() goes on", () => {
  test("with the index of the checkpoint, and with the one of a lost checkpoint", async () => {
    const index = uniqueIndex();
    const first = await openOnce({ url, index });
    expect(await openOnce({ url, index, resume: first })).toEqual(first);
    expect(await openOnce({ url, index })).toEqual(first);
    expect(await cluster.madeFor(index)).toHaveLength(1);
  });

  test("with a live index that has lost its writer alias", async () => {
    const index = uniqueIndex();
    const { identity } = await openOnce({ url, index });
    await cluster.request(`/${identity["index"]}/_alias/${identity["index"]}-writer`, "DELETE");
    await using opened = await openSink({ url, index });
    const report = await opened.sink.write(batchAt(0n, upsert(A, "a")), NEVER);
    expect(report.written).toBe(1);
  });
});

describe("open() refuses", () => {
  test("an index of another source, and says what differs", async () => {
    const index = uniqueIndex();
    await openOnce({ url, index });
    const error = await errorOf(openOnce({ url, index, stream: OTHER_STREAM }));
    expect(error).toMatchObject({ code: "INDEX_OF_ANOTHER_SOURCE", kind: "unavailable" });
    expect(error.message).toContain("topic id was t1 and is t2");
    expect(error.hint).toContain("--from-beginning");
  });

  test("a file's index whose checkpoint is lost, once it holds anything", async () => {
    const index = uniqueIndex();
    const stream = { address: "file:f1", identity: { "stream id": "f1" } };
    // Before the first checkpoint nothing is written.
    const resume = await openOnce({ url, index, stream });
    await using opened = await openSink({ url, index, stream });
    await opened.sink.write(batchAt(0n, upsert(A, "a")), NEVER);
    const error = await errorOf(openOnce({ url, index, stream }));
    expect(error).toMatchObject({ code: "CHECKPOINT_LOST", kind: "unavailable" });
    expect(error.hint).toContain("--from-beginning");
    expect(await openOnce({ url, index, stream, resume })).toEqual(resume);
    await openOnce({ url, index, stream, fromBeginning: true });
  });

  test.each([false, true])(
    "a plain index of that name (from the beginning: %p)",
    async (fromBeginning) => {
      const index = uniqueIndex();
      await cluster.request(`/${index}`, "PUT", { settings: { number_of_replicas: 0 } });
      const before = await cluster.request(`/${index}`);
      const error = await errorOf(openOnce({ url, index, fromBeginning }));
      expect(error).toMatchObject({ code: "INDEX_NOT_OURS", kind: "unavailable" });
      expect(await cluster.request(`/${index}`)).toEqual(before);
      expect(await cluster.madeFor(index)).toEqual([]);
    },
  );

  test.each([false, true])(
    "somebody else's alias (from the beginning: %p)",
    async (fromBeginning) => {
      const index = uniqueIndex();
      await cluster.request(`/foreign-${index}`, "PUT", { aliases: { [index]: {} } });
      const before = await cluster.request(`/${index}`);
      const error = await errorOf(openOnce({ url, index, fromBeginning }));
      expect(error).toMatchObject({ code: "INDEX_NOT_OURS" });
      expect(error.message).toContain(`foreign-${index}`);
      expect(await cluster.request(`/${index}`)).toEqual(before);
    },
  );

  test("an index of a format that it does not know", async () => {
    const index = uniqueIndex();
    const { identity } = await openOnce({ url, index });
    const { body } = await cluster.request(`/${index}/_mapping`);
    const { _meta } = body[String(identity["index"])].mappings;
    const newer = { _meta: { ..._meta, konn: INDEX_FORMAT + 1 } };
    await cluster.request(`/${index}/_mapping`, "PUT", newer);
    const error = await errorOf(openOnce({ url, index }));
    expect(error).toMatchObject({ code: "INDEX_FORMAT_UNKNOWN" });
  });

  test("to go on when the alias stands for another index than the checkpoint's", async () => {
    const index = uniqueIndex();
    const resume = await openOnce({ url, index });
    await using building = await openSink({ url, index, fromBeginning: true });
    await building.sink.caughtUp?.(NEVER);
    const error = await errorOf(openOnce({ url, index, resume }));
    expect(error).toMatchObject({ code: "INDEX_REPLACED" });
  });

  test("to go on with a build whose way in was taken away", async () => {
    const index = uniqueIndex();
    await openOnce({ url, index });
    const resume = await openOnce({ url, index, fromBeginning: true });
    const name = String(resume.identity["index"]);
    await cluster.request(`/${name}/_alias/${name}-writer`, "DELETE");
    const error = await errorOf(openOnce({ url, index, resume }));
    expect(error).toMatchObject({ code: "INDEX_REPLACED" });
  });

  test("to go on when the alias was taken off the index", async () => {
    const index = uniqueIndex();
    const resume = await openOnce({ url, index });
    await cluster.request(`/${resume.identity["index"]}/_alias/${index}`, "DELETE");
    const error = await errorOf(openOnce({ url, index, resume }));
    expect(error).toMatchObject({ code: "INDEX_REPLACED" });
    expect(await cluster.madeFor(index)).toHaveLength(1);
  });
});
