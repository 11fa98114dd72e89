/**
 * Sends bulk bodies that are ready, from memory, over two connections: what the index can take.
 *
 *     bun tests/bench/peers/raw_bulk.ts FOLDER URL INDEX
 *
 * The folder holds what `bulk_recorder.ts` has written.
 */
import { join } from "node:path";
import { readRecording } from "../bulk_recorder.ts";

const [folder = "", url = "", index = ""] = process.argv.slice(2);
const CONNECTIONS_COUNT = 2;

const { creation, bulks } = await readRecording(folder);
const bodies = await Promise.all(
  bulks.map(async ({ file, headers }) => {
    return { body: await Bun.file(join(folder, file)).bytes(), headers };
  }),
);
const { settings, mappings } = JSON.parse(creation);
await request("PUT", index, {
  body: JSON.stringify({ settings, mappings }),
  headers: { "content-type": "application/json" },
});
const startedMs = performance.now();
const waiting = bodies.values();
await Promise.all(
  Array.from({ length: CONNECTIONS_COUNT }, async () => {
    for (const bulk of waiting)
      await request("POST", `${index}/_bulk?filter_path=items.*.error.type`, bulk);
  }),
);
await request("POST", `${index}/_refresh`);
const seconds = (performance.now() - startedMs) / 1_000;
const documents = bulks.reduce((sum, { documentsCount }) => sum + documentsCount, 0);
console.log(JSON.stringify({ documents, seconds }));

async function request(method: string, path: string, init: RequestInit = {}): Promise<void> {
  const response = await fetch(`${url}/${path}`, { method, ...init });
  const answer = await response.text();
  // A key's later write may come first on the other connection: konn itself keeps them in order.
  const refused = [...answer.matchAll(/"type":"([^"]+)"/g)].map(([, type]) => type);
  const isRefused = refused.some((type) => type !== "version_conflict_engine_exception");
  if (!response.ok || isRefused) throw new Error(`${path}: ${answer}`);
}
