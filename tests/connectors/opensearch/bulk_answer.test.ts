import { describe, expect, test } from "bun:test";
import { readBulkAnswer } from "../../../core/connectors/opensearch/bulk_answer.ts";

function itemFate(status: number, type?: string, reason?: string) {
  const error = type === undefined ? undefined : { type, reason };
  const body = { errors: true, items: [{ index: { status, error } }] };
  return readBulkAnswer({ status: 200, body }, 1)[0];
}

function requestFate(status: number, type?: string) {
  const body = type === undefined ? "" : { error: { type }, status };
  return readBulkAnswer({ status, body }, 1)[0];
}

describe("readBulkAnswer()", () => {
  test.each([
    [200, undefined, "written"],
    [201, undefined, "written"],
    [409, "version_conflict_engine_exception", "already_applied"],
    [429, "opensearch_rejected_execution_exception", "retry"],
    [503, "unavailable_shards_exception", "retry"],
    [503, "cluster_block_exception", "retry"],
    [400, "mapper_parsing_exception", "refused"],
    [400, "strict_dynamic_mapping_exception", "refused"],
  ] as const)("takes an item %d %s for %s", (status, type, kind) => {
    expect(itemFate(status, type)?.kind).toBe(kind);
  });

  test.each([
    [403, "security_exception", "OPENSEARCH_FORBIDDEN"],
    [403, "cluster_block_exception", "INDEX_BLOCKED"],
    [429, "cluster_block_exception", "DISK_FULL"],
    [400, "index_closed_exception", "INDEX_CLOSED"],
    [404, "index_not_found_exception", "INDEX_GONE"],
  ] as const)("ends the run at an item %d %s: %s", (status, type, code) => {
    expect(itemFate(status, type)).toMatchObject({ kind: "fatal", error: { code } });
  });

  test("takes a 500 for a fault that may pass, of an item and of a request", () => {
    const fault = { kind: "fault", error: { code: "OPENSEARCH_FAILED", kind: "unavailable" } };
    expect(itemFate(500, "null_pointer_exception")).toMatchObject(fault);
    expect(requestFate(500, "illegal_state_exception")).toMatchObject(fault);
  });

  test.each([
    [429, "circuit_breaking_exception", "retry"],
    [429, undefined, "retry"],
    [502, undefined, "retry"],
    [503, "cluster_manager_not_discovered_exception", "retry"],
    [503, "cluster_block_exception", "retry"],
    [504, undefined, "retry"],
    [413, undefined, "too_large"],
  ] as const)("takes a request %d %s for %s", (status, type, kind) => {
    expect(requestFate(status, type)?.kind).toBe(kind);
  });

  test.each([
    [401, undefined, "OPENSEARCH_UNAUTHORIZED"],
    [403, "security_exception", "OPENSEARCH_FORBIDDEN"],
    [404, "index_not_found_exception", "INDEX_GONE"],
    [400, "parse_exception", "OPENSEARCH_REFUSED"],
  ] as const)("ends the run at a request %d %s: %s", (status, type, code) => {
    expect(requestFate(status, type)).toMatchObject({ kind: "fatal", error: { code } });
  });

  test("names the field that was refused and never quotes its value", () => {
    const parsing =
      "failed to parse field [created_at] of type [date] in document with id 'k'. Preview of field's value: 's3cret'";
    expect(itemFate(400, "mapper_parsing_exception", parsing)).toEqual({
      kind: "refused",
      code: "DOCUMENT_REFUSED",
      reason: "OpenSearch refuses the document: mapper_parsing_exception in created_at",
    });
    const term =
      'Document contains at least one immense term in field="tags" (whose UTF8 encoding is longer than the max length 32766), first bytes: [115, 51]';
    expect(itemFate(400, "illegal_argument_exception", term)).toMatchObject({
      kind: "refused",
      reason: "OpenSearch refuses the document: illegal_argument_exception in tags",
    });
    const strict = "mapping set to strict, dynamic introduction of [s3cret] within [_doc]";
    expect(itemFate(400, "strict_dynamic_mapping_exception", strict)).toMatchObject({
      reason: "OpenSearch refuses the document: strict_dynamic_mapping_exception",
    });
  });

  test("does not take a fault of the index for one of the document", () => {
    const reason = "no write index is defined for alias [cdc].";
    expect(itemFate(400, "illegal_argument_exception", reason)).toMatchObject({ kind: "fatal" });
  });

  test("sends again what an answer says nothing of", () => {
    const body = { items: [{ index: { status: 201 } }] };
    const fates = readBulkAnswer({ status: 200, body }, 3);
    expect(fates.map(({ kind }) => kind)).toEqual(["written", "retry", "retry"]);
    expect(readBulkAnswer({ status: 200, body: "<html>" }, 1)[0]?.kind).toBe("retry");
  });
});
