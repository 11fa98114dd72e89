import { KonnError } from "../base/errors.ts";
import { SearchError } from "../search/mod.ts";
import type { ErrorJson, InvalidParameterJson } from "./api_shapes.ts";

const TITLES = {
  400: "Bad Request",
  401: "Unauthorized",
  404: "Not Found",
  405: "Method Not Allowed",
  421: "Misdirected Request",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
} as const;

export type ErrorStatus = keyof typeof TITLES;

export interface ApiErrorOptions {
  readonly detail: string;
  readonly invalidParameters?: readonly InvalidParameterJson[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** An answer that is no success. Its detail goes to whoever asked: it names nothing of the host. */
export class ApiError extends Error {
  readonly status: ErrorStatus;
  readonly headers: Readonly<Record<string, string>>;
  readonly #invalidParameters: readonly InvalidParameterJson[] | undefined;

  constructor(status: ErrorStatus, { detail, invalidParameters, headers, cause }: ApiErrorOptions) {
    super(detail, cause === undefined ? undefined : { cause });
    this.name = "ApiError";
    this.status = status;
    this.headers = headers ?? {};
    this.#invalidParameters = invalidParameters;
  }

  /** @param traceId names this one answer */
  json(traceId: string): ErrorJson {
    return {
      status: this.status,
      title: TITLES[this.status],
      detail: this.message,
      instance: `konnect:trace:${traceId}`,
      ...(this.#invalidParameters && { invalid_parameters: this.#invalidParameters }),
    };
  }
}

/** A parameter that cannot be used. */
export function invalidParameter(field: string, reason: string): ApiError {
  return new ApiError(400, {
    detail: "Invalid parameters.",
    invalidParameters: [{ field, reason, source: "query" }],
  });
}

/** The answer to anything that was thrown. What is not known is a defect of konn: 500. */
export function apiErrorOf(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  if (thrown instanceof SearchError) return invalidQuery(thrown);
  if (thrown instanceof KonnError) {
    const detail =
      thrown.code === "INDEX_NOT_FOUND"
        ? "There is no index yet."
        : "The index cannot be searched at the moment.";
    return new ApiError(503, { detail, headers: { "Retry-After": "1" }, cause: thrown });
  }
  return new ApiError(500, { detail: "This is a defect of konn.", cause: thrown });
}

function invalidQuery({ code, message, expected, span }: SearchError): ApiError {
  const field = code === "CURSOR_INVALID" ? "page[after]" : "q";
  return new ApiError(400, {
    detail: code === "CURSOR_INVALID" ? "Invalid parameters." : "Invalid query.",
    invalidParameters: [
      {
        field,
        reason: `${message}. Expected ${expected}.`,
        source: "query",
        ...(span && { position: { start: span.start, end: span.end } }),
      },
    ],
  });
}
