import { expect, test } from "bun:test";
import { A, B, upsert } from "../../indexing/batches.ts";
import {
  batchAt,
  Cluster,
  errorOf,
  NEVER,
  openSink,
  OTHER_STREAM,
  RecordingObserver,
  uniqueIndex,
} from "./support.ts";

const cluster = await Cluster.shared();
const { url } = cluster;

/** A live index with one document. Returns its name. */
async function seedLive(index: string): Promise<string> {
  await using opened = await openSink({ url, index });
  await opened.sink.write(batchAt(0n, upsert(A, "old")), NEVER);
  return String(opened.opening.identity["index"]);
}

/** Builds anew from the beginning and publishes. Returns the name of the new index. */
async function rebuild(index: string): Promise<string> {
  await using opened = await openSink({ url, index, fromBeginning: true });
  await opened.sink.caughtUp?.(NEVER);
  return String(opened.opening.identity["index"]);
}

test("from the beginning, with nothing there, an index is made that is seen at once", async () => {
  const index = uniqueIndex();
  await using opened = await openSink({ url, index, fromBeginning: true });
  expect(opened.opening.state).toBe("live");
  await opened.sink.write(batchAt(0n, upsert(A, "a")), NEVER);
  expect(await cluster.names(index)).toEqual({ [A]: "a" });
});

test("a new index is built beside the live one, and swapped in when it has caught up", async () => {
  const index = uniqueIndex();
  const old = await seedLive(index);
  const observer = new RecordingObserver();
  await using opened = await openSink({ url, index, observer, fromBeginning: true });
  const { sink, opening } = opened;
  const built = String(opening.identity["index"]);
  expect(opening.state).toBe("building");
  await sink.write(batchAt(0n, upsert(A, "new"), upsert(B, "b")), NEVER);
  expect(await cluster.names(index)).toEqual({ [A]: "old" });
  const { body: before } = await cluster.request(`/${built}/_settings`);
  expect(before[built].settings.index.refresh_interval).toBe("-1");

  expect(await sink.caughtUp?.(NEVER)).toBe("live");
  // Without a refresh of the test's own: the swap shows a refreshed index.
  const { body } = await cluster.request(`/${index}/_search`);
  expect(body.hits.total.value).toBe(2);
  expect(await cluster.behind(index)).toEqual([built]);
  const { body: alias } = await cluster.request(`/_alias/${index}`);
  expect(alias[built].aliases[index]).toEqual({ filter: { term: { deleted: false } } });
  const { body: after } = await cluster.request(`/${built}/_settings`);
  expect(after[built].settings.index.refresh_interval).toBeUndefined();
  expect(await cluster.names(old)).toEqual({ [A]: "old" });
  expect(observer.lines).toEqual([`info ${index} now stands for ${built}`]);

  await sink.write(batchAt(2n, upsert(A, "newer")), NEVER);
  expect(await cluster.names(index)).toEqual({ [A]: "newer", [B]: "b" });
});

test("a clone that somebody made of an index stays, though it has the mapping of its original", async () => {
  const index = uniqueIndex();
  const first = await seedLive(index);
  const clone = `${index}-my-copy`;
  await cluster.request(`/${first}/_settings`, "PUT", { index: { "blocks.write": true } });
  const answer = await cluster.request(`/${first}/_clone/${clone}`, "POST", {});
  expect(answer.status).toBe(200);
  const second = await rebuild(index);
  const third = await rebuild(index);
  expect(await cluster.madeFor(index)).toEqual([second, third, clone].toSorted());
});

