import type { FacetCount, SearchFacets, SearchRequest } from "../../search/searcher.ts";
import type { Tally } from "./catalog.ts";
import type { LoadedGeneration } from "./loaded_generation.ts";
import { hasValues, slotFilter } from "./slot_filter.ts";

/** Values that a facet lists. */
const FACET_MAX_COUNT = 100;

/** Counts of a search: how many match, and the facets. */
export interface Counts {
  readonly total: number;
  readonly facets: SearchFacets;
}

/** Counts over entities that match the query, whatever the filters by type and control plane say. */
export function countMatching(
  loaded: LoadedGeneration,
  slots: Iterable<number>,
  request: SearchRequest,
): Counts {
  const { catalog } = loaded;
  const wanted = slotFilter(catalog, request);
  const ofTypes = slotFilter(catalog, { ...request, types: undefined });
  const ofPlanes = slotFilter(catalog, { ...request, controlPlanes: undefined });
  const isNarrowed = hasValues(request.types) || hasValues(request.controlPlanes);
  const types = new Uint32Array(catalog.typeNames.names.length);
  const controlPlanes = new Uint32Array(catalog.controlPlaneNames.names.length);
  let total = 0;
  for (const slot of slots) {
    const [type, plane] = [catalog.typeOf(slot), catalog.controlPlaneOf(slot)];
    if (!isNarrowed || catalog.passes(slot, wanted)) total += 1;
    if (!isNarrowed || catalog.passes(slot, ofTypes)) types[type] = (types[type] ?? 0) + 1;
    if (!isNarrowed || catalog.passes(slot, ofPlanes)) {
      controlPlanes[plane] = (controlPlanes[plane] ?? 0) + 1;
    }
  }
  return { total, facets: facetsOf(loaded, types, controlPlanes) };
}

/** Counts over everything. */
export function countAll(loaded: LoadedGeneration, request: SearchRequest): Counts {
  const { catalog } = loaded;
  const tally = (filters: Partial<SearchRequest>): Tally =>
    catalog.tally(slotFilter(catalog, { ...request, ...filters }));
  const all = tally({});
  const types = hasValues(request.types) ? tally({ types: undefined }) : all;
  const planes = hasValues(request.controlPlanes) ? tally({ controlPlanes: undefined }) : all;
  return { total: all.count, facets: facetsOf(loaded, types.types, planes.controlPlanes) };
}

/** Counts by number as the counts of a facet, the most frequent first. */
export function facetOf(counts: Uint32Array, names: readonly string[]): FacetCount[] {
  return Array.from(counts, (count, number) => ({ value: names[number] ?? "", count }))
    .filter(({ value, count }) => count > 0 && value !== "")
    .toSorted((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
    .slice(0, FACET_MAX_COUNT);
}

function facetsOf(
  loaded: LoadedGeneration,
  types: Uint32Array,
  controlPlanes: Uint32Array,
): SearchFacets {
  const { typeNames, controlPlaneNames } = loaded.catalog;
  const names = loaded.clusterNames();
  return {
    types: facetOf(types, typeNames.names),
    controlPlanes: facetOf(controlPlanes, controlPlaneNames.names).map((facet): FacetCount => {
      const name = names.get(facet.value);
      return name === undefined ? facet : Object.assign(facet, { name });
    }),
  };
}
