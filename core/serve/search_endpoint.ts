import type { Searcher } from "../search/mod.ts";
import type { SearchJson } from "./api_shapes.ts";
import { hitJson } from "./entity_json.ts";
import { nextPath, searchRequestOf } from "./search_parameters.ts";
import { typeName } from "./type_descriptions.ts";

/** What an endpoint works with. */
export interface EndpointContext {
  readonly searcher: Searcher;
  /** Ids of control planes outside of which nothing exists. Empty: no fence. */
  readonly fence: readonly string[];
  /** Ends when the answer would come too late. */
  readonly signal: AbortSignal;
}

/** `GET /v1/search` */
export async function searchEndpoint(
  parameters: URLSearchParams,
  { searcher, fence, signal }: EndpointContext,
): Promise<SearchJson> {
  const request = searchRequestOf(parameters, fence);
  const { hits, total, facets, next } = await searcher.search(request, signal);
  return {
    data: hits.map(hitJson),
    meta: {
      page: { size: request.size, next: next === undefined ? null : nextPath(request, next) },
    },
    total: { count: total.count, exact: total.isExact },
    facets: {
      types: facets.types.map(({ value, count }) => ({ value, count, name: typeName(value) })),
      control_planes: facets.controlPlanes,
    },
  };
}
