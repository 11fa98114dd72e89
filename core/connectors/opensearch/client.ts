import { KonnError, messageOf } from "../../base/errors.ts";

/** What a person waits at most for a first answer, and what a bulk may take. */
const CONNECT_TIMEOUT_MS = 4_000;
const REQUEST_TIMEOUT_MS = 30_000;
const BULK_TIMEOUT_MS = 60_000;

/** Of a bulk response only what decides the fate of its items. */
const BULK_FILTER_PATH = "took,errors,items.*.status,items.*.error.type,items.*.error.reason";

/** What OpenSearch answered, whatever the status. */
export interface OpenSearchAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface OpenSearchRequest {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: object;
  readonly timeoutMs?: number;
}

/** No answer: the connection failed or the time was over. What was asked may have been done. */
export class NoAnswerError extends Error {
  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
    this.name = "NoAnswerError";
  }
}

/** How to reach and enter a cluster. Whatever TLS and users need belongs here. */
export interface OpenSearchConnection {
  /** Base URL without credentials. */
  readonly url: string;
}

/** The small part of the library's client that konn uses. */
interface LibraryClient {
  readonly transport: {
    request(
      params: { method: string; path: string; body?: object },
      options: LibraryOptions,
    ): LibraryCall;
  };
  bulk(
    params: { body: Buffer; index: string; require_alias: boolean; filter_path: string },
    options: LibraryOptions,
  ): LibraryCall;
  close(): Promise<void>;
}

interface LibraryOptions {
  readonly requestTimeout: number;
  readonly maxRetries: number;
}

type LibraryCall = Promise<{ statusCode: number | null; body: unknown }> & { abort?: () => void };

/** One OpenSearch cluster. Retries nothing by itself. */
export class OpenSearchClient {
  readonly url: string;
  readonly #library: LibraryClient;

  private constructor(url: string, library: LibraryClient) {
    this.url = url;
    this.#library = library;
  }

  static async create({ url }: OpenSearchConnection): Promise<OpenSearchClient> {
    const { Client } = await import("@opensearch-project/opensearch");
    const library = new Client({ node: url, maxRetries: 0 });
    // The library's overloads do not fit a plain interface; only the part above is used.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return new OpenSearchClient(url, library as unknown as LibraryClient);
  }

  /** Sends a request. Throws `NoAnswerError`, never for a status. */
  async request(request: OpenSearchRequest, signal?: AbortSignal): Promise<OpenSearchAnswer> {
    const { timeoutMs = REQUEST_TIMEOUT_MS, ...params } = request;
    const options = { requestTimeout: timeoutMs, maxRetries: 0 };
    return await answerOf(this.#library.transport.request(params, options), signal);
  }

  /** Sends a bulk body to an alias. Throws `NoAnswerError`, never for a status. */
  async bulk(alias: string, body: Buffer, signal: AbortSignal): Promise<OpenSearchAnswer> {
    const params = { body, index: alias, require_alias: true, filter_path: BULK_FILTER_PATH };
    const options = { requestTimeout: BULK_TIMEOUT_MS, maxRetries: 0 };
    return await answerOf(this.#library.bulk(params, options), signal);
  }

  /**
   * Asks who is there. Throws `OPENSEARCH_UNREACHABLE` in less than five seconds, and a clear
   * error for anything that is not OpenSearch 2 or newer.
   */
  async identify(signal: AbortSignal): Promise<{ readonly clusterId: string }> {
    const answer = await this.#firstAnswer(signal);
    if (answer.status === 503) throw unreachable(this.url, "it is still starting");
    if (answer.status !== 200) throw refused(this.url, answer.status);
    const { cluster_uuid, version } = recordOf(answer.body);
    const { distribution, number } = recordOf(version);
    const major = Number.parseInt(String(number), 10);
    if (distribution === "opensearch" && major >= 2) return { clusterId: String(cluster_uuid) };
    throw new KonnError(`Cannot use ${this.url}: it is not OpenSearch 2 or newer`, {
      code: "OPENSEARCH_UNSUPPORTED",
      hint: "konn needs OpenSearch 2 or newer. Name its address with --opensearch-url.",
    });
  }

  async close(): Promise<void> {
    await this.#library.close();
  }

  async #firstAnswer(signal: AbortSignal): Promise<OpenSearchAnswer> {
    try {
      const request = { method: "GET", path: "/", timeoutMs: CONNECT_TIMEOUT_MS } as const;
      return await this.request(request, signal);
    } catch (error) {
      throw unreachable(this.url, messageOf(error), error);
    }
  }
}

/** The value as an object, empty when it is none. For answers, which may hold anything. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** The type of an error in an answer: `index_not_found_exception`. */
export function errorTypeOf(body: unknown): string {
  const { error } = recordOf(body);
  const type = typeof error === "string" ? error : recordOf(error)["type"];
  return typeof type === "string" ? type : "unknown";
}

async function answerOf(call: LibraryCall, signal?: AbortSignal): Promise<OpenSearchAnswer> {
  // The library's abort returns its call again. An event listener that returned it would have
  // the runtime wait for it too, and take its rejection for an error that nobody handles.
  const abort = (): void => {
    call.abort?.();
  };
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted) abort();
  try {
    const { statusCode, body } = await call;
    return { status: statusCode ?? 0, body };
  } catch (error) {
    // The library throws for every status from 400 up; the answer stands in the error.
    const { statusCode, body } = recordOf(recordOf(error)["meta"]);
    if (typeof statusCode === "number") return { status: statusCode, body };
    throw new NoAnswerError(error);
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

function unreachable(url: string, state: string, cause?: unknown): KonnError {
  return new KonnError(`Cannot reach OpenSearch at ${url}: ${state}`, {
    code: "OPENSEARCH_UNREACHABLE",
    mayPass: true,
    hint: "Is OpenSearch running there? Name its address with --opensearch-url URL, or give it time to start with --wait 60s.",
    cause,
  });
}

function refused(url: string, status: number): KonnError {
  return new KonnError(`Cannot use OpenSearch at ${url}: it answers ${status}`, {
    code: status === 401 || status === 403 ? "OPENSEARCH_FORBIDDEN" : "OPENSEARCH_UNSUPPORTED",
    hint: "Look at the address (--opensearch-url) and at what the user may do.",
  });
}
