import { KonnError, messageOf } from "../../base/errors.ts";
import { releaseMemory } from "../../base/release_memory.ts";
import type { SinkResume } from "../../connector/mod.ts";
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
import { isOfFamily, writerAliasOf } from "./index_family.ts";
import { INDEX_FORMAT, LIVE_FILTER } from "./mapping.ts";
import { documentSource } from "./pending_document.ts";
import { olderFormat } from "./refusals.ts";
import { checkRemembered } from "./target_index.ts";

const PAGE_DOCUMENTS_MAX_COUNT = 1_000;
/** What a page takes of OpenSearch's memory and, some copies more, of konn's. */
const PAGE_MAX_CHARS = 4 * 1024 * 1024;
/** Of a document beside its content. */
const DOCUMENT_OVERHEAD_CHARS = 1024;
const SCROLL_CLOSE_TIMEOUT_MS = 2_000;
const SCROLL_KEPT = "2m";

/** JSON numbers are exact below this. konn's own versions never come near it. */
const VERSIONS_END = 2n ** 53n;

/**
 * Finds every document and marks those that readers see, by the very filter of the alias: what
 * OpenSearch takes for false is its own affair ("false" is).
 */
const LIVE_MARK = "live";
const MARKED_DOCUMENTS = {
  bool: {
    should: [{ match_all: {} }, { bool: { filter: LIVE_FILTER, _name: LIVE_MARK } }],
  },
} as const;

export interface OpenSearchInspectorOptions extends OpenSearchConnection {
  /** The alias that everybody reads. */
  readonly index: string;
}

