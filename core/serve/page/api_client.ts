import type { ErrorJson, InvalidParameterJson } from "../api_shapes.ts";

/** Why there is no answer. */
export type FailureKind = "offline" | "token" | "query" | "unavailable" | "missing";

export class RequestFailure extends Error {
  readonly kind: FailureKind;
  readonly invalid: InvalidParameterJson | undefined;

  constructor(kind: FailureKind, message: string, invalid?: InvalidParameterJson) {
    super(message);
    this.name = "RequestFailure";
    this.kind = kind;
    this.invalid = invalid;
  }
}

const TOKEN_KEY = "konn-token";
/** Longer than the server takes for any answer. */
const TIMEOUT_MS = 8_000;

/** Keeps the token of a server that asks for one, until the tab is closed. */
export function keepToken(token: string): void {
  sessionStorage.setItem(TOKEN_KEY, token);
}

/**
 * Asks the server.
 *
 * @throws RequestFailure, and what `signal` was aborted with
 */
export async function getJson<Answer>(path: string, signal: AbortSignal): Promise<Answer> {
  const response = await fetchPath(path, signal);
  const body: unknown = await response.json().catch(() => undefined);
  signal.throwIfAborted();
  // The server is ours and of this version: its shapes are those of the types.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  if (response.ok && body !== undefined) return body as Answer;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  throw failureOf(response.status, body as Partial<ErrorJson> | undefined);
}

async function fetchPath(path: string, signal: AbortSignal): Promise<Response> {
  const token = sessionStorage.getItem(TOKEN_KEY);
  try {
    return await fetch(path, {
      headers: token === null ? {} : { Authorization: `Bearer ${token}` },
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
  } catch {
    signal.throwIfAborted();
    throw new RequestFailure("offline", "konn does not answer.");
  }
}

function failureOf(status: number, body: Partial<ErrorJson> | undefined): RequestFailure {
  const invalid = body?.invalid_parameters?.[0];
  const message = invalid?.reason ?? body?.detail ?? `The server answered with ${status}.`;
  if (status === 400) return new RequestFailure("query", message, invalid);
  if (status === 401) return new RequestFailure("token", message);
  if (status === 404) return new RequestFailure("missing", message);
  return new RequestFailure("unavailable", message);
}
