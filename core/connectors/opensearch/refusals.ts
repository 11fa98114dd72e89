import { KonnError } from "../../base/errors.ts";

/** The statuses under which a block for writing is reported; a 503 is a cluster without a head. */
const BLOCKED_STATUSES: ReadonlySet<number> = new Set([403, 429]);

/** What OpenSearch answered when it did not do what it was asked. */
export interface RefusedAnswer {
  readonly status: number;
  readonly type: string;
}

/**
 * The error for an answer that says that no such request will succeed until somebody has done
 * something about the index, whatever else its status means. Undefined for any other answer.
 *
 * @param what completes "Cannot ...": `write to the index`
 */
export function stateRefusal(what: string, { status, type }: RefusedAnswer): KonnError | undefined {
  if (type === "index_not_found_exception") return gone(what);
  if (type === "index_closed_exception") return closed(what);
  if (type === "index_create_block_exception") return blocked(what);
  if (type !== "cluster_block_exception" || !BLOCKED_STATUSES.has(status)) return undefined;
  return status === 429 ? diskFull(what) : blocked(what);
}

/**
 * The error for any other answer.
 *
 * @param mayPass whether time alone may change it
 */
export function refusal(what: string, { status, type }: RefusedAnswer, mayPass = false): KonnError {
  return new KonnError(`Cannot ${what}: OpenSearch answers ${status} ${type}`, {
    code: CODES[status] ?? "OPENSEARCH_REFUSED",
    mayPass,
    hint: HINTS[status] ?? "Look at the cluster's health and at the log of OpenSearch.",
  });
}

/** The error for an index that an older konn has made, with another mapping. */
export function olderFormat(what: string, format: number): KonnError {
  return new KonnError(`Cannot ${what}: an older konn made its index, in format ${format}`, {
    code: "INDEX_FORMAT_OLD",
    hint: "Build it anew beside the old one, which is searched meanwhile: konn sync --from-beginning.",
  });
}

/** The error for a 500 that has come again and again. */
export function failure(what: string, { type }: RefusedAnswer): KonnError {
  return new KonnError(`Cannot ${what}: OpenSearch fails on it, 500 ${type}`, {
    code: "OPENSEARCH_FAILED",
    hint: "Its log says why: a shard that failed, a full disk, a defect. Mend that and start again, nothing is lost.",
  });
}

const CODES: Readonly<Record<number, string>> = {
  401: "OPENSEARCH_UNAUTHORIZED",
  403: "OPENSEARCH_FORBIDDEN",
};

const HINTS: Readonly<Record<number, string>> = {
  401: "OpenSearch does not know the user. Look at the user and the password.",
  403: "The user may not do this. Give it a role with the privileges crud and manage on INDEX and INDEX-*, and cluster_composite_ops and cluster_monitor on the cluster.",
};

/** More than this the answer does not tell; see `explainLostWay`. */
function gone(what: string): KonnError {
  return new KonnError(`Cannot ${what}: it was deleted, or built anew by another konn`, {
    code: "INDEX_GONE",
    hint: "Does another konn sync write to this alias? If not, build the index anew: konn sync --from-beginning.",
  });
}

function closed(what: string): KonnError {
  return new KonnError(`Cannot ${what}: the index is closed`, {
    code: "INDEX_CLOSED",
    hint: "Open it: POST INDEX/_open.",
  });
}

/** What a person or a tool has set, for one index or for making any. */
function blocked(what: string): KonnError {
  return new KonnError(`Cannot ${what}: it is blocked for writing`, {
    code: "INDEX_BLOCKED",
    hint: 'Somebody has set this block. Take it off: PUT INDEX/_settings {"index.blocks.write": null, "index.blocks.read_only": null}. New indexes are blocked by cluster.blocks.create_index, also where disks are nearly full.',
  });
}

/** What OpenSearch sets itself when a disk is nearly full. */
function diskFull(what: string): KonnError {
  return new KonnError(`Cannot ${what}: a disk of OpenSearch is full`, {
    code: "DISK_FULL",
    hint: 'Free space there: OpenSearch then takes the block off within a minute. Or take it off: PUT INDEX/_settings {"index.blocks.read_only_allow_delete": null}.',
  });
}
