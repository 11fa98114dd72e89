import { KonnError, messageOf } from "../base/errors.ts";

/** What a running konn said of itself. */
export interface HealthAnswer {
  readonly isHealthy: boolean;
  /** The HTTP status. */
  readonly status: number;
  /** Why it is not well, where it says so. */
  readonly reasons: readonly string[];
}

/** A probe has to be done before the next one. */
const TIMEOUT_MS = 5_000;
/** Reasons are some lines. Whatever answers with more is no konn. */
const ANSWER_MAX_BYTES = 65_536;

/**
 * Asks `/healthz` or `/readyz` of a konn that runs, as an orchestrator does.
 *
 * @throws KonnError `HEALTH_UNREACHABLE` when nothing answers within five seconds
 */
export async function askHealth(url: URL, stop: AbortSignal): Promise<HealthAnswer> {
  try {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(TIMEOUT_MS)]);
    const response = await fetch(url, { signal, redirect: "error" });
    return {
      isHealthy: response.ok,
      status: response.status,
      reasons: reasonsIn(await beginningOf(response)),
    };
  } catch (cause) {
    throw new KonnError(`Cannot ask ${url.href}: ${reasonOf(cause)}`, {
      code: "HEALTH_UNREACHABLE",
      hint: "Is konn running, with --listen at this address?",
      mayPass: true,
      cause,
    });
  }
}

function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const isRefused = code === "ConnectionRefused" || code === "ECONNREFUSED";
  return isRefused ? "nothing listens there" : messageOf(cause);
}

async function beginningOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytesCount = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    bytesCount += chunk.length;
    if (bytesCount > ANSWER_MAX_BYTES) break;
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** `/readyz` has a list of them, an error of the search API one text. */
function reasonsIn(body: string): readonly string[] {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return [];
  }
  if (typeof answer !== "object" || answer === null) return [];
  if ("reasons" in answer && Array.isArray(answer.reasons)) return answer.reasons.map(String);
  return "detail" in answer && typeof answer.detail === "string" ? [answer.detail] : [];
}
