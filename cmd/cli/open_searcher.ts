import { existsSync } from "node:fs";
import { join } from "node:path";
import { KonnError } from "../../core/base/errors.ts";
import type { SearcherOptions } from "../../core/connectors/mod.ts";
import type { Logger } from "../../core/observe/observer.ts";
import type { Searcher } from "../../core/search/mod.ts";
import { indexUrl } from "./index_url.ts";

export interface OpenSearcherOptions extends SearcherOptions {
  /** `--index`, or undefined where nobody has said which. */
  readonly index: string | undefined;
  readonly stateDir: string;
  readonly log: Logger;
}

/** What is searched where nobody says what. */
const DEFAULT_INDEX = "cdc";
/** How long a service may take to say that it is there. */
const PROBE_TIMEOUT_MS = 3_000;

/**
 * The searcher of the index that is meant: the one that was named; else the default one where it
 * answers; else the folder's own, if there is one. Says which, where nobody has named it.
 *
 * @throws KonnError of the default one, where the folder has none either
 */
export async function openSearcher(options: OpenSearcherOptions): Promise<Searcher> {
  const { createSearcher } = await import("../../core/connectors/mod.ts");
  const { index, stateDir, log } = options;
  if (index !== undefined) return await createSearcher(indexUrl(index), options);
  const found = await findDefault(options).catch((error: unknown) => {
    // One that is there and cannot be searched, as of an older format, is not passed over.
    if (!isMissing(error)) throw error;
    if (!existsSync(tryIndexPath(stateDir))) throw withoutAnyIndex(error);
    return createSearcher(tryIndexUrl(stateDir), options);
  });
  log.info(`Searching ${found.label}; --index names another index`);
  return found;
}

/** Where the embedded index of a state folder is. */
export function tryIndexPath(stateDir: string): string {
  return join(stateDir, "try", "index.sqlite");
}

/** The embedded index that belongs to a state folder. */
function tryIndexUrl(stateDir: string): string {
  return `sqlite:${tryIndexPath(stateDir)}`;
}

async function findDefault(options: OpenSearcherOptions): Promise<Searcher> {
  const { createSearcher } = await import("../../core/connectors/mod.ts");
  const searcher = await createSearcher(indexUrl(DEFAULT_INDEX), options);
  try {
    await searcher.byIds([], AbortSignal.timeout(PROBE_TIMEOUT_MS));
    return searcher;
  } catch (error) {
    await searcher[Symbol.asyncDispose]();
    throw error;
  }
}

/** Not there, or nobody who says so in time. */
function isMissing(error: unknown): boolean {
  return !(error instanceof KonnError) || error.mayPass || error.code === "OPENSEARCH_UNSUPPORTED";
}

function withoutAnyIndex(error: unknown): KonnError {
  return new KonnError("Cannot search: there is no index here, and none at OpenSearch", {
    code: "INDEX_NOT_FOUND",
    cause: error,
    hint: "Make one: konn try stream.jsonl. Or name one: --index sqlite:FILE.",
  });
}
