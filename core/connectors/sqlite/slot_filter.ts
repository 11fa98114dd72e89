import type { SearchRequest } from "../../search/searcher.ts";
import { isSameType } from "../../search/type_names.ts";
import type { Catalog, SlotFilter } from "./catalog.ts";

/** What a request says about which entities count. */
export type Filters = Partial<Pick<SearchRequest, "types" | "controlPlanes" | "fence">>;

/** Filters as the catalog takes them. */
export function slotFilter(
  { typeNames, controlPlaneNames }: Catalog,
  { types, controlPlanes, fence }: Filters,
): SlotFilter {
  const chosen = marksOf(controlPlaneNames.names, controlPlanes, isSame);
  const fenced = marksOf(controlPlaneNames.names, fence, isSame);
  const both = chosen && fenced && chosen.map((mark, index) => mark & (fenced[index] ?? 0));
  return {
    types: marksOf(typeNames.names, types, isSameType),
    controlPlanes: both ?? chosen ?? fenced,
  };
}

/** Whether a filter filters anything. */
export function hasValues(list: readonly string[] | undefined): list is readonly string[] {
  return list !== undefined && list.length > 0;
}

/** 1 for each name that is one of those asked for; undefined where all are. */
function marksOf(
  names: readonly string[],
  asked: readonly string[] | undefined,
  isMeant: (name: string, asked: string) => boolean,
): Uint8Array | undefined {
  if (!hasValues(asked)) return undefined;
  return Uint8Array.from(names, (name) => (asked.some((other) => isMeant(name, other)) ? 1 : 0));
}

function isSame(a: string, b: string): boolean {
  return a === b;
}
