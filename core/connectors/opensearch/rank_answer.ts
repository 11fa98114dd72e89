import { nextCursor } from "../../search/page_cursor.ts";
import { byRank, type Scored, searchHits } from "../../search/ranked_hits.ts";
import { expressionScorer } from "../../search/score_expression.ts";
import type { FacetCount, SearchRequest, SearchResult } from "../../search/searcher.ts";
import { isSameType } from "../../search/type_names.ts";
import { isExact } from "./candidate_query.ts";
import { byCount, type SearchAnswer } from "./search_answer.ts";
import { hasValues } from "./search_request.ts";

const FACET_MAX_COUNT = 100;

/** Compares candidates with the query: what OpenSearch thinks of them counts no more. */
export function rankAnswer(
  { entities, candidatesCount, sure }: SearchAnswer,
  request: SearchRequest,
  offset: number,
): SearchResult {
  const { expression } = request.query;
  const scorer = expressionScorer(expression);
  const matching: Scored[] = [];
  for (const entity of entities) {
    const ranking = scorer.score(entity);
    if (ranking) matching.push({ entity, ranking });
  }
  const hits = matching.filter((scored) => isOfType(scored, request) && isOfPlane(scored, request));
  const page = hits.toSorted(byRank).slice(offset, offset + request.size);
  // Where all candidates were compared, what was counted here is right, and else at least so much.
  const isComplete = candidatesCount <= entities.length;
  const isCounted = isComplete || (sure.count < hits.length && !isExact(expression));
  const facets = isCounted ? facetsOf(matching, request) : sure;
  return {
    hits: searchHits(page, request),
    total: {
      count: isCounted ? hits.length : sure.count,
      isExact: isComplete || isExact(expression),
    },
    facets: { types: facets.types, controlPlanes: facets.controlPlanes },
    next: nextCursor(request, { offset, foundCount: hits.length }),
  };
}

function isOfType({ entity }: Scored, { types }: SearchRequest): boolean {
  return !hasValues(types) || types.some((type) => isSameType(entity.document.type, type));
}

function isOfPlane({ entity }: Scored, { controlPlanes }: SearchRequest): boolean {
  const { control_plane: own = "" } = entity.document;
  return !hasValues(controlPlanes) || controlPlanes.includes(own);
}

/** Each facet leaves its own filter out of account. */
function facetsOf(
  matching: readonly Scored[],
  request: SearchRequest,
): Pick<SearchAnswer["sure"], "types" | "controlPlanes"> {
  const ofPlanes = matching.filter((scored) => isOfPlane(scored, request));
  const ofTypes = matching.filter((scored) => isOfType(scored, request));
  return {
    types: counted(ofPlanes.map(({ entity }) => entity.document.type)),
    controlPlanes: counted(ofTypes.map(({ entity }) => entity.document.control_plane)),
  };
}

function counted(values: readonly (string | undefined)[]): readonly FacetCount[] {
  const counts = new Map<string, number>();
  for (const value of values) {
    if (value !== undefined && value !== "") counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return Array.from(counts, ([value, count]) => ({ value, count }))
    .toSorted(byCount)
    .slice(0, FACET_MAX_COUNT);
}
