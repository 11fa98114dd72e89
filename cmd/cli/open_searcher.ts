import { join } from "node:path";
import type { Searcher } from "../../core/search/mod.ts";
import type { SearcherOptions } from "../../core/connectors/mod.ts";
import { indexUrl } from "./index_url.ts";

export interface OpenSearcherOptions extends SearcherOptions {
  /** `--index`, or undefined where nobody has said which. */
  readonly index: string | undefined;
  readonly stateDir: string;
}

/** The searcher of the index that is meant: the one that was named, else the folder's own. */
export async function openSearcher(options: OpenSearcherOptions): Promise<Searcher> {
  const { createSearcher } = await import("../../core/connectors/mod.ts");
  const { index, stateDir } = options;
  const url = index === undefined ? tryIndexUrl(stateDir) : indexUrl(index);
  return await createSearcher(url, options);
}

/** The embedded index that belongs to a state folder. */
export function tryIndexUrl(stateDir: string): string {
  return `sqlite:${join(stateDir, "try", "index.sqlite")}`;
}
