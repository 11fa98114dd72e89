import { KonnError } from "../../base/errors.ts";
import { errorTypeOf, type OpenSearchAnswer, recordOf } from "./client.ts";

/** What has become of one document of a bulk, or of all of them. */
export type Fate =
  | { readonly kind: "written" }
  /** The index has this version or a later one: it has seen this change already. */
  | { readonly kind: "already_applied" }
  /** It may succeed later. */
  | { readonly kind: "retry"; readonly reason: string }
  /** It never will, this document alone. */
  | { readonly kind: "refused"; readonly code: string; readonly reason: string }
  /** The request was larger than the server takes. */
  | { readonly kind: "too_large" }
  /** The alias that was written to is gone: moved by a swap, or deleted. */
  | { readonly kind: "alias_gone" }
  /** Nothing will succeed. */
  | { readonly kind: "fatal"; readonly error: KonnError };

const RETRIED_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);

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
  if (RETRIED_STATUSES.has(status)) return { kind: "retry", reason: `${status} ${type}` };
  if (status === 413) return { kind: "too_large" };
  return sharedFate(status, type);
}

function itemFate(item: unknown): Fate {
  const { status, error } = recordOf(item);
  const { type, reason } = recordOf(error);
  const code = Number(status);
  const name = typeof type === "string" ? type : "unknown";
  if (code === 200 || code === 201) return { kind: "written" };
  if (code === 409) return { kind: "already_applied" };
  if (name === "cluster_block_exception") return { kind: "fatal", error: blocked() };
  if (RETRIED_STATUSES.has(code)) return { kind: "retry", reason: `${code} ${name}` };
  if (code === 400) {
    return { kind: "refused", code: "DOCUMENT_REFUSED", reason: refusalText(name, reason) };
  }
  return sharedFate(code, name);
}

function sharedFate(status: number, type: string): Fate {
  if (type === "index_not_found_exception") return { kind: "alias_gone" };
  if (type === "cluster_block_exception") return { kind: "fatal", error: blocked() };
  if (type === "index_closed_exception") return { kind: "fatal", error: closed() };
  return { kind: "fatal", error: refused(status, type) };
}

/**
 * Why a document was refused, without the server's sentence: that quotes the value, and a value may
 * be a secret. Only the name of the field is taken out of it.
 */
function refusalText(type: string, reason: unknown): string {
  const [, field] = /^failed to parse field \[([a-z_]{1,40})\]/.exec(String(reason)) ?? [];
  return `OpenSearch refuses the document: ${type}${field ? ` in ${field}` : ""}`;
}

function blocked(): KonnError {
  return new KonnError("Cannot write to the index: it is blocked for writing", {
    code: "INDEX_BLOCKED",
    hint: 'A full disk sets this block. Free space, or take the block off: PUT INDEX/_settings {"index.blocks.read_only_allow_delete": null}.',
  });
}

function closed(): KonnError {
  return new KonnError("Cannot write to the index: it is closed", {
    code: "INDEX_CLOSED",
    hint: "Open it: POST INDEX/_open.",
  });
}

function refused(status: number, type: string): KonnError {
  return new KonnError(`Cannot write to the index: OpenSearch answers ${status} ${type}`, {
    code: status === 401 || status === 403 ? "OPENSEARCH_FORBIDDEN" : "OPENSEARCH_REFUSED",
    hint: "Look at what the user may do and at the log of OpenSearch.",
  });
}
