import { type CatalogColumns, ENTITY_END, encodeColumns } from "./catalog_delta.ts";

/**
 * Makes one delta of several that follow each other. What was added and removed among them leaves
 * only its removal, for a searcher that has seen the one and not yet the other.
 */
export function mergeDeltas(deltas: readonly CatalogColumns[]): Uint8Array {
  const removed = new Set<number>();
  for (const delta of deltas) for (const id of delta.removed) removed.add(id);
  const ids: number[] = [];
  const idHeads: number[] = [];
  const types: string[] = [];
  const controlPlanes: string[] = [];
  const names: Uint8Array[] = [];
  for (const delta of deltas) {
    let start = 0;
    for (const [index, id] of delta.ids.entries()) {
      const end = delta.names.indexOf(ENTITY_END, start) + 1;
      if (!removed.has(id)) {
        ids.push(id);
        idHeads.push(delta.idHeads[index] ?? 0);
        types.push(delta.typeNames[delta.types[index] ?? 0] ?? "");
        controlPlanes.push(delta.controlPlaneNames[delta.controlPlanes[index] ?? 0] ?? "");
        names.push(delta.names.subarray(start, end));
      }
      start = end;
    }
  }
  return encodeColumns({
    removed: [...removed],
    ids,
    idHeads,
    types,
    controlPlanes,
    words: deltas.flatMap(({ words }) => words),
    names: Buffer.concat(names),
  });
}
