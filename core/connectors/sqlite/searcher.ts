import type { Database } from "bun:sqlite";
import { resolve } from "node:path";
import { KonnError } from "../../base/errors.ts";
import { releaseMemory } from "../../base/release_memory.ts";
import { indexedEntity } from "../../search/ranked_hits.ts";
import {
  type FacetCount,
  type IndexedEntity,
  PAGE_MAX_SIZE,
  type Searcher,
  type SearchRequest,
  type SearchResult,
} from "../../search/searcher.ts";
import { facetOf } from "./facets.ts";
import { hashOf } from "./generation_writer.ts";
import { generationsOf, guarded, openForReading } from "./index_file.ts";
import { LoadedGeneration } from "./loaded_generation.ts";
import { runSearch } from "./run_search.ts";
import { slotFilter } from "./slot_filter.ts";

export interface SqliteSearcherOptions {
  readonly path: string;
}

/**
 * Searches an index file. What a sink commits is found by the next search: the searcher takes up
 * what has changed since the last one, and never sees half of a transaction.
 *
 * Errors: `INDEX_NOT_FOUND`, `INDEX_NOT_OURS`, `INDEX_FORMAT_UNKNOWN`, `INDEX_BUSY`,
 * `INDEX_FILE_UNUSABLE`.
 */
export function createSqliteSearcher(options: SqliteSearcherOptions): Searcher {
  return new SqliteSearcher(options);
}

class SqliteSearcher implements Searcher {
  readonly label: string;
  readonly #path: string;
  #database: Database | undefined;
  #loaded: LoadedGeneration | undefined;
  #dataVersion = -1;

  constructor({ path }: SqliteSearcherOptions) {
    this.#path = path;
    this.label = `sqlite:${path}`;
  }

  search(request: SearchRequest, signal?: AbortSignal): Promise<SearchResult> {
    return this.#read(signal, (loaded) => runSearch(loaded, request));
  }

  get(key: string, signal?: AbortSignal): Promise<IndexedEntity | undefined> {
    return this.#read(signal, ({ number }, database) => {
      const row = database
        .query<{ document: string }, [bigint, string]>(
          `SELECT document FROM entity_${number} WHERE key_hash = ? AND key = ?`,
        )
        .get(hashOf(key), key);
      return row ? indexedEntity(key, JSON.parse(row.document)) : undefined;
    });
  }

  byIds(ids: readonly string[], signal?: AbortSignal): Promise<readonly IndexedEntity[]> {
    return this.#read(signal, (loaded) => {
      const wanted = new Set(ids.slice(0, PAGE_MAX_SIZE));
      const all = slotFilter(loaded.catalog, {});
      const slots = Array.from(wanted, (id) => loaded.catalog.withIdHead(id, all)).flat();
      const entities = [...loaded.entities(slots).values()];
      return entities
        .filter(({ document }) => wanted.has(document.id))
        .map(({ key, document }) => indexedEntity(key, document));
    });
  }

  types(signal?: AbortSignal): Promise<readonly FacetCount[]> {
    return this.#read(signal, ({ catalog }) => {
      return facetOf(catalog.tally(slotFilter(catalog, {})).types, catalog.typeNames.names);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    const database = this.#database;
    this.#database = undefined;
    this.#loaded = undefined;
    database?.close();
    return Promise.resolve();
  }

  /** Runs inside one transaction, so that the catalog and the tables are of the same moment. */
  #read<Result>(
    signal: AbortSignal | undefined,
    action: (loaded: LoadedGeneration, database: Database) => Result,
  ): Promise<Result> {
    return Promise.try(() => {
      signal?.throwIfAborted();
      return guarded(this.#path, "search", () => {
        const database = this.#open();
        const result = database
          .transaction(() => action(this.#refresh(database), database))
          .deferred();
        // Once it is answered: whoever waits for this search does not wait for that as well.
        setTimeout(releaseMemory, 0, this.#loaded?.takeGarbage() ?? 0);
        return result;
      });
    });
  }

  #open(): Database {
    this.#database ??= openForReading(resolve(this.#path));
    if (this.#database) return this.#database;
    throw notFound(this.#path);
  }

  #refresh(database: Database): LoadedGeneration {
    const row = database.query<{ data_version: number }, []>("PRAGMA data_version").get();
    const dataVersion = row?.data_version ?? 0;
    if (this.#loaded && dataVersion === this.#dataVersion) return this.#loaded;
    const live = generationsOf(database).find(({ isLive }) => isLive);
    if (!live) throw notFound(this.#path);
    if (this.#loaded?.number !== live.number) {
      this.#loaded = new LoadedGeneration(database, live.number);
    }
    this.#loaded.refresh();
    this.#dataVersion = dataVersion;
    return this.#loaded;
  }
}

function notFound(path: string): KonnError {
  return new KonnError(`Cannot search ${path}: there is no index`, {
    code: "INDEX_NOT_FOUND",
    mayPass: true,
    hint: `Make it: konn pipe --from stream.jsonl --to sqlite:${path}`,
  });
}
