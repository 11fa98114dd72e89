/** What the key of a row says of its entity. */
export interface EntityKey {
  /** The control plane that the entity belongs to; `_global` for control planes themselves. */
  readonly controlPlane?: string;
  readonly type: string;
  readonly id: string;
}

/** The type of a row whose key has another shape than `c/<control plane>/o/<type>/<id>`. */
const UNKNOWN_TYPE = "unknown";

const PLANE_MARK = "c/";
const TYPE_MARK = "/o/";

/** Takes a key apart; the type is as written. The id is the rest, slashes in it included. */
export function parseEntityKey(key: string): EntityKey {
  const typeStart = typeStartOf(key);
  const typeEnd = typeEndOf(key, typeStart);
  if (typeEnd < 0) return { type: UNKNOWN_TYPE, id: key };
  return {
    controlPlane: key.slice(PLANE_MARK.length, typeStart - TYPE_MARK.length),
    type: key.slice(typeStart, typeEnd),
    id: key.slice(typeEnd + 1),
  };
}

/** The type alone, as {@link parseEntityKey} finds it. */
export function entityTypeOf(key: string): string {
  const typeStart = typeStartOf(key);
  const typeEnd = typeEndOf(key, typeStart);
  return typeEnd < 0 ? UNKNOWN_TYPE : key.slice(typeStart, typeEnd);
}

/** The place behind the control plane and what follows it, or -1. */
function typeStartOf(key: string): number {
  const planeEnd = key.indexOf("/", PLANE_MARK.length);
  const isUsual =
    planeEnd > PLANE_MARK.length &&
    key.startsWith(PLANE_MARK) &&
    key.startsWith(TYPE_MARK, planeEnd);
  return isUsual ? planeEnd + TYPE_MARK.length : -1;
}

/** The place of the slash before the id, or -1 where type or id is missing. */
function typeEndOf(key: string, typeStart: number): number {
  const typeEnd = typeStart < 0 ? -1 : key.indexOf("/", typeStart);
  return typeEnd > typeStart && typeEnd + 1 < key.length ? typeEnd : -1;
}
