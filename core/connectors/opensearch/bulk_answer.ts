import { KonnError } from "../../base/errors.ts";
import { errorTypeOf, type OpenSearchAnswer, recordOf } from "./client.ts";

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

/** The statuses under which a block for writing is reported; a 503 is a cluster without a head. */
const BLOCKED_STATUSES: ReadonlySet<number> = new Set([403, 429]);

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
  if (type === "index_not_found_exception") return { kind: "fatal", error: gone() };
  if (type === "index_closed_exception") return { kind: "fatal", error: closed() };
  if (type === "cluster_block_exception" && BLOCKED_STATUSES.has(status)) {
    return { kind: "fatal", error: status === 429 ? diskFull() : blocked() };
  }
  if (RETRIED_STATUSES.has(status)) return { kind: "retry", reason: `${status} ${type}`, status };
  if (status === 500) return { kind: "fault", error: failed(type) };
  return { kind: "fatal", error: refused(status, type) };
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

/** More than this the answer does not tell; see `explainLostWay`. */
function gone(): KonnError {
  return new KonnError("Cannot write to the index: it was deleted, or built anew by another konn", {
    code: "INDEX_GONE",
    hint: "Does another konn sync write to this alias? If not, build the index anew: konn sync --from-beginning.",
  });
}

/** What a person or a tool has set. */
function blocked(): KonnError {
  return new KonnError("Cannot write to the index: it is blocked for writing", {
    code: "INDEX_BLOCKED",
    hint: 'Somebody has set this block. Take it off: PUT INDEX/_settings {"index.blocks.write": null, "index.blocks.read_only": null}.',
  });
}

/** What OpenSearch sets itself when a disk is nearly full. */
function diskFull(): KonnError {
  return new KonnError("Cannot write to the index: a disk of OpenSearch is full", {
    code: "DISK_FULL",
    hint: 'Free space there: OpenSearch then takes the block off within a minute. Or take it off: PUT INDEX/_settings {"index.blocks.read_only_allow_delete": null}.',
  });
}

function closed(): KonnError {
  return new KonnError("Cannot write to the index: it is closed", {
    code: "INDEX_CLOSED",
    hint: "Open it: POST INDEX/_open.",
  });
}

/** The code of an answer that no retry will change, wherever it is given. */
export function refusalCode(status: number): string {
  if (status === 401) return "OPENSEARCH_UNAUTHORIZED";
  return status === 403 ? "OPENSEARCH_FORBIDDEN" : "OPENSEARCH_REFUSED";
}

const REFUSAL_HINTS: Readonly<Record<number, string>> = {
  401: "OpenSearch does not know the user. Look at the user and the password.",
  403: "The user may not do this. Give it a role with the privileges crud and manage on INDEX and INDEX-*, and cluster_composite_ops and cluster_monitor on the cluster.",
};

/** What to do about it. */
export function refusalHint(status: number, otherwise: string): string {
  return REFUSAL_HINTS[status] ?? otherwise;
}

function failed(type: string): KonnError {
  return new KonnError(`Cannot write to the index: OpenSearch fails on it, 500 ${type}`, {
    code: "OPENSEARCH_FAILED",
    hint: "Its log says why: a shard that failed, a full disk, a defect. Mend that and start again, nothing is lost.",
  });
}

function refused(status: number, type: string): KonnError {
  return new KonnError(`Cannot write to the index: OpenSearch answers ${status} ${type}`, {
    code: refusalCode(status),
    hint: refusalHint(status, "Look at the log of OpenSearch."),
  });
}
