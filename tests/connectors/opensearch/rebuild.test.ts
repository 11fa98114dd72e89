import { describe, expect, test } from "bun:test";
import { A, B, upsert } from "../../indexing/batches.ts";
import { startFront } from "../../services/http_front.ts";
import {
  batchAt,
  Cluster,
  errorOf,
  NEVER,
  openSink,
  OTHER_STREAM,
  RecordingObserver,
  STREAM,
  uniqueIndex,
  until,
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
  expect(before[built].settings.index).toMatchObject({
    refresh_interval: "-1",
    auto_expand_replicas: "false",
    number_of_replicas: "0",
  });

  expect(await sink.caughtUp?.(NEVER)).toBe("live");
  // Without a refresh of the test's own: the swap shows a refreshed index.
  const { body } = await cluster.request(`/${index}/_search`);
  expect(body.hits.total.value).toBe(2);
  expect(await cluster.behind(index)).toEqual([built]);
  const { body: alias } = await cluster.request(`/_alias/${index}`);
  expect(alias[built].aliases[index]).toEqual({ filter: { term: { deleted: false } } });
  const { body: after } = await cluster.request(`/${built}/_settings`);
  expect(after[built].settings.index.refresh_interval).toBeUndefined();
  expect(after[built].settings.index.auto_expand_replicas).toBe("0-1");
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

test.each([0, 1, 2])("of the indexes that were replaced, %d are kept", async (keepIndexesCount) => {
  const index = uniqueIndex();
  const names = [await seedLive(index)];
  for (let at = 0; at < 3; at += 1) {
    await using opened = await openSink({ url, index, fromBeginning: true, keepIndexesCount });
    await opened.sink.caughtUp?.(NEVER);
    names.push(String(opened.opening.identity["index"]));
  }
  expect(await cluster.madeFor(index)).toEqual(names.slice(-1 - keepIndexesCount).toSorted());
  expect(await cluster.behind(index)).toEqual(names.slice(-1));
});

describe("an index that does not hold what was written", () => {
  test.each([
    ["too little", "DELETE"],
    ["too much", "PUT"],
  ] as const)("is not shown: %s", async (_name, method) => {
    const index = uniqueIndex();
    await seedLive(index);
    await using opened = await openSink({ url, index, fromBeginning: true });
    await opened.sink.write(batchAt(0n, upsert(A, "new"), upsert(B, "b")), NEVER);
    const name = String(opened.opening.identity["index"]);
    const id = encodeURIComponent(method === "DELETE" ? B : "c/cp/o/service/c");
    await cluster.request(`/${name}/_doc/${id}`, method, method === "PUT" ? {} : undefined);
    const error = await errorOf(opened.sink.caughtUp?.(NEVER) ?? Promise.resolve());
    expect(error).toMatchObject({ code: "INDEX_COUNTS_DIFFER", kind: "failed" });
    expect(await cluster.names(index)).toEqual({ [A]: "old" });
  });

  test("is told from one whose writes had an unclear outcome", async () => {
    const index = uniqueIndex();
    await seedLive(index);
    let lostCount = 0;
    await using front = startFront({
      url,
      async onRequest({ path, body }) {
        if (lostCount > 0 || !path.includes("_bulk")) return undefined;
        lostCount += 1;
        const headers = { "content-type": "application/x-ndjson" };
        await fetch(`${url}${path}`, { method: "POST", body, headers });
        return new Response("", { status: 504 });
      },
    });
    await using opened = await openSink({ url: front.url, index, fromBeginning: true });
    const keys = Array.from({ length: 50 }, (_, at) => `c/cp/o/service/${at}`);
    const events = keys.map((key) => upsert(key, "new"));
    await opened.sink.write(batchAt(0n, ...events), NEVER);
    expect(lostCount).toBe(1);
    await opened.sink.caughtUp?.(NEVER);
    expect(Object.keys(await cluster.names(index)).toSorted()).toEqual(keys.toSorted());
  });

  test("is found out where a build goes on as well", async () => {
    const index = uniqueIndex();
    await seedLive(index);
    await using crashed = await openSink({ url, index, fromBeginning: true });
    await crashed.sink.write(batchAt(0n, upsert(A, "new"), upsert(B, "b")), NEVER);
    await using opened = await openSink({ url, index, resume: crashed.opening });
    // Written again, as after a crash, and one more.
    const again = [upsert(A, "new"), upsert(B, "b"), upsert("c/cp/o/service/c", "c")];
    await opened.sink.write(batchAt(0n, ...again), NEVER);
    const path = `/${opened.opening.identity["index"]}/_doc/${encodeURIComponent(A)}`;
    await cluster.request(path, "DELETE");
    const error = await errorOf(opened.sink.caughtUp?.(NEVER) ?? Promise.resolve());
    expect(error).toMatchObject({ code: "INDEX_COUNTS_DIFFER" });
    // Its counts would begin anew, so it is not gone on with.
    const next = await errorOf(openSink({ url, index, resume: crashed.opening }));
    expect(next).toMatchObject({ code: "INDEX_REPLACED" });
    expect(next.hint).toContain("--from-beginning");
  });

  test("is told from one that is still written to", async () => {
    const index = uniqueIndex();
    await seedLive(index);
    const written = Promise.withResolvers<void>();
    const shown = Promise.withResolvers<void>();
    let isHeld = false;
    await using front = startFront({
      url,
      async onRequest({ path, body }) {
        if (isHeld || !path.includes("_bulk")) return undefined;
        isHeld = true;
        const headers = { "content-type": "application/x-ndjson" };
        const answer = await fetch(`${url}${path}`, { method: "POST", body, headers });
        written.resolve();
        await shown.promise;
        return Response.json(await answer.json());
      },
    });
    await using opened = await openSink({ url: front.url, index, fromBeginning: true });
    const writing = opened.sink.write(batchAt(0n, upsert(A, "new")), NEVER);
    await written.promise;
    await opened.sink.caughtUp?.(NEVER);
    shown.resolve();
    expect(await writing).toMatchObject({ written: 1 });
    expect(await cluster.names(index)).toEqual({ [A]: "new" });
  });
});

test("whoever searches the alias all the time never sees an error or fewer documents", async () => {
  const index = uniqueIndex();
  const keys = Array.from({ length: 500 }, (_, at) => `c/cp/o/service/${at}`);
  const all = (name: string) => batchAt(0n, ...keys.map((key) => upsert(key, name)));
  {
    await using live = await openSink({ url, index });
    await live.sink.write(all("0"), NEVER);
    await live.sink.caughtUp?.(NEVER);
  }
  const over = new AbortController();
  const found: unknown[] = [];
  const searching = (async () => {
    while (!over.signal.aborted) {
      const body = { track_total_hits: true, size: 1 };
      const answer = await cluster.request(`/${index}/_search`, "POST", body);
      found.push(answer.body.hits?.total?.value ?? answer);
      await Bun.sleep(10);
    }
  })();
  for (const name of ["1", "2", "3"]) {
    await using opened = await openSink({ url, index, fromBeginning: true });
    await opened.sink.write(all(name), NEVER);
    await opened.sink.caughtUp?.(NEVER);
  }
  const shownCount = found.length;
  await until(() => found.length > shownCount + 5);
  over.abort();
  await searching;
  expect(new Set(found)).toEqual(new Set([keys.length]));
  expect(found.length).toBeGreaterThan(20);
  expect(new Set(Object.values(await cluster.names(index)))).toEqual(new Set(["3"]));
});

describe("from the beginning of a stream that has lost it", () => {
  const stream = { ...STREAM, missingCount: () => Promise.resolve(7n) };

  test("nothing is built, and the live index stays", async () => {
    const index = uniqueIndex();
    const live = await seedLive(index);
    const error = await errorOf(openSink({ url, index, stream, fromBeginning: true }));
    expect(error).toMatchObject({ code: "SOURCE_INCOMPLETE", kind: "unavailable" });
    expect(error.message).toContain("7 offsets");
    expect(error.hint).toContain("--accept-loss");
    expect(await cluster.madeFor(index)).toEqual([live]);
  });

  test("what is left is built when that is accepted", async () => {
    const index = uniqueIndex();
    await seedLive(index);
    const accepted = { stream, fromBeginning: true, acceptsLoss: true };
    await using opened = await openSink({ url, index, ...accepted });
    await opened.sink.caughtUp?.(NEVER);
    expect(await cluster.names(index)).toEqual({});
  });

  test("a run that goes on is none of it", async () => {
    const index = uniqueIndex();
    await using opened = await openSink({ url, index, stream });
    expect(opened.opening.state).toBe("live");
  });
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
