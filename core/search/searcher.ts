import type { EntityDocument } from "../konnect/entity_document.ts";
import type { Query } from "./query.ts";

export type { EntityDocument };

/** The longest query that is read, in Unicode characters. */
export const QUERY_MAX_LENGTH = 256;

/** The most hits that one page can have. */
export const PAGE_MAX_SIZE = 50;

/** How deep pages go: what lies behind so many hits nobody pages to. */
export const HITS_MAX_COUNT = 1_000;

/** What is looked for. Filters narrow what the query finds; an empty list filters nothing. */
export interface SearchRequest {
  readonly query: Query;
  /** Types as the entities have them, or as Konnect calls them: `node` and `data_plane`. */
  readonly types?: readonly string[] | undefined;
  /** Ids of control planes. */
  readonly controlPlanes?: readonly string[] | undefined;
  /**
   * Ids of control planes outside of which nothing exists for the asker: hits, total and all facets
   * stay within them, whatever the filters say. An empty list fences nothing in.
   */
  readonly fence?: readonly string[] | undefined;
  /** Hits on a page, 1 to {@link PAGE_MAX_SIZE}. 0: counts alone. */
  readonly size: number;
  /** `next` of the page before. It fits the same query and filters only. */
  readonly cursor?: string | undefined;
  /** Whether each hit is to say how its place came about. */
  readonly explain?: boolean | undefined;
}

/** An entity of the index. */
export interface IndexedEntity {
  /** The event's key. */
  readonly key: string;
  /** The last part of the key. */
  readonly id: string;
  readonly type: string;
  /** What a person calls it; its id, where it has no name. Never empty. */
  readonly name: string;
  readonly document: EntityDocument;
}

/** An entity that matches. */
export interface SearchHit extends IndexedEntity {
  /** Hits are in falling order of it. Comparable within one result only. */
  readonly score: number;
  /** The kind of match, a stable name in snake_case: `exact_name`, `name_typo`. */
  readonly tier: string;
  /** The text that matched: a name, a host, a path, a tag, a label. */
  readonly match: string;
  /** What to mark, the best field first; fields that hold nothing to mark are left out. */
  readonly highlights: readonly Highlight[];
  /** With `explain` alone: lines for a person, what counted first. */
  readonly explanation?: readonly string[];
}

/** What to mark in a value of a document. */
export interface Highlight {
  /** The member of the document, or `name` for what {@link IndexedEntity.name} holds. */
  readonly field: string;
  /** The value, as it stands in the document. */
  readonly text: string;
  /** Rising, without overlap, end excluded, in UTF-16 units of `text`. */
  readonly ranges: readonly (readonly [start: number, end: number])[];
}

/** How many of the matching entities have a value. The most frequent value first. */
export interface FacetCount {
  readonly value: string;
  readonly count: number;
  /** The name of a control plane, where the index holds it. */
  readonly name?: string;
}

/**
 * Counts over everything that matches, not only this page. Each facet leaves its own filter out of
 * account, so that the other choices keep their counts; the fence holds for all.
 */
export interface SearchFacets {
  readonly types: readonly FacetCount[];
  readonly controlPlanes: readonly FacetCount[];
}

export interface SearchResult {
  readonly hits: readonly SearchHit[];
  readonly total: {
    readonly count: number;
    /** False: at least so many; counting all would have taken too long. */
    readonly isExact: boolean;
  };
  readonly facets: SearchFacets;
  /** The cursor of the next page, undefined on the last one. */
  readonly next: string | undefined;
}

/**
 * Searches one index. Both engines keep the same promises:
 *
 * - The order is konn's own relevance: exact over prefix over fuzzy over inside a word, names over
 *   hosts and paths over tags and labels; ties go to the shorter name, then to the key.
 * - What was written and committed before `search` is called is found by it, as soon as the engine
 *   shows it at all (OpenSearch: a refresh, a second).
 * - Deleted entities are never found.
 * - Text of the query is data: it never becomes part of a query language of the engine.
 *
 * Call order: anything any number of times, at the same time too; dispose once or more. The first
 * call connects. Errors: {@link SearchError} for what the asker can mend; `INDEX_NOT_FOUND`,
 * `INDEX_NOT_OURS` and what the engine adds (unavailable) for the index. An error leaves the
 * searcher usable: an index may appear, a server may come back.
 */
export interface Searcher extends AsyncDisposable {
  /** What is searched, for a person: `sqlite:.konn/try/index.sqlite`, `cdc at http://...`. */
  readonly label: string;

  search(request: SearchRequest, signal?: AbortSignal): Promise<SearchResult>;

  /** The entity of an event's key. No fence applies: whoever has one checks `control_plane`. */
  get(key: string, signal?: AbortSignal): Promise<IndexedEntity | undefined>;

  /**
   * Entities that have one of these ids (at most {@link PAGE_MAX_SIZE}), for relations: the service
   * of a route is `byIds([route.document.parent])`, its control plane `byIds([...control_plane])`.
   * What has no entity is left out; an id may stand for several, of several control planes.
   */
  byIds(ids: readonly string[], signal?: AbortSignal): Promise<readonly IndexedEntity[]>;

  /** Types that the index holds, with the number of their entities, the most frequent first. */
  types(signal?: AbortSignal): Promise<readonly FacetCount[]>;
}
