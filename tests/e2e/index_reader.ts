import { sharedServices } from "../services/mod.ts";

/** An independent look at OpenSearch: plain HTTP, none of konn's code. */

export interface IndexedDocument {
  readonly id: string;
  readonly version: number;
  readonly source: Readonly<Record<string, unknown>>;
}

/** Sends a request and returns the parsed answer, whatever its status. */
export async function request(
  path: string,
  { method = "GET", body }: { method?: string; body?: unknown } = {},
): Promise<{ status: number; body: any }> {
  const { openSearch } = await sharedServices();
  const response = await fetch(`${openSearch.url}${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  return { status: response.status, body: await response.json() };
}

/** The documents that a person who asks this name sees, by id. Refreshes first. */
export async function documentsOf(name: string): Promise<Map<string, IndexedDocument>> {
  await request(`/${name}/_refresh`, { method: "POST" });
  const { status, body } = await request(`/${name}/_search`, {
    method: "POST",
    body: { size: 10_000, version: true, query: { match_all: {} } },
  });
  if (status !== 200) throw new Error(`search of ${name} answered ${status}`);
  return new Map(
    body.hits.hits.map((hit: any) => [
      hit._id,
      { id: hit._id, version: hit._version, source: hit._source },
    ]),
  );
}

/** As {@link documentsOf}, for an index of any size: page by page. */
export async function allDocumentsOf(name: string): Promise<Map<string, IndexedDocument>> {
  await request(`/${name}/_refresh`, { method: "POST" });
  const documents = new Map<string, IndexedDocument>();
  let page = await request(`/${name}/_search?scroll=1m`, {
    method: "POST",
    body: { size: 5_000, version: true, query: { match_all: {} } },
  });
  while (page.body.hits.hits.length > 0) {
    for (const { _id: id, _version: version, _source: source } of page.body.hits.hits) {
      documents.set(id, { id, version, source });
    }
    const body = { scroll: "1m", scroll_id: page.body._scroll_id };
    page = await request("/_search/scroll", { method: "POST", body });
  }
  return documents;
}
