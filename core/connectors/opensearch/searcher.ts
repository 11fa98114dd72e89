import { KonnError, messageOf } from "../../base/errors.ts";
import { pageOffset } from "../../search/page_cursor.ts";
import { indexedEntity } from "../../search/ranked_hits.ts";
import {
  type FacetCount,
  type IndexedEntity,
  PAGE_MAX_SIZE,
  type Searcher,
  type SearchRequest,
  type SearchResult,
} from "../../search/searcher.ts";
import { type Effort, harderEfforts } from "./candidate_query.ts";
import { EVERYTHING, terms } from "./clauses.ts";
import {
  errorTypeOf,
  OpenSearchClient,
  type OpenSearchConnection,
  recordOf,
  unreachable,
} from "./client.ts";
import { IndexAdmin } from "./index_admin.ts";
import { INDEX_FORMAT } from "./mapping.ts";
import { PlaneNames } from "./plane_names.ts";
import { AnswerRanker } from "./rank_answer.ts";
import { olderFormat } from "./refusals.ts";
import {
  type AnswerCounts,
  foundEntities,
  readAnswer,
  readCounts,
  readFacet,
} from "./search_answer.ts";
import { countedBy, searchBody } from "./search_request.ts";
import { shownUrl } from "./security.ts";

/**
 * Candidates that are compared for the first pages, and for those further on: they are the same for
 * all pages of either that are looked for as hard.
 */
const WINDOWS = [
  { hitsCount: 51, candidatesCount: 100 },
  { hitsCount: Infinity, candidatesCount: 1_500 },
] as const;
const SEARCH_TIMEOUT_MS = 10_000;

export interface OpenSearchSearcherOptions extends OpenSearchConnection {
  /** The alias that everybody reads. */
  readonly index: string;
}

/**
 * Searches the index behind an alias, of which OpenSearch shows what is written within a second.
 * OpenSearch finds candidates with one request, konn ranks them.
 *
 * Errors: `OPENSEARCH_UNREACHABLE`, `INDEX_NOT_FOUND`, `INDEX_NOT_OURS`, `INDEX_FORMAT_UNKNOWN`,
 * `INDEX_FORMAT_OLD`, `SEARCH_FAILED`.
 */
export function createOpenSearchSearcher(options: OpenSearchSearcherOptions): Searcher {
  return new OpenSearchSearcher(options);
}

class OpenSearchSearcher implements Searcher {
  readonly label: string;
  readonly #options: OpenSearchSearcherOptions;
  readonly #planeNames = new PlaneNames();
  #client: Promise<OpenSearchClient> | undefined;
  #isKnown = false;

  constructor(options: OpenSearchSearcherOptions) {
    this.#options = options;
    const url = URL.parse(options.url);
    this.label = `${options.index} at ${url ? shownUrl(url) : "OpenSearch"}`;
  }

  async search(request: SearchRequest, signal?: AbortSignal): Promise<SearchResult> {
    const wantedCount = pageOffset(request) + request.size + 1;
    const windows = WINDOWS.filter(({ hitsCount }) => wantedCount <= hitsCount);
    let found = await this.#compare(request, windows[0] ?? WINDOWS[1], signal);
    // Conditions that only a comparison decides may have left out all that came first.
    if (windows.length > 1 && found.ranker.lacksHits(wantedCount)) {
      found = await this.#compare(request, WINDOWS[1], signal);
    }
    const result = found.ranker.result(found.sure);
    const { types, controlPlanes } = result.facets;
    const named = await this.#planeNames.named(controlPlanes, (query) => this.#ask(query, signal));
    return { ...result, facets: { types, controlPlanes: named } };
  }

