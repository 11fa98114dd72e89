import type { Logger } from "../observe/observer.ts";
import type { Searcher } from "../search/mod.ts";
import { ApiError, apiErrorOf } from "./api_error.ts";
import { BearerTokens } from "./bearer_tokens.ts";
import { entityEndpoint } from "./entity_endpoint.ts";
import { openApiDocument } from "./openapi.ts";
import { PAGE_ASSETS, type PageAsset } from "./page_assets.ts";
import { RateLimit } from "./rate_limit.ts";
import { type EndpointContext, searchEndpoint } from "./search_endpoint.ts";
import { SECURITY_HEADERS } from "./security_headers.ts";
import { typesEndpoint } from "./types_endpoint.ts";

export interface HandlerOptions {
  readonly searcher: Searcher;
  readonly log: Logger;
  /** What a request may name as its host, lower case with port. */
  readonly hosts: ReadonlySet<string>;
  /** Whoever has one of them may ask. None: everybody may. */
  readonly tokens?: readonly string[];
  /** Ids of control planes outside of which nothing exists. None: no fence. */
  readonly fence?: readonly string[];
  /** How long an answer may take, in milliseconds. */
  readonly timeoutMs?: number;
  readonly rateLimit?: RateLimit;
}

/** Answers one request. Never rejects. */
export type Handler = (request: Request, client: { readonly address: string }) => Promise<Response>;

const DEFAULT_TIMEOUT_MS = 2_000;
/** Requests under way at once. Further ones are sent away: a queue would only make all late. */
const REQUESTS_MAX_COUNT = 256;

type Endpoint = (parameters: URLSearchParams, context: EndpointContext) => Promise<unknown>;

/** What needs a token, where there are any. */
const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map<string, Endpoint>([
  ["/v1/search", searchEndpoint],
  ["/v1/search/types", (_parameters, context) => typesEndpoint(context)],
  ["/v1/entities", entityEndpoint],
]);

/** Makes what answers the requests of a server, apart from any server. */
export function createHandler(options: HandlerOptions): Handler {
  const { log, hosts, tokens = [], rateLimit = new RateLimit() } = options;
  const bearerTokens = new BearerTokens(tokens);
  let underWayCount = 0;

  const answer: Handler = async (request, { address }) => {
    checkHost(request, hosts);
    checkMethod(request);
    const waitSeconds = rateLimit.take(address);
    if (waitSeconds > 0) throw tooMany(waitSeconds);
    const { pathname, searchParams } = urlOf(request);
    const asset = PAGE_ASSETS.get(pathname);
    if (asset) return assetResponse(request, asset);
    if (pathname === "/openapi.json") return jsonResponse(200, openApiDocument(tokens.length > 0));
    if (pathname === "/healthz") return await healthResponse(options);
    const endpoint = ENDPOINTS.get(pathname);
    if (!endpoint) throw new ApiError(404, { detail: "There is nothing at this path." });
    bearerTokens.check(request.headers.get("Authorization"));
    return jsonResponse(200, await inTime(options, (context) => endpoint(searchParams, context)));
  };

  return async (request, client) => {
    if (underWayCount >= REQUESTS_MAX_COUNT) return errorResponse(overloaded(), log);
    underWayCount += 1;
    try {
      const response = await answer(request, client);
      return request.method === "HEAD" ? withoutBody(response) : response;
    } catch (error) {
      return errorResponse(apiErrorOf(error), log);
    } finally {
      underWayCount -= 1;
    }
  };
}

/** Runs an endpoint, but not for longer than an answer may take. */
async function inTime(
  { searcher, fence = [], timeoutMs = DEFAULT_TIMEOUT_MS }: HandlerOptions,
  action: (context: EndpointContext) => Promise<unknown>,
): Promise<unknown> {
  const signal = AbortSignal.timeout(timeoutMs);
  const late = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => late.reject(tooLate(timeoutMs)), { once: true });
  return await Promise.race([
    late.promise,
    action({ searcher, fence, signal }).catch((error: unknown) => {
      throw signal.aborted ? tooLate(timeoutMs) : error;
    }),
  ]);
}

async function healthResponse(options: HandlerOptions): Promise<Response> {
  await inTime(options, ({ searcher, signal }) => searcher.byIds([], signal));
  return jsonResponse(200, { status: "ok" });
}

function checkHost(request: Request, hosts: ReadonlySet<string>): void {
  const host = request.headers.get("Host")?.toLowerCase();
  if (host !== undefined && hosts.has(host)) return;
  throw new ApiError(421, {
    detail: "This server does not answer under that host name (--allow-host NAME).",
  });
}

function checkMethod({ method }: Request): void {
  if (method === "GET" || method === "HEAD") return;
  throw new ApiError(405, {
    detail: "Only GET and HEAD are answered.",
    headers: { Allow: "GET, HEAD" },
  });
}

function urlOf(request: Request): URL {
  const url = URL.parse(request.url);
  if (url) return url;
  throw new ApiError(400, { detail: "The URL cannot be read." });
}

function assetResponse(request: Request, { body, contentType, etag }: PageAsset): Response {
  const headers = {
    ...SECURITY_HEADERS,
    "Cache-Control": "no-cache",
    "Content-Type": contentType,
    ETag: etag,
  };
  if (request.headers.get("If-None-Match") === etag) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(body, { headers });
}

function jsonResponse(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      ...SECURITY_HEADERS,
      "Cache-Control": "no-store",
      "Content-Type": "application/json; charset=utf-8",
      ...headers,
    },
  });
}

/** What is konn's to mend goes into the log, with the name that the answer carries. */
function errorResponse(error: ApiError, log: Logger): Response {
  const traceId = traceIdOf();
  if (error.status >= 500) {
    const cause = error.cause instanceof Error ? error.cause.message : error.message;
    log.warn(`Cannot answer a request: ${cause}`, { status: error.status, trace: traceId });
  }
  return jsonResponse(error.status, error.json(traceId), error.headers);
}

/** A number like those of Konnect's traces. */
function traceIdOf(): string {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
  return String((BigInt(high >>> 1) << 32n) | BigInt(low));
}

function withoutBody({ status, headers }: Response): Response {
  return new Response(null, { status, headers });
}

function tooMany(waitSeconds: number): ApiError {
  return new ApiError(429, {
    detail: "Too many requests.",
    headers: { "Retry-After": String(waitSeconds) },
  });
}

function overloaded(): ApiError {
  return new ApiError(503, {
    detail: "Too many requests are under way.",
    headers: { "Retry-After": "1" },
  });
}

function tooLate(timeoutMs: number): ApiError {
  return new ApiError(503, {
    detail: `The search took longer than ${timeoutMs / 1_000} s.`,
    headers: { "Retry-After": "1" },
  });
}
