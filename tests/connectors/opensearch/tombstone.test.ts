import { afterAll, expect, test } from "bun:test";
import { A, B, tombstone, upsert } from "../../indexing/batches.ts";
import { type OpenSearchService, startOpenSearch } from "../../services/mod.ts";
import { batchAt, Cluster, NEVER, openSink, uniqueIndex } from "./support.ts";

const TEST_TIMEOUT_MS = 120_000;

let service: OpenSearchService | undefined;
afterAll(async () => await service?.stop());

test(
  "a stale writer does not bring back what was deleted, even after a flush and a restart",
  async () => {
    service = await startOpenSearch({});
    const cluster = new Cluster(service.url);
    const [index, plain] = [uniqueIndex(), uniqueIndex()];
    await using stale = await openSink({ url: service.url, index });
    // Old tombstones are looked for all the time, and this one is not old.
    const round = { keepTombstonesMs: 3_600_000, roundIntervalMs: 50 };
    await using opened = await openSink({ url: service.url, index, ...round });
    await opened.sink.caughtUp?.(NEVER);
    await opened.sink.write(batchAt(7n, upsert(A, "a"), upsert(B, "b"), tombstone(A)), NEVER);
    expect(await cluster.names(index)).toEqual({ [B]: "b" });
    const kept = await cluster.document(index, A);
    expect(kept).toMatchObject({ version: 16 * 10, deleted: true });
    await cluster.request(`/${plain}`, "PUT", { settings: { number_of_replicas: 0 } });
    await writePlainly(cluster, plain, "PUT", 9);
    expect(await writePlainly(cluster, plain, "DELETE", 10)).toBe(200);

    expect((await cluster.request("/_flush?force=true", "POST")).status).toBe(200);
    await service.restart();

    // OpenSearch itself has forgotten the delete, which is why konn keeps a document instead.
    expect(await writePlainly(cluster, plain, "PUT", 9)).toBe(201);
    const late = await stale.sink.write(batchAt(7n, upsert(A, "stale")), NEVER);
    expect(late).toMatchObject({ written: 0, skipped: { already_applied: 1 }, rejections: [] });
    expect(await cluster.document(index, A)).toEqual(kept);
    expect(await cluster.names(index)).toEqual({ [B]: "b" });

    const later = await stale.sink.write(batchAt(10n, upsert(A, "made again")), NEVER);
    expect(later.written).toBe(1);
    expect(await cluster.names(index)).toEqual({ [A]: "made again", [B]: "b" });
  },
  TEST_TIMEOUT_MS,
);

/** Writes or deletes a document without konn. Returns the status. */
async function writePlainly(
  cluster: Cluster,
  index: string,
  method: "PUT" | "DELETE",
  version: number,
): Promise<number> {
  const path = `/${index}/_doc/a?version=${version}&version_type=external`;
  const body = method === "PUT" ? { name: "a" } : undefined;
  return (await cluster.request(path, method, body)).status;
}
