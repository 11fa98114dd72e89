/**
 * One idea of relevance for every engine: the query language, what a match is worth, and the
 * contract that an engine keeps.
 *
 * ```ts
 * const result = await searcher.search({ query: parseQuery("type:service paymnets"), size: 10 });
 * ```
 *
 * `parseQuery` throws a {@link SearchError} that says where and what was expected. An engine
 * (`core/connectors/<kind>/searcher.ts`) finds candidates and has them ranked here.
 */
export {
  type AttributeName,
  ATTRIBUTES,
  attributesOfType,
  parentNameOfType,
} from "./attributes.ts";
export { parseQuery } from "./parse_query.ts";
export type {
  All,
  Any,
  Expression,
  Not,
  Pattern,
  Query,
  Span,
  Term,
  TermField,
  Words,
} from "./query.ts";
export { SearchError, type SearchErrorCode } from "./search_error.ts";
export {
  type EntityDocument,
  type FacetCount,
  type Highlight,
  HITS_MAX_COUNT,
  type IndexedEntity,
  PAGE_MAX_SIZE,
  QUERY_MAX_LENGTH,
  type SearchFacets,
  type Searcher,
  type SearchHit,
  type SearchRequest,
  type SearchResult,
} from "./searcher.ts";
export { canonicalType, isSameType } from "./type_names.ts";
