import { KonnError, messageOf } from "../../base/errors.ts";
import type {
  IndexInspector,
  InspectedDocument,
  InspectedIndex,
  Repair,
} from "../../connector/index_inspector.ts";
import {
  errorTypeOf,
  type OpenSearchAnswer,
  OpenSearchClient,
  type OpenSearchConnection,
  type OpenSearchRequest,
  recordOf,
  unreachable,
} from "./client.ts";
import { IndexAdmin } from "./index_admin.ts";
import { documentSource } from "./pending_document.ts";

/** Documents of at most some tens of KiB: a page stays well below 32 MiB. */
const PAGE_DOCUMENTS_COUNT = 1_000;
const SCROLL_KEPT = "2m";

export interface OpenSearchInspectorOptions extends OpenSearchConnection {
  /** The alias that everybody reads. */
  readonly index: string;
}

/**
 * Looks into the index behind an alias. It reads the index itself, since the alias hides tombstones.
 * Errors: `OPENSEARCH_UNREACHABLE`, `INDEX_NOT_FOUND`, `INDEX_NOT_OURS`, `OPENSEARCH_REFUSED`.
 */
export function createOpenSearchInspector(options: OpenSearchInspectorOptions): IndexInspector {
  return new OpenSearchInspector(options);
}

class OpenSearchInspector implements IndexInspector {
  readonly #options: OpenSearchInspectorOptions;
  #client: OpenSearchClient | undefined;
  #indexName = "";

  constructor(options: OpenSearchInspectorOptions) {
    this.#options = options;
  }

  async open(signal: AbortSignal): Promise<InspectedIndex> {
    const { index: alias } = this.#options;
    const client = await OpenSearchClient.create(this.#options);
    this.#client = client;
    await client.identify(signal);
    const [index] = await new IndexAdmin(client, signal).find(alias);
    if (!index) throw notFound(alias);
    if (!index.meta || index.name === alias) throw notOurs(alias);
    this.#indexName = index.name;
    return { source: index.meta.source, truncatedAtLsn: index.meta.truncatedAtLsn };
  }

  async *documents(signal: AbortSignal): AsyncGenerator<readonly InspectedDocument[]> {
    await this.#must({ method: "POST", path: `/${this.#path()}/_refresh` }, signal);
    let page = await this.#must(
      {
        method: "POST",
        path: `/${this.#path()}/_search?scroll=${SCROLL_KEPT}`,
        body: {
          size: PAGE_DOCUMENTS_COUNT,
          version: true,
          sort: ["_doc"],
          query: { match_all: {} },
        },
      },
      signal,
    );
    const scrollId = String(recordOf(page)["_scroll_id"]);
    try {
      for (let documents = hitsOf(page); documents.length > 0; documents = hitsOf(page)) {
        yield documents;
        const body = { scroll: SCROLL_KEPT, scroll_id: scrollId };
        page = await this.#must({ method: "POST", path: "/_search/scroll", body }, signal);
      }
    } finally {
      const request = { method: "DELETE", path: "/_search/scroll", body: { scroll_id: scrollId } };
      await this.#open()
        .request({ ...request, method: "DELETE" })
        .catch(() => undefined);
    }
  }

  async repair(repairs: readonly Repair[], signal: AbortSignal): Promise<number> {
    let takenCount = 0;
    for (const { key, version, document } of repairs) {
      const source = documentSource(document, new Date());
      const query = `version=${version}&version_type=external`;
      const path = `/${this.#path()}/_doc/${encodeURIComponent(key)}?${query}`;
      const answer = await this.#ask({ method: "PUT", path, body: source }, signal);
      if (answer.status === 200 || answer.status === 201) takenCount += 1;
      else if (answer.status !== 409) throw refused(answer.status, answer.body);
    }
    return takenCount;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.close();
  }

  async #must(request: OpenSearchRequest, signal: AbortSignal): Promise<unknown> {
    const { status, body } = await this.#ask(request, signal);
    if (status !== 200) throw refused(status, body);
    // Half a page has the status 200, and what it lacks would be taken for missing.
    if (!isWhole(body)) throw incomplete();
    return body;
  }

  async #ask(request: OpenSearchRequest, signal: AbortSignal): Promise<OpenSearchAnswer> {
    const client = this.#open();
    try {
      return await client.request(request, signal);
    } catch (error) {
      if (error instanceof KonnError) throw error;
      throw unreachable(client.url, messageOf(error));
    }
  }

  #path(): string {
    return encodeURIComponent(this.#indexName);
  }

  #open(): OpenSearchClient {
    if (this.#client) return this.#client;
    throw new KonnError("Cannot look into the index: it was not opened", {
      code: "INDEX_NOT_OPEN",
      kind: "failed",
    });
  }
}

function isWhole(body: unknown): boolean {
  const { timed_out: isTimedOut, _shards: shards } = recordOf(body);
  return isTimedOut !== true && !Number(recordOf(shards)["failed"]);
}

function hitsOf(page: unknown): readonly InspectedDocument[] {
  const { hits } = recordOf(recordOf(page)["hits"]);
  // Something between konn and OpenSearch may answer 200 with a page of its own.
  if (!Array.isArray(hits)) throw incomplete();
  return hits.map(documentOf);
}

function documentOf(hit: unknown): InspectedDocument {
  const { _id: key, _version: version, _source: source } = recordOf(hit);
  const { deleted, deleted_at: _deletedAt, ...content } = recordOf(source);
  return {
    key: String(key),
    version: BigInt(Number(version)),
    isDeleted: deleted !== false,
    content,
  };
}

function notFound(alias: string): KonnError {
  return new KonnError(`Cannot look into ${alias}: there is no such index`, {
    code: "INDEX_NOT_FOUND",
    mayPass: true,
    hint: "Build it with `konn sync --from-beginning`, or name another one with --index.",
  });
}

function notOurs(alias: string): KonnError {
  return new KonnError(`Cannot look into ${alias}: it is not an alias that konn has made`, {
    code: "INDEX_NOT_OURS",
    hint: "Name another one with --index.",
  });
}

function incomplete(): KonnError {
  return new KonnError("Cannot look into the index: the answer is not whole", {
    code: "INDEX_INCOMPLETE",
    hint: "Look at the cluster's health: GET _cluster/health.",
  });
}

function refused(status: number, body: unknown): KonnError {
  return new KonnError(
    `Cannot look into the index: OpenSearch answers ${status} ${errorTypeOf(body)}`,
    {
      code: "OPENSEARCH_REFUSED",
      hint: "Look at the cluster's health and at what the user may do.",
    },
  );
}
