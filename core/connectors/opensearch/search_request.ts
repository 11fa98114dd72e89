import type { Expression } from "../../search/query.ts";
import type { SearchRequest } from "../../search/searcher.ts";
import { typeSpellings } from "../../search/type_names.ts";
import { candidateQuery, type Effort } from "./candidate_query.ts";
import { allOf, type Clause, EVERYTHING, terms, worth } from "./clauses.ts";

/** What a request says about which entities count. */
type Filters = Pick<SearchRequest, "types" | "controlPlanes" | "fence">;

/** More than any way to be found is worth: what passes the filters is looked at first. */
const PASSING_POINTS = 10_000;
/** Values that a facet lists. */
const FACET_MAX_COUNT = 100;
const SEARCH_TIMEOUT = "5s";

/** What is asked for, and of how many candidates. */
interface Wanted {
  readonly effort: Effort;
  /** How many candidates are to be compared. */
  readonly windowCount: number;
}

/**
 * A request for candidates. What the filters leave out comes last: it is looked at only where there
 * is room for all, and then tells what the other choices of a filter would have. Only what is found
 * without looking for typos is counted.
 */
export function searchBody(
  expression: Expression | undefined,
  filters: Filters,
  { effort, windowCount }: Wanted,
): object {
  const { types, controlPlanes } = filters;
  const typeFilter = hasValues(types) ? terms("type", types.flatMap(typeSpellings)) : EVERYTHING;
  const planeFilter = hasValues(controlPlanes) ? terms("control_plane", controlPlanes) : EVERYTHING;
  const passing = allOf([typeFilter, planeFilter]);
  const aggs = {
    all: { filter: passing },
    types: countedBy("type", planeFilter),
    control_planes: countedBy("control_plane", typeFilter),
  };
  return {
    size: windowCount,
    timeout: SEARCH_TIMEOUT,
    track_total_hits: true,
    query: {
      bool: {
        must: [candidateQuery(expression, effort)],
        filter: fenceOf(filters),
        should: passing === EVERYTHING ? [] : [worth(PASSING_POINTS, passing)],
      },
    },
    sort: [{ _score: "desc" }, { "search.length": "asc" }, { id: "asc" }],
    ...(effort === "strict" && { aggs }),
  };
}

/** What lies within the fence, if there is one. */
function fenceOf({ fence }: Pick<SearchRequest, "fence">): readonly Clause[] {
  return hasValues(fence) ? [terms("control_plane", fence)] : [];
}

/** How many there are of each type, or of each control plane. */
export function countedBy(field: string, filter: Clause): object {
  return { filter, aggs: { values: { terms: { field, size: FACET_MAX_COUNT } } } };
}

/** Whether a filter filters anything. */
export function hasValues(list: readonly string[] | undefined): list is readonly string[] {
  return list !== undefined && list.length > 0;
}
