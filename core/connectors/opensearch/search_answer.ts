import { SearchableEntity } from "../../search/searchable_entity.ts";
import type { EntityDocument, FacetCount } from "../../search/searcher.ts";
import { recordOf } from "./client.ts";
import { isEntity } from "./search_fields.ts";

/** What OpenSearch found. */
export interface SearchAnswer {
  readonly entities: readonly SearchableEntity[];
  /** How many candidates there are, those that were not sent included. */
  readonly candidatesCount: number;
}

/** Counts of everything that a request finds. */
export interface AnswerCounts {
  readonly count: number;
  readonly types: readonly FacetCount[];
  readonly controlPlanes: readonly FacetCount[];
}

/** Reads the answer to a search. */
export function readAnswer(body: unknown): SearchAnswer {
  const { total } = recordOf(recordOf(body)["hits"]);
  return {
    entities: foundEntities(body).map(({ key, document }) => new SearchableEntity(key, document)),
    candidatesCount: countOf(recordOf(total)["value"]),
  };
}

/** Reads the counts of an answer to a strict search. */
export function readCounts(body: unknown): AnswerCounts {
  const counts = recordOf(recordOf(body)["aggregations"]);
  return {
    count: countOf(recordOf(counts["all"])["doc_count"]),
    types: readFacet(counts["types"]),
    controlPlanes: readFacet(counts["control_planes"]),
  };
}

/**
 * The documents of an answer, with their keys. What somebody else has put there is no entity. That
 * it is not deleted is left out here: OpenSearch would take each document apart for it.
 */
export function foundEntities(body: unknown): { key: string; document: EntityDocument }[] {
  const { hits } = recordOf(recordOf(body)["hits"]);
  const found: { key: string; document: EntityDocument }[] = [];
  for (const hit of Array.isArray(hits) ? hits : []) {
    const { _id: key, _source: source } = recordOf(hit);
    const { deleted: _deleted, ...document } = recordOf(source);
    if (isEntity(document)) found.push({ key: String(key), document });
  }
  return found;
}

/** Reads what `countedBy` asked for. */
export function readFacet(aggregation: unknown): readonly FacetCount[] {
  const { buckets } = recordOf(recordOf(aggregation)["values"]);
  const counts = (Array.isArray(buckets) ? buckets : []).map((bucket): FacetCount => {
    const { key, doc_count: count } = recordOf(bucket);
    return { value: String(key), count: countOf(count) };
  });
  return counts.toSorted(byCount);
}

/** The most frequent first. */
export function byCount(a: FacetCount, b: FacetCount): number {
  return b.count - a.count || (a.value < b.value ? -1 : 1);
}

function countOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