test("the previous index is kept, older ones and unfinished ones are deleted, others stay", async () => {
  const index = uniqueIndex();
  const foreign = `${index}-backup`;
  await cluster.request(`/${foreign}`, "PUT", {});
  const first = await seedLive(index);
  const second = await rebuild(index);
  expect(await cluster.madeFor(index)).toEqual([first, second, foreign].toSorted());
  {
    await using unfinished = await openSink({ url, index, fromBeginning: true });
    await unfinished.sink.write(batchAt(0n, upsert(A, "unfinished")), NEVER);
  }
  await using opened = await openSink({ url, index, fromBeginning: true });
  const third = String(opened.opening.identity["index"]);
  // The unfinished one makes room at once; the older one is of use until the swap.
  expect(await cluster.madeFor(index)).toEqual([first, second, third, foreign].toSorted());
  await opened.sink.caughtUp?.(NEVER);
  expect(await cluster.madeFor(index)).toEqual([second, third, foreign].toSorted());
  expect(await cluster.behind(index)).toEqual([third]);
});

test("the indexes of an alias whose name only begins alike are left alone", async () => {
  const index = uniqueIndex();
  const neighbour = `${index}-eu`;
  const [one, two] = [await seedLive(neighbour), await rebuild(neighbour)];
  await seedLive(index);
  await rebuild(index);
  await rebuild(index);
  expect(await cluster.madeFor(neighbour)).toEqual([one, two].toSorted());
});

test("a build goes on where a checkpoint says that it was under way", async () => {
  const index = uniqueIndex();
  await seedLive(index);
  await using crashed = await openSink({ url, index, fromBeginning: true });
  await crashed.sink.write(batchAt(0n, upsert(A, "new")), NEVER);
  await using opened = await openSink({ url, index, resume: crashed.opening });
  expect(opened.opening).toEqual(crashed.opening);
  await opened.sink.write(batchAt(1n, upsert(B, "b")), NEVER);
  await opened.sink.caughtUp?.(NEVER);
  expect(await cluster.names(index)).toEqual({ [A]: "new", [B]: "b" });
});

test("a crash between the swap and the checkpoint leaves a live index", async () => {
  const index = uniqueIndex();
  await seedLive(index);
  await using crashed = await openSink({ url, index, fromBeginning: true });
  await crashed.sink.caughtUp?.(NEVER);
  await using opened = await openSink({ url, index, resume: crashed.opening });
  expect(opened.opening).toEqual({ ...crashed.opening, state: "live" });
});

test("another source takes the alias over with --from-beginning", async () => {
  const index = uniqueIndex();
  await seedLive(index);
  await using opened = await openSink({ url, index, fromBeginning: true, stream: OTHER_STREAM });
  await opened.sink.write(batchAt(0n, upsert(B, "other")), NEVER);
  await opened.sink.caughtUp?.(NEVER);
  expect(await cluster.names(index)).toEqual({ [B]: "other" });
});

test("a writer that has not noticed the swap cannot write into the new index", async () => {
  const index = uniqueIndex();
  await using stale = await openSink({ url, index });
  await stale.sink.write(batchAt(0n, upsert(A, "a")), NEVER);
  await using opened = await openSink({ url, index, fromBeginning: true, stream: OTHER_STREAM });
  await opened.sink.write(batchAt(0n, upsert(B, "b")), NEVER);
  await opened.sink.caughtUp?.(NEVER);
  const error = await errorOf(stale.sink.write(batchAt(1n, upsert(A, "stale")), NEVER));
  expect(error).toMatchObject({ code: "INDEX_REPLACED" });
  expect(await cluster.names(index)).toEqual({ [B]: "b" });
});

test("an alias that was given to a foreign index meanwhile is not taken from it", async () => {
  const index = uniqueIndex();
  const live = await seedLive(index);
  await using opened = await openSink({ url, index, fromBeginning: true });
  await cluster.request(`/foreign-${index}`, "PUT", {});
  const actions = [
    { remove: { index: live, alias: index } },
    { add: { index: `foreign-${index}`, alias: index } },
  ];
  await cluster.request("/_aliases", "POST", { actions });
  const error = await errorOf(opened.sink.caughtUp?.(NEVER) ?? Promise.resolve());
  expect(error).toMatchObject({ code: "INDEX_NOT_OURS" });
  expect(await cluster.behind(index)).toEqual([`foreign-${index}`]);
});
