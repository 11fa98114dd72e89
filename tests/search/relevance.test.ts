import { expect, test } from "bun:test";
import { createSqliteSink } from "../../core/connectors/sqlite/indexer.ts";
import { createSqliteSearcher } from "../../core/connectors/sqlite/searcher.ts";
import { SILENT_OBSERVER } from "../../core/observe/observer.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { evaluate, indexCorpus, readJudged } from "./relevance.ts";

const FIXTURES = new URL("../fixtures/search/", import.meta.url);

/** Below these the search is worse than what was promised. */
const GOALS = { successAt1: 0.97, mrr: 0.98, coreMrr: 0.99, hardMrr: 0.96, classMrr: 0.9 };

test("the embedded engine has the right entity first", async () => {
  const { corpus, queries } = await readJudged({
    corpus: new URL("corpus.jsonl.zst", FIXTURES),
    queries: new URL("queries.jsonl.zst", FIXTURES),
  });
  using folder = new TemporaryFolder();
  const path = folder.file("index.sqlite");
  {
    await using sink = createSqliteSink({ path, observer: SILENT_OBSERVER });
    await indexCorpus(sink, corpus);
  }
  await using searcher = createSqliteSearcher({ path });
  const { all, core, hard, classes, rubbish } = await evaluate(searcher, queries);
  expect(all.queriesCount).toBe(784);
  expect(all.successAt1).toBeGreaterThanOrEqual(GOALS.successAt1);
  expect(all.mrr).toBeGreaterThanOrEqual(GOALS.mrr);
  expect(all.emptyShare).toBe(0);
  expect(core.mrr).toBeGreaterThanOrEqual(GOALS.coreMrr);
  expect(hard.mrr).toBeGreaterThanOrEqual(GOALS.hardMrr);
  for (const quality of classes) {
    expect(quality.mrr, quality.class).toBeGreaterThanOrEqual(GOALS.classMrr);
  }
  expect(rubbish).toEqual([]);
}, 180_000);
