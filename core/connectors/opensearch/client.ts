import type { Connection as LibraryConnection } from "@opensearch-project/opensearch";
import { KonnError, messageOf } from "../../base/errors.ts";
import { tlsFailure } from "../../base/tls_failure.ts";
import { speaksTls } from "../../base/tls_probe.ts";
import { tlsSocketOptions } from "../../base/transport_security.ts";
import {
  addressOf,
  type Entrance,
  entranceOf,
  notAccepted,
  type OpenSearchSecurity,
  peerOf,
  shownUrl,
  tlsExpected,
} from "./security.ts";

/** What a person waits at most for a first answer, and what a bulk may take. */
const CONNECT_TIMEOUT_MS = 4_000;
const REQUEST_TIMEOUT_MS = 30_000;
const BULK_TIMEOUT_MS = 60_000;

/** The library's own limit ends a silent connection; ours, which is exact, comes first. */
const LIBRARY_TIMEOUT_SURPLUS_MS = 1_000;

/** Of a bulk response only what decides the fate of the request and of its items. */
const BULK_FILTER_PATH =
  "status,error.type,errors,items.*.status,items.*.error.type,items.*.error.reason";

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

/**
 * No answer, or half of one: the connection failed or the time was over. What was asked may have
 * been done. It has no cause: the library's errors hold the whole request, documents and
 * credentials included.
 */
export class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
  /** What the system or TLS calls the reason: `ECONNREFUSED`, `CERT_HAS_EXPIRED`. */
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

/** How to reach and enter a cluster. */
export interface OpenSearchConnection extends OpenSearchSecurity {
  /** Base URL. Credentials in it are used, and never shown. */
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
  /** For messages: without credentials. */
  readonly url: string;
  readonly #entrance: Entrance;
  readonly #library: LibraryClient;

  private constructor(entrance: Entrance, library: LibraryClient) {
    this.url = shownUrl(entrance.url);
    this.#entrance = entrance;
    this.#library = library;
  }

  /** Dials nothing yet. Throws what is wrong with the address and the credentials together. */
  static async create({
    url: address,
    tls,
    credentials: given,
    insecure,
  }: OpenSearchConnection): Promise<OpenSearchClient> {
    const entrance = entranceOf(address, { tls, credentials: given, insecure });
    const { url, security } = entrance;
    const { credentials } = security;
    const { Client, Connection } = await import("@opensearch-project/opensearch");
    const library = new Client({
      node: url.href,
      maxRetries: 0,
      Connection: quiet(Connection),
      ...(credentials && { auth: { ...credentials } }),
      ...(url.protocol === "https:" && { ssl: tlsSocketOptions(tls ?? {}) }),
    });
    // The library's overloads do not fit a plain interface; only the part above is used.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return new OpenSearchClient(entrance, library as unknown as LibraryClient);
  }

  /**
   * Sends a request. Throws `NoAnswerError`, never for a status, and what is wrong with the TLS of
   * either side: no waiting mends that.
   */
  async request(request: OpenSearchRequest, signal?: AbortSignal): Promise<OpenSearchAnswer> {
    const { timeoutMs = REQUEST_TIMEOUT_MS, ...params } = request;
    const call = this.#library.transport.request(params, libraryOptions(timeoutMs));
    return await this.#answerOf(call, timeoutMs, signal);
  }

  /** Sends a bulk body to an alias. Throws as `request` does. */
  async bulk(alias: string, body: Buffer, signal: AbortSignal): Promise<OpenSearchAnswer> {
    const params = { body, index: alias, require_alias: true, filter_path: BULK_FILTER_PATH };
    const call = this.#library.bulk(params, libraryOptions(BULK_TIMEOUT_MS));
    return await this.#answerOf(call, BULK_TIMEOUT_MS, signal);
  }

