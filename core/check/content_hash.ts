/**
 * A hash of what a document says, whatever the order of its members: someone may have written it by
 * hand. Signed, as SQLite keeps it.
 */
export function contentHash(document: object): bigint {
  const members = Object.entries(document).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return BigInt.asIntN(64, Bun.hash.wyhash(JSON.stringify(members)));
}
