import { existsSync } from "node:fs";
import { join } from "node:path";
import { KonnError } from "../../core/base/errors.ts";
import type { SearcherOptions } from "../../core/connectors/mod.ts";
import { OPENSEARCH_SECURITY_SETTINGS } from "../../core/config/mod.ts";
import type { Searcher } from "../../core/search/mod.ts";
import { indexUrl } from "./index_url.ts";
import type { Invocation } from "./declare.ts";
import { searchSecurity } from "./security.ts";

/** The settings that say which index is searched, and how it is reached. */
export const SEARCHER_SETTINGS = [
  "index",
  "opensearch-url",
  ...OPENSEARCH_SECURITY_SETTINGS,
] as const;

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
export async function openSearcher({
  settings,
  given,
  terminal,
}: Pick<
  Invocation<(typeof SEARCHER_SETTINGS)[number]>,
  "settings" | "given" | "terminal"
>): Promise<Searcher> {
  const { createSearcher } = await import("../../core/connectors/mod.ts");
  const { index } = settings;
  const options: SearcherOptions = {
    openSearchUrl: settings["opensearch-url"],
    security: searchSecurity(settings),
  };
  if (given.has("index") || index !== DEFAULT_INDEX) {
    return await createSearcher(indexUrl(index), options);
  }
  const found = await findDefault(options).catch((error: unknown) => {
    // One that is there and cannot be searched, as of an older format, is not passed over.
    if (!isMissing(error)) throw error;
    const path = tryIndexPath(settings["state-dir"]);
    if (!existsSync(path)) throw withoutAnyIndex(error);
    return createSearcher(`sqlite:${path}`, options);
  });
  terminal.log.info(`Searching ${found.label}; --index names another index`);
  return found;
}

/** Where the embedded index of a state folder is. */
export function tryIndexPath(stateDir: string): string {
  return join(stateDir, "try", "index.sqlite");
}

async function findDefault(options: SearcherOptions): Promise<Searcher> {
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