  /** Asks for candidates, harder and harder while that may change the page, and compares them. */
  async #compare(
    request: SearchRequest,
    { candidatesCount: windowCount }: (typeof WINDOWS)[number],
    signal: AbortSignal | undefined,
  ): Promise<{ readonly ranker: AnswerRanker; readonly sure: AnswerCounts }> {
    const { expression } = request.query;
    const ranker = new AnswerRanker(request, pageOffset(request));
    const ask = async (effort: Effort): Promise<unknown> => {
      const body = searchBody(expression, request, { effort, windowCount });
      const answer = await this.#ask(body, signal);
      ranker.add(readAnswer(answer));
      return answer;
    };
    const sure = readCounts(await ask("strict"));
    for (const effort of harderEfforts(expression)) {
      if (ranker.isEnough(effort)) break;
      await ask(effort);
    }
    return { ranker, sure };
  }

  async get(key: string, signal?: AbortSignal): Promise<IndexedEntity | undefined> {
    const [found] = await this.#entities({ ids: { values: [key] } }, 1, signal);
    return found;
  }

  async byIds(ids: readonly string[], signal?: AbortSignal): Promise<readonly IndexedEntity[]> {
    const wanted = ids.slice(0, PAGE_MAX_SIZE);
    return await this.#entities(terms("id", wanted), BY_IDS_MAX_COUNT, signal);
  }

  async types(signal?: AbortSignal): Promise<readonly FacetCount[]> {
    const body = { size: 0, aggs: { types: countedBy("type", EVERYTHING) } };
    const { aggregations } = recordOf(await this.#ask(body, signal));
    return readFacet(recordOf(aggregations)["types"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    // One that could not be made has said so to whoever asked for it.
    await (await client?.catch(() => undefined))?.close();
  }

  async #entities(query: object, size: number, signal?: AbortSignal): Promise<IndexedEntity[]> {
    const body = { size, query: { bool: { filter: [query] } } };
    const found = foundEntities(await this.#ask(body, signal));
    return found.map(({ key, document }) => indexedEntity(key, document));
  }

  /** Searches through the alias, whose filter hides what is deleted. */
  async #ask(body: object, signal: AbortSignal = new AbortController().signal): Promise<unknown> {
    signal.throwIfAborted();
    const client = await this.#connect();
    try {
      if (!this.#isKnown) await this.#look(client, signal);
      const { index } = this.#options;
      const path = `/${encodeURIComponent(index)}/_search?allow_partial_search_results=false`;
      const request = { method: "POST", path, body, timeoutMs: SEARCH_TIMEOUT_MS } as const;
      const answer = await client.request(request, signal);
      if (answer.status === 404) throw notFound(this.label, index);
      const isWhole = answer.status === 200 && recordOf(answer.body)["timed_out"] !== true;
      if (isWhole) return answer.body;
      throw failed(this.label, answer);
    } catch (error) {
      // Whatever is wrong, the index may be another one when it is right again.
      this.#isKnown = false;
      signal.throwIfAborted();
      throw error instanceof KonnError ? error : unreachable(client.url, messageOf(error));
    }
  }

  async #connect(): Promise<OpenSearchClient> {
    const client = (this.#client ??= OpenSearchClient.create(this.#options));
    try {
      return await client;
    } catch (error) {
      this.#client = undefined;
      throw error;
    }
  }

  /** Sees whether the alias stands for an index that can be searched. */
  async #look(client: OpenSearchClient, signal: AbortSignal): Promise<void> {
    const { index: alias } = this.#options;
    await client.identify(signal);
    const [found, ...others] = await new IndexAdmin(client, signal).find(alias);
    if (!found) throw notFound(this.label, alias);
    const isOurs = found.name !== alias && others.length === 0 && found.meta?.alias === alias;
    if (!isOurs || !found.meta) throw notOurs(this.label);
    const { konn: format } = found.meta;
    if (format < INDEX_FORMAT) throw olderFormat(`search ${this.label}`, format);
    if (format > INDEX_FORMAT) throw newerFormat(this.label, format);
    this.#isKnown = true;
  }
}

/** An id may stand for several entities, of several control planes. */
const BY_IDS_MAX_COUNT = 500;

function notFound(label: string, index: string): KonnError {
  return new KonnError(`Cannot search ${label}: there is no such index`, {
    code: "INDEX_NOT_FOUND",
    mayPass: true,
    hint: `Build it with \`konn sync --index ${index}\`, or name another one with --index.`,
  });
}

function notOurs(label: string): KonnError {
  return new KonnError(`Cannot search ${label}: it is no index that konn has made`, {
    code: "INDEX_NOT_OURS",
    hint: "Name another one with --index.",
  });
}

function newerFormat(label: string, format: number): KonnError {
  return new KonnError(`Cannot search ${label}: its index has format ${format}`, {
    code: "INDEX_FORMAT_UNKNOWN",
    hint: "Use the konn that made it, or another --index.",
  });
}

function failed(label: string, { status, body }: { status: number; body: unknown }): KonnError {
  const state =
    status === 200 ? "it took too long" : `OpenSearch answers ${status} ${errorTypeOf(body)}`;
  return new KonnError(`Cannot search ${label}: ${state}`, {
    code: "SEARCH_FAILED",
    mayPass: status === 200 || status === 429 || status >= 500,
    hint: "Look at the cluster's health: GET _cluster/health.",
  });
}
