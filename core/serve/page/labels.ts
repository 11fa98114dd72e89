import type { FacetJson } from "../api_shapes.ts";

const TONES_COUNT = 8;
const typeNames = new Map<string, string>();
const planeNames = new Map<string, string>();

/** Remembers what types and control planes are called. */
export function learnNames(types: readonly FacetJson[], planes: readonly FacetJson[]): void {
  for (const { value, name } of types) if (name !== undefined) typeNames.set(value, name);
  for (const { value, name } of planes) if (name !== undefined) planeNames.set(value, name);
}

export function typeLabel(type: string): string {
  return typeNames.get(type) ?? type.replaceAll(/[_-]+/g, " ");
}

/** The control plane of what belongs to the organization itself. */
const GLOBAL_PLANE = "_global";

/** The name of a control plane, else enough of its id to tell it from others. */
export function planeLabel(id: string): string {
  if (id === GLOBAL_PLANE) return "organization";
  return planeNames.get(id) ?? (id.length > 13 ? `${id.slice(0, 8)}…` : id);
}

/** The colour of a type: the same one every time. */
export function toneOf(type: string): string {
  let sum = 0;
  for (const character of type) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 9_973;
  return String(sum % TONES_COUNT);
}
