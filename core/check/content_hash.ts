/** What a document says as one text, whatever the order of its members: a person may have written it. */
export function contentText(document: object): string {
  const members = Object.entries(document).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(members);
}

/** A hash of what a document says. Signed, as SQLite keeps it. */
export function contentHash(document: object): bigint {
  return hashOfText(contentText(document));
}

/** As {@link contentHash}, of a text of {@link contentText}. */
export function hashOfText(text: string): bigint {
  return BigInt.asIntN(64, Bun.hash.wyhash(text));
}
