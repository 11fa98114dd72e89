import { SearchError } from "./search_error.ts";
import { HITS_MAX_COUNT, type SearchRequest } from "./searcher.ts";

const CURSOR = /^(\d{1,6})\.([0-9a-z]{1,16})$/;

/** Where the page of a request begins among all hits. */
export function pageOffset(request: SearchRequest): number {
  if (request.cursor === undefined) return 0;
  const decoded = Buffer.from(request.cursor, "base64url").toString("latin1");
  const [, offset, fingerprint] = CURSOR.exec(decoded) ?? [];
  const isOurs = fingerprint === fingerprintOf(request) && Number(offset) < HITS_MAX_COUNT;
  if (isOurs) return Number(offset);
  throw new SearchError("Cannot show the page: its cursor is not one of this search", {
    code: "CURSOR_INVALID",
    expected: "the cursor of the page before, with the same query and filters",
  });
}

/** The cursor of the page behind this one, or undefined where there is none. */
export function nextCursor(
  request: SearchRequest,
  { offset, foundCount }: { readonly offset: number; readonly foundCount: number },
): string | undefined {
  const next = offset + request.size;
  if (request.size === 0 || next >= Math.min(foundCount, HITS_MAX_COUNT)) return undefined;
  return Buffer.from(`${next}.${fingerprintOf(request)}`, "latin1").toString("base64url");
}

/** A cursor belongs to one search: with other filters it would skip hits. */
function fingerprintOf({ query, types, controlPlanes, fence }: SearchRequest): string {
  const lists = [types, controlPlanes, fence].map((list) => (list ?? []).toSorted());
  return Bun.hash.wyhash(JSON.stringify([query.text, ...lists])).toString(36);
}
