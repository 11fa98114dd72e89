import { expect, test } from "bun:test";
import { A, B, upsert } from "../../indexing/batches.ts";
import { startFront } from "../../services/http_front.ts";
import { batchAt, Cluster, errorOf, NEVER, openSink, uniqueIndex } from "./support.ts";

const cluster = await Cluster.shared();
const { url } = cluster;

async function seedLive(index: string): Promise<void> {
  await using opened = await openSink({ url, index });
  await opened.sink.write(batchAt(0n, upsert(A, "old")), NEVER);
}

test("an index that is shown while another konn is about to delete it stays", async () => {
  const index = uniqueIndex();
  await seedLive(index);
  await using first = await openSink({ url, index, fromBeginning: true });
  await first.sink.write(batchAt(0n, upsert(A, "new")), NEVER);
  const built = String(first.opening.identity["index"]);
  let isShown = false;
  await using front = startFront({
    url,
    async onRequest({ method, path, body }) {
      const isAboutToDelete = method === "DELETE" || (path === "/_aliases" && body.includes(built));
      if (isShown || !isAboutToDelete) return;
      isShown = true;
      await first.sink.caughtUp?.(NEVER);
    },
  });
  await using second = await openSink({ url: front.url, index, fromBeginning: true });
  expect(isShown).toBe(true);
  expect(await cluster.behind(index)).toEqual([built]);
  expect(await cluster.names(index)).toEqual({ [A]: "new" });

  await second.sink.write(batchAt(0n, upsert(B, "newest")), NEVER);
  await second.sink.caughtUp?.(NEVER);
  expect(await cluster.names(index)).toEqual({ [B]: "newest" });
});

test("an index that is deleted before it is shown is not shown, and the live one stays", async () => {
  const index = uniqueIndex();
  await seedLive(index);
  await using first = await openSink({ url, index, fromBeginning: true });
  await using second = await openSink({ url, index, fromBeginning: true });
  const error = await errorOf(first.sink.caughtUp?.(NEVER) ?? Promise.resolve());
  expect(error).toMatchObject({ code: "INDEX_GONE", kind: "unavailable" });
  expect(await cluster.names(index)).toEqual({ [A]: "old" });
  await second.sink.caughtUp?.(NEVER);
  expect(await cluster.names(index)).toEqual({});
});

test("an index that another konn is writing to is neither deleted nor doubled", async () => {
  const index = uniqueIndex();
  await seedLive(index);
  await using first = await openSink({ url, index, fromBeginning: true });
  const built = String(first.opening.identity["index"]);
  const before = await cluster.madeFor(index);
  const over = new AbortController();
  const writing = (async () => {
    for (let at = 0n; !over.signal.aborted; at += 1n) {
      await first.sink.write(batchAt(at, upsert(A, `${at}`)), NEVER);
    }
  })();
  const error = await errorOf(openSink({ url, index, fromBeginning: true }));
  over.abort();
  await writing;
  expect(error).toMatchObject({ code: "INDEX_BEING_BUILT", kind: "unavailable" });
  expect(error.message).toContain(built);
  expect(await cluster.madeFor(index)).toEqual(before);
});

test("what is shown leaves alone what another konn is building", async () => {
  const index = uniqueIndex();
  await seedLive(index);
  await using first = await openSink({ url, index, fromBeginning: true });
  let second: Awaited<ReturnType<typeof openSink>> | undefined;
  const built = String(first.opening.identity["index"]);
  await using front = startFront({
    url,
    async onRequest({ path }) {
      // When the first one is shown already, and has yet to look for what is old.
      if (second || !path.startsWith(`/${index}-*`)) return;
      second = await openSink({ url, index, fromBeginning: true });
    },
  });
  const resume = first.opening;
  await using resumed = await openSink({ url: front.url, index, resume });
  await resumed.sink.caughtUp?.(NEVER);
  expect(second).toBeDefined();
  expect(await cluster.behind(index)).toEqual([built]);
  expect(await cluster.madeFor(index)).toContain(String(second?.opening.identity["index"]));
  await second?.sink.caughtUp?.(NEVER);
  expect(await cluster.behind(index)).toEqual([String(second?.opening.identity["index"])]);
  await second?.[Symbol.asyncDispose]();
});
