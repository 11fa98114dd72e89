import { describe, expect, test } from "bun:test";
import {
  INDEX_FORMAT,
  type IndexMeta,
  indexMappings,
  readIndexMeta,
} from "../../../core/connectors/opensearch/mapping.ts";
import { DOCUMENT_FIELDS } from "../../../core/konnect/entity_document.ts";

const META: IndexMeta = {
  konn: INDEX_FORMAT,
  alias: "cdc",
  source: { cluster: "k1", "topic id": "t1" },
};

test("indexMappings() knows every field of a document, what marks a tombstone, what it is found by, and no other", () => {
  const mappings: { dynamic?: unknown; properties?: object } = indexMappings(META);
  expect(mappings.dynamic).toBe("strict");
  expect(Object.keys(mappings.properties ?? {}).toSorted()).toEqual(
    [...DOCUMENT_FIELDS, "deleted", "deleted_at", "search"].toSorted(),
  );
});

describe("readIndexMeta()", () => {
  test("gives back what indexMappings() wrote", () => {
    const truncated = { ...META, truncatedAtLsn: 42 };
    for (const meta of [META, truncated]) {
      expect(readIndexMeta(JSON.parse(JSON.stringify(indexMappings(meta))))).toEqual(meta);
    }
  });

  test.each([
    ["no mapping", undefined],
    ["no _meta", { properties: {} }],
    ["another one's _meta", { _meta: { version: 1 } }],
    ["a _meta without its alias", { _meta: { konn: 1 } }],
    ["a format that is no number", { _meta: { konn: "1", alias: "cdc" } }],
  ])("takes %s for an index that konn did not make", (_name, mappings) => {
    expect(readIndexMeta(mappings)).toBeUndefined();
  });
});