/**
 * Looks into the index behind an alias. It reads the index itself, since the alias hides tombstones.
 * Errors: `OPENSEARCH_UNREACHABLE`, `INDEX_NOT_FOUND`, `INDEX_NOT_OURS`, `INDEX_FORMAT_UNKNOWN`, `INDEX_FORMAT_OLD`,
 * `INDEX_INCOMPLETE`, `INDEX_REPLACED`, `OPENSEARCH_REFUSED`.
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
    const [index, ...others] = await new IndexAdmin(client, signal).find(alias);
    if (!index) throw notFound(alias);
    if (index.name === alias) throw notOurs(alias, "it is an index and not an alias of konn's");
    const { meta, name } = index;
    if (others.length > 0) throw notOurs(alias, `it stands for ${others.length + 1} indexes`);
    if (meta?.alias !== alias) throw notOurs(alias, `konn did not make ${name} for it`);
    if (meta.konn > INDEX_FORMAT) throw unknownFormat(alias, meta.konn);
    if (meta.konn < INDEX_FORMAT) throw olderFormat(`look into ${alias}`, meta.konn);
    this.#indexName = name;
    await this.#refuseAnotherView(signal);
    return {
      source: meta.source,
      truncatedAtLsn: meta.truncatedAtLsn,
      identity: { index: name, "index uuid": index.uuid },
      mayReplace: (identity) => isOfFamily(identity["index"] ?? "", alias),
    };
  }

  async check(resume: SinkResume, signal: AbortSignal): Promise<void> {
    const { index: alias } = this.#options;
    const client = await OpenSearchClient.create(this.#options);
    this.#client = client;
    await client.identify(signal);
    await checkRemembered({ alias, admin: new IndexAdmin(client, signal) }, resume);
  }

  async confirm(signal: AbortSignal): Promise<void> {
    const { index: alias } = this.#options;
    const found = await new IndexAdmin(this.#open(), signal).find(alias);
    const names = found.map(({ name }) => name);
    if (names.length !== 1 || names[0] !== this.#indexName) throw replaced(alias);
    await this.#refuseAnotherView(signal);
  }

  /** What readers see is the index through its alias: that must hide tombstones, and only these. */
  async #refuseAnotherView(signal: AbortSignal): Promise<void> {
    const { index: alias } = this.#options;
    const path = `/${this.#path()}/_alias/${encodeURIComponent(alias)}`;
    const { status, body } = await this.#ask({ method: "GET", path }, signal);
    if (status === 404) throw replaced(alias);
    if (status !== 200) throw refused(status, body);
    const { aliases } = recordOf(recordOf(body)[this.#indexName]);
    const { filter, search_routing: routing } = recordOf(recordOf(aliases)[alias]);
    if (JSON.stringify(filter) === JSON.stringify(LIVE_FILTER) && routing === undefined) return;
    throw new KonnError(`Cannot look into ${alias}: the alias has not the filter of konn's`, {
      code: "INDEX_NOT_OURS",
      hint: "Somebody has changed the alias, so that its readers see something else than the index holds. Build it anew: konn sync --from-beginning.",
    });
  }

  async *documents(
    signal: AbortSignal,
    largestChars: number,
  ): AsyncGenerator<readonly InspectedDocument[]> {
    const documentChars = largestChars + DOCUMENT_OVERHEAD_CHARS;
    const fitting = Math.max(1, Math.floor(PAGE_MAX_CHARS / documentChars));
    await this.#must({ method: "POST", path: `/${this.#path()}/_refresh` }, signal);
    let page = await this.#must(
      {
        method: "POST",
        path: `/${this.#path()}/_search?scroll=${SCROLL_KEPT}`,
        body: {
          size: Math.min(fitting, PAGE_DOCUMENTS_MAX_COUNT),
          version: true,
          sort: ["_doc"],
          track_total_hits: true,
          query: MARKED_DOCUMENTS,
        },
      },
      signal,
    );
    const scrollId = String(recordOf(page)["_scroll_id"]);
    let leftCount = totalOf(page);
    try {
      for (let documents = hitsOf(page); documents.length > 0; documents = hitsOf(page)) {
        leftCount -= documents.length;
        yield documents;
        releaseMemory(documents.length * documentChars);
        const body = { scroll: SCROLL_KEPT, scroll_id: scrollId };
        page = await this.#must({ method: "POST", path: "/_search/scroll", body }, signal);
      }
      if (leftCount !== 0) throw incomplete();
    } finally {
      const body = { scroll_id: scrollId };
      await this.#open()
        .request({
          method: "DELETE",
          path: "/_search/scroll",
          body,
          timeoutMs: SCROLL_CLOSE_TIMEOUT_MS,
        })
        .catch(() => undefined);
    }
  }

  async repair(repairs: readonly Repair[], signal: AbortSignal): Promise<number> {
    let takenCount = 0;
    for (const { key, version, document } of repairs) {
      const source = documentSource(document, new Date());
      // By the index's own alias, which it loses when it is replaced: see writerAliasOf.
      const query = `version=${version}&version_type=external&require_alias=true`;
      const path = `/${this.#writerPath()}/_doc/${encodeURIComponent(key)}?${query}`;
      const answer = await this.#ask({ method: "PUT", path, body: source }, signal);
      if (answer.status === 200 || answer.status === 201) takenCount += 1;
      else if (answer.status === 404) throw replaced(this.#options.index);
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

  #writerPath(): string {
    return encodeURIComponent(writerAliasOf(this.#indexName));
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

function totalOf(page: unknown): number {
  return Number(recordOf(recordOf(recordOf(page)["hits"])["total"])["value"]);
}

function documentOf(hit: unknown): InspectedDocument {
  const { _id: key, _version: version, _source: source, matched_queries: marks } = recordOf(hit);
  const isDeleted = !(Array.isArray(marks) && marks.includes(LIVE_MARK));
  const { deleted: _deleted, ...content } = recordOf(source);
  return {
    key: String(key),
    version: Number.isSafeInteger(version) ? BigInt(Number(version)) : VERSIONS_END,
    isDeleted,
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

function notOurs(alias: string, state: string): KonnError {
  return new KonnError(`Cannot look into ${alias}: ${state}`, {
    code: "INDEX_NOT_OURS",
    hint: "Name another one with --index.",
  });
}

function unknownFormat(alias: string, format: number): KonnError {
  return new KonnError(`Cannot look into ${alias}: its index has format ${format}`, {
    code: "INDEX_FORMAT_UNKNOWN",
    hint: "Use the konn that made it, or another --index.",
  });
}

function replaced(alias: string): KonnError {
  return new KonnError(`Cannot go on with ${alias}: it stands for another index by now`, {
    code: "INDEX_REPLACED",
    hint: "It was built anew meanwhile, or moved by hand. Run konn verify once more; where that says the same, konn sync.",
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
