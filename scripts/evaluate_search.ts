#!/usr/bin/env bun
/**
 * How well a search engine answers judged queries, by class.
 *
 *   bun scripts/evaluate_search.ts [--corpus FILE] [--queries FILE] [--misses N] [--opensearch URL]
 *
 * Without files it takes the sample in tests/fixtures/search. Files are JSONL, plain, .gz or .zst.
 * With the address of an OpenSearch it judges that as well, in an index which it deletes afterwards.
 */
import { parseArgs } from "node:util";
import type { Sink } from "../core/connector/mod.ts";
import { createOpenSearchSink } from "../core/connectors/opensearch/bulk_indexer.ts";
import { createOpenSearchSearcher } from "../core/connectors/opensearch/searcher.ts";
import { createSqliteSink } from "../core/connectors/sqlite/indexer.ts";
import { createSqliteSearcher } from "../core/connectors/sqlite/searcher.ts";
import { SILENT_OBSERVER } from "../core/observe/observer.ts";
import type { Searcher } from "../core/search/mod.ts";
import { TemporaryFolder } from "../tests/fakes/temporary_folder.ts";
import {
  evaluate,
  indexCorpus,
  JUDGED_FILES,
  type Quality,
  readJudged,
} from "../tests/search/relevance.ts";

const { values } = parseArgs({
  options: {
    corpus: { type: "string", default: JUDGED_FILES.corpus },
    queries: { type: "string", default: JUDGED_FILES.queries },
    misses: { type: "string", default: "0" },
    opensearch: { type: "string" },
  },
});

const { corpus, queries } = await readJudged(values);
using folder = new TemporaryFolder();
const path = folder.file("index.sqlite");
await index("sqlite", () => createSqliteSink({ path, observer: SILENT_OBSERVER }));
await judge(createSqliteSearcher({ path }));
if (values.opensearch !== undefined) {
  const target = { url: values.opensearch, index: `evaluate-${crypto.randomUUID()}` };
  await index("opensearch", () => createOpenSearchSink({ ...target, observer: SILENT_OBSERVER }));
  await fetch(`${target.url}/${target.index}/_refresh`, { method: "POST" });
  await judge(createOpenSearchSearcher(target));
  await fetch(`${target.url}/${target.index}-*`, { method: "DELETE" });
}

async function index(engine: string, create: () => Sink): Promise<void> {
  await using sink = create();
  const seconds = await indexCorpus(sink, corpus);
  const rate = Math.round(corpus.length / seconds);
  console.log(`${engine}: ${corpus.length} entities in ${seconds.toFixed(2)} s (${rate}/s)`);
}

async function judge(engine: Searcher): Promise<void> {
  await using searcher = engine;
  const { classes, core, hard, all, rubbish, misses } = await evaluate(searcher, queries);
  console.log("class              n    S@1     MRR  empty  p50 ms  p95 ms");
  for (const quality of [...classes, core, hard, all]) console.log(row(quality));
  console.log(`nomatch: ${rubbish.length} found something ${rubbish.join(", ")}`);
  for (const { query, place, keys } of misses.slice(0, Number(values.misses))) {
    console.log(
      `  ${query.id} ${query.class} «${query.q}» place ${place || "none"}, first ${keys[0] ?? "nothing"}`,
    );
  }
}

function row({ class: name, queriesCount, successAt1, mrr, emptyShare, p50Ms, p95Ms }: Quality) {
  const cells = [
    String(queriesCount).padStart(5),
    (successAt1 * 100).toFixed(1).padStart(7),
    mrr.toFixed(3).padStart(8),
    (emptyShare * 100).toFixed(1).padStart(7),
    p50Ms.toFixed(2).padStart(8),
    p95Ms.toFixed(2).padStart(8),
  ];
  return `${name.padEnd(15)}${cells.join("")}`;
}
