/** The judged corpus, many times over, as a stream. */
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copiesOf } from "../search/many_entities.ts";
import { readJudged } from "../search/relevance.ts";

/** Finds a file of at least so many entities, or writes it. */
export async function corpusFile(
  leastCount: number,
): Promise<{ path: string; eventsCount: number }> {
  const { corpus } = await readJudged();
  const copiesCount = Math.max(1, Math.round(leastCount / corpus.length));
  const folder = join(tmpdir(), "konn-bench");
  const path = join(folder, `corpus-${copiesCount}.jsonl`);
  mkdirSync(folder, { recursive: true });
  if (!existsSync(path)) {
    const file = Bun.file(`${path}.part`).writer();
    for (const after of copiesOf(corpus, copiesCount)) {
      await file.write(`${JSON.stringify({ before: null, after, op: "r", ts_ms: 0 })}\n`);
    }
    await file.end();
    renameSync(`${path}.part`, path);
  }
  return { path, eventsCount: corpus.length * copiesCount };
}
