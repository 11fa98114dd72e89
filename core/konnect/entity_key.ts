/** What the key of a row says of its entity. */
export interface EntityKey {
  /** The control plane that the entity belongs to; `_global` for control planes themselves. */
  readonly controlPlane?: string;
  readonly type: string;
  readonly id: string;
}

/** The type of a row whose key has another shape than `c/<control plane>/o/<type>/<id>`. */
const UNKNOWN_TYPE = "unknown";

const ENTITY_KEY = /^c\/([^/]+)\/o\/([^/]+)\/([^]+)$/;

/** Takes a key apart; the type is as written. The id is the rest, slashes in it included. */
export function parseEntityKey(key: string): EntityKey {
  const [, controlPlane, type, id] = ENTITY_KEY.exec(key) ?? [];
  if (controlPlane === undefined || type === undefined || id === undefined) {
    return { type: UNKNOWN_TYPE, id: key };
  }
  return { controlPlane, type, id };
}
