import type { KonnError } from "../../base/errors.ts";
import { errorTypeOf, type OpenSearchAnswer, recordOf } from "./client.ts";
import { failure, refusal, stateRefusal } from "./refusals.ts";

/** What has become of one document of a bulk, or of all of them. */
export type Fate =
  | { readonly kind: "written"; readonly isNew: boolean }
  /** The index has this version or a later one: it has seen this change already. */
  | { readonly kind: "already_applied" }
  /** It may succeed later. */
  | { readonly kind: "retry"; readonly reason: string; readonly status?: number }
  /** The server failed on it (500): a passing trouble of its own, or one that will not pass. */
  | { readonly kind: "fault"; readonly error: KonnError }
  /** It never will, this document alone. */
  | { readonly kind: "refused"; readonly code: string; readonly reason: string }
  /** The request was larger than the server takes. */
  | { readonly kind: "too_large" }
  /** Nothing will succeed. */
  | { readonly kind: "fatal"; readonly error: KonnError };

/** Whoever answers this may take the same request later. */
export const RETRIED_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const WHAT = "write to the index";

/**
 * The fate of each document of a bulk, in the order of the request. A failure of the whole request
 * is the fate of each.
 */
export function readBulkAnswer(answer: OpenSearchAnswer, count: number): readonly Fate[] {
  if (answer.status !== 200) {
    const type = errorTypeOf(answer.body);
    return Array.from({ length: count }, () => requestFate(answer.status, type));
  }
  const { items } = recordOf(answer.body);
  const list: readonly unknown[] = Array.isArray(items) ? items : [];
  return Array.from({ length: count }, (_, at) => itemFate(recordOf(list[at])["index"]));
}

function requestFate(status: number, type: string): Fate {
  if (status === 413) return { kind: "too_large" };
  return sharedFate(status, type);
}

function itemFate(item: unknown): Fate {
  const { status, error } = recordOf(item);
  const { type, reason } = recordOf(error);
  if (typeof status !== "number") return { kind: "retry", reason: "the answer is not whole" };
  if (status === 200 || status === 201) return { kind: "written", isNew: status === 201 };
  if (status === 409) return { kind: "already_applied" };
  const name = typeof type === "string" ? type : "unknown";
  if (status === 400 && isFaultOfDocument(name, reason)) {
    return { kind: "refused", code: "DOCUMENT_REFUSED", reason: refusalText(name, reason) };
  }
  return sharedFate(status, name);
}

/** A fate that any document would have. */
function sharedFate(status: number, type: string): Fate {
  const error = stateRefusal(WHAT, { status, type });
  if (error) return { kind: "fatal", error };
  if (RETRIED_STATUSES.has(status)) return { kind: "retry", reason: `${status} ${type}`, status };
  if (status === 500) return { kind: "fault", error: failure(WHAT, { status, type }) };
  return { kind: "fatal", error: refusal(WHAT, { status, type }) };
}

/**
 * Whether a refusal is the document's own fault. A closed index refuses with 400 as well, and an
 * illegal argument can be one of the index's settings: to bury document after document for that
 * would lose them all.
 */
function isFaultOfDocument(type: string, reason: unknown): boolean {
  if (type === "illegal_argument_exception") return IMMENSE_TERM.test(String(reason));
  return type !== "index_closed_exception";
}

const IMMENSE_TERM = /immense term in field="([a-z_.]{1,40})"/;
const UNPARSED_FIELD = /^failed to parse field \[([a-z_]{1,40})\]/;

/**
 * Why a document was refused, without the server's sentence: that quotes the value, and a value may
 * be a secret. Only the name of the field is taken out of it.
 */
function refusalText(type: string, reason: unknown): string {
  const text = String(reason);
  const [, field] = UNPARSED_FIELD.exec(text) ?? IMMENSE_TERM.exec(text) ?? [];
  return `OpenSearch refuses the document: ${type}${field ? ` in ${field}` : ""}`;
}