  /**
   * Asks who is there. Throws `OPENSEARCH_UNREACHABLE` in less than five seconds, and a clear
   * error for anything that is not OpenSearch 2.12 or newer.
   */
  async identify(signal: AbortSignal): Promise<{ readonly clusterId: string }> {
    const answer = await this.#firstAnswer(signal);
    if (answer.status === UNAUTHORIZED) throw notAccepted(this.url, this.#entrance.security);
    if (answer.status === 503) throw unreachable(this.url, "it is still starting");
    if (answer.status === BAD_REQUEST && (await this.#isTlsExpected())) throw tlsExpected(this.url);
    if (answer.status !== 200) throw refused(this.url, answer.status);
    const { cluster_uuid: clusterId, version } = recordOf(answer.body);
    const { distribution, number } = recordOf(version);
    if (distribution !== "opensearch" || !isSupported(String(number))) throw unsupported(this.url);
    if (clusterId === NO_CLUSTER_ID) throw unreachable(this.url, "its cluster is still forming");
    return { clusterId: String(clusterId) };
  }

  async close(): Promise<void> {
    await this.#library.close();
  }

  async #firstAnswer(signal: AbortSignal): Promise<OpenSearchAnswer> {
    try {
      const request = { method: "GET", path: "/", timeoutMs: CONNECT_TIMEOUT_MS } as const;
      return await this.request(request, signal);
    } catch (error) {
      if (error instanceof KonnError) throw error;
      // Whoever said nothing at all would say nothing now either.
      const isCut = error instanceof NoAnswerError && error.code !== undefined;
      if (isCut && (await this.#isTlsExpected())) throw tlsExpected(this.url);
      throw unreachable(this.url, messageOf(error));
    }
  }

  /** Whether we speak plaintext to a port for TLS, which hangs up or answers 400 then. */
  async #isTlsExpected(): Promise<boolean> {
    const { url } = this.#entrance;
    return url.protocol === "http:" && (await speaksTls(addressOf(url)));
  }

  async #answerOf(
    call: LibraryCall,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<OpenSearchAnswer> {
    try {
      return await answerOf(call, timeoutMs, signal);
    } catch (error) {
      throw tlsFailure(error, peerOf(this.#entrance)) ?? error;
    }
  }
}

const BAD_REQUEST = 400;
const UNAUTHORIZED = 401;

/** What a node says of its cluster until there is one. */
const NO_CLUSTER_ID = "_na_";

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

/** A service that did not answer, or that has no room now. Time alone may mend it. */
export function unreachable(url: string, state: string): KonnError {
  return new KonnError(`Cannot reach OpenSearch at ${url}: ${state}`, {
    code: "OPENSEARCH_UNREACHABLE",
    mayPass: true,
    hint: "Is OpenSearch running there? Name its address with --opensearch-url URL, or give it time to start with --wait 60s.",
  });
}

function libraryOptions(timeoutMs: number): LibraryOptions {
  return { requestTimeout: timeoutMs + LIBRARY_TIMEOUT_SURPLUS_MS, maxRetries: 0 };
}

/**
 * The library's connection. That prints an error that comes after the head of a response to stdout,
 * where only results belong; the response reports the same error. And it keeps an error's message
 * alone: its code tells what is wrong with TLS.
 */
function quiet(Connection: typeof LibraryConnection): typeof LibraryConnection {
  return class QuietConnection extends Connection {
    override request(
      ...[params, callback]: Parameters<LibraryConnection["request"]>
    ): ReturnType<LibraryConnection["request"]> {
      let code: unknown;
      const request = super.request(params, (error, response) =>
        callback(error && Object.assign(error, { code }), response),
      );
      request.prependListener("error", (error: Error) => {
        code = "code" in error ? error.code : undefined;
      });
      request.once("response", () => {
        request.removeAllListeners("error");
        request.on("error", () => undefined);
      });
      return request;
    }
  };
}

/** Waits for a call, but not beyond its time: the library waits for ever for the rest of a body. */
async function answerOf(
  call: LibraryCall,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<OpenSearchAnswer> {
  const given = Promise.withResolvers<never>();
  const giveUp = (state: string): void => {
    given.reject(new NoAnswerError(state));
    call.abort?.();
  };
  const abort = (): void => giveUp("the request was aborted");
  const timer = setTimeout(giveUp, timeoutMs, `there was no answer for ${timeoutMs / 1_000} s`);
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted) abort();
  try {
    return await Promise.race([settled(call), given.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** The library throws for every status from 400 up; the answer stands in the error. */
async function settled(call: LibraryCall): Promise<OpenSearchAnswer> {
  try {
    const { statusCode, body } = await call;
    return { status: statusCode ?? 0, body };
  } catch (error) {
    // Any other error can hold a status too: that of an answer which broke off.
    const name = error instanceof Error ? error.name : "";
    if (name === "DeserializationError") throw new NoAnswerError("its answer is not JSON");
    if (name !== "ResponseError") throw new NoAnswerError(messageOf(error), systemCodeOf(error));
    const { statusCode, body } = recordOf(recordOf(error)["meta"]);
    return { status: Number(statusCode), body };
  }
}

function systemCodeOf(error: unknown): string | undefined {
  const { code } = recordOf(error);
  return typeof code === "string" ? code : undefined;
}

/** The first in which an alias is taken off on condition that it is there (`must_exist`). */
function isSupported(number: string): boolean {
  const [major = 0, minor = 0] = number.split(".").map(Number);
  return major > 2 || (major === 2 && minor >= 12);
}

function unsupported(url: string): KonnError {
  return new KonnError(`Cannot use ${url}: it is not OpenSearch 2.12 or newer`, {
    code: "OPENSEARCH_UNSUPPORTED",
    hint: "konn needs OpenSearch 2.12 or newer. Name its address with --opensearch-url.",
  });
}

function refused(url: string, status: number): KonnError {
  if (status === 403) {
    return new KonnError(`Cannot use OpenSearch at ${url}: this user may not look at the cluster`, {
      code: "OPENSEARCH_FORBIDDEN",
      hint: "Give its role what konn needs, cluster:monitor/main first (docs/security.md).",
    });
  }
  return new KonnError(`Cannot use OpenSearch at ${url}: it answers ${status}`, {
    code: "OPENSEARCH_UNSUPPORTED",
    hint: "Look at the address (--opensearch-url).",
  });
}
