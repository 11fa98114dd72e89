import { expect, test } from "bun:test";
import { decodeChange } from "../../core/cdc/decode.ts";
import type { EntityDocument } from "../../core/konnect/entity_document.ts";
import { DOCUMENT_FIELDS, entityDocument } from "../../core/konnect/entity_document.ts";
import { bytesOf } from "../cdc/captures.ts";

async function sampleDocuments(): Promise<EntityDocument[]> {
  const text = await Bun.file(new URL("../fixtures/stream.jsonl", import.meta.url)).text();
  return text.trimEnd().split("\n").map(documentOfLine);
}

function documentOfLine(line: string): EntityDocument {
  const change = decodeChange({ key: null, value: bytesOf(line), headers: [] });
  if (change.kind !== "upsert") throw new Error(`Cannot use the sample: ${change.kind}`);
  const { document, droppedFields } = entityDocument(change.key, change.row);
  expect(droppedFields).toBe(0);
  return document;
}

test("entityDocument() finds the types and counts of the sample", async () => {
  const documents = await sampleDocuments();
  const counts: Record<string, number> = {};
  for (const { type } of documents) counts[type] = (counts[type] ?? 0) + 1;
  expect(counts).toEqual({
    node: 554,
    store_event: 86,
    service: 15,
    route: 14,
    hash: 13,
    cluster: 8,
    consumer: 8,
    "node-status": 6,
    upstream: 5,
    consumer_group: 5,
    vault: 5,
    sni: 2,
    target: 2,
    "composite-status": 2,
    key: 1,
  });
  const keys = new Set(
    documents.map(({ control_plane, type, id }) => [control_plane, type, id].join()),
  );
  expect(keys.size).toBe(105);
  const known = new Set<string>(DOCUMENT_FIELDS);
  expect(
    documents.flatMap((document) => Object.keys(document)).every((name) => known.has(name)),
  ).toBe(true);
});

test("entityDocument() makes of the first entity of each type in the sample", async () => {
  const first = new Map<string, EntityDocument>();
  for (const document of await sampleDocuments()) {
    if (!first.has(document.type)) first.set(document.type, document);
  }
  expect([...first.values()]).toEqual([...EXPECTED]);
});

/** By hand, from the lines of the sample. */
const EXPECTED: readonly EntityDocument[] = [
  {
    type: "service",
    id: "1c7efe0f-203a-422c-b97c-760b61c4436d",
    control_plane: "04397908-e846-4019-aeaa-2422a1cb7b6c",
    name: "gateway-1706812473877",
    hosts: ["api.cypressregression62.com"],
    paths: ["/api/gatewayService/"],
    protocols: ["http"],
    enabled: true,
    tags: ["tag1", "tag2"],
    created_at: "2024-02-01T18:34:39Z",
    updated_at: "2024-02-01T18:34:39Z",
  },
  {
    type: "store_event",
    id: "last_update",
    control_plane: "04397908-e846-4019-aeaa-2422a1cb7b6c",
  },
  {
    type: "node",
    id: "95ac08ae-46aa-4fe5-887c-9b790ba050e2",
    control_plane: "95ef9760-ef98-4d2c-99f8-3b8c533a5dac",
    name: "dataplane-0505336e-25e7-4143-bee1-f0008d3f9450-8xj7q-7ff968dnqj",
    version: "3.4.3.3",
    labels: [
      "region=eu-central-1",
      "provider=aws",
      "managed-by=Konnect",
      "network-id=2d6c2927-9d67-4f6a-9cde-77580310f26e",
      "dp-group-id=0505336e-25e7-4143-bee1-f0008d3f9450",
    ],
    created_at: "2024-01-31T20:42:31Z",
  },
  {
    type: "upstream",
    id: "ea2d5c3e-59e8-444d-a439-0b666a107469",
    control_plane: "0ea169ef-8c46-4044-9d85-3a1670a79c75",
    name: "upstream1",
    created_at: "2024-02-01T18:45:08Z",
    updated_at: "2024-02-01T18:45:08Z",
  },
  {
    type: "route",
    id: "33b2a57d-fca9-4fbc-ba44-e7993efbdcd2",
    control_plane: "0ea169ef-8c46-4044-9d85-3a1670a79c75",
    name: "r1",
    paths: ["/r1"],
    protocols: ["http", "https"],
    parent: "20f8a002-57c5-4c40-b681-e03b5c58d84b",
    created_at: "2024-02-01T19:15:08Z",
    updated_at: "2024-02-01T19:15:08Z",
  },
  {
    type: "consumer_group",
    id: "646b283a-f725-458a-be42-3a8fb8dca38c",
    control_plane: "2475a236-3bb6-4851-9d30-1544e0452bfd",
    name: "consumerGroup-1706815404185",
    tags: ["tag1", "tag2"],
    created_at: "2024-02-01T19:23:29Z",
    updated_at: "2024-02-01T19:23:29Z",
  },
  {
    type: "cluster",
    id: "2b4ffe91-704d-46f1-84ed-ae4429235150",
    control_plane: "_global",
    name: "1a74a01d28",
    created_at: "2024-02-01T19:26:58Z",
    updated_at: "2024-02-01T19:26:58Z",
  },
  {
    type: "hash",
    id: "config-hash-id",
    control_plane: "71a5983e-f23a-43c4-bf85-5e1a2300f5a7",
  },
  {
    type: "node-status",
    id: "93eae4d7-aa81-453c-a4b5-f947b5c47d3c",
    control_plane: "71a5983e-f23a-43c4-bf85-5e1a2300f5a7",
  },
  {
    type: "sni",
    id: "5569df7b-8e3b-4993-ab46-fc6b6bd933e3",
    control_plane: "0ea169ef-8c46-4044-9d85-3a1670a79c75",
    name: "demo1.example.com",
    parent: "13c562a1-191c-4464-9b18-e5222b46035b",
    created_at: "2024-02-01T19:55:07Z",
    updated_at: "2024-02-01T19:55:07Z",
  },
  {
    type: "consumer",
    id: "79ba576d-5871-441d-ab26-8f04e4b0a9bc",
    control_plane: "24b20442-943d-474a-a5d4-6a10ce7f80b2",
    name: "app_964fb8be-dc6d-4124-914d-9cb57f77978c",
    custom_id: "93aa27f2-0eed-48cb-81c0-5fdc1a0591da",
    created_at: "2024-02-01T20:33:01Z",
    updated_at: "2024-02-01T20:33:01Z",
  },
  {
    type: "composite-status",
    id: "1a49eb76-6605-4324-b7f6-97348b81b6b7",
    control_plane: "1a49eb76-6605-4324-b7f6-97348b81b6b7",
  },
  {
    type: "target",
    id: "51c80fcf-d556-474e-904a-7e3da1a9e7aa",
    control_plane: "0ea169ef-8c46-4044-9d85-3a1670a79c75",
    name: "198.51.100.11:80",
    parent: "ced79d90-f0f1-44c3-88ca-1be7a884129a",
    created_at: "2024-02-01T20:50:09Z",
    updated_at: "2024-02-01T20:50:09Z",
  },
  {
    type: "key",
    id: "dc94cb82-7f48-45e5-b81b-4213f4b491b4",
    control_plane: "d6cecf01-6100-451f-90ba-91d8df497730",
    name: "key-1706822985749",
    parent: "69a9bbda-9f7d-464e-aff2-115e5a78931e",
    tags: ["tag1", "tag2"],
    created_at: "2024-02-01T21:29:49Z",
    updated_at: "2024-02-01T21:29:49Z",
  },
  {
    type: "vault",
    id: "d23fdad0-774c-41c3-a3ae-d97fe5b33cf6",
    control_plane: "a839a226-8e0f-4b93-a073-e526a5412077",
    name: "aws",
    prefix: "aws-general-prefix",
    description: "test description",
    tags: ["tag1", "tag2"],
    created_at: "2024-02-01T21:31:17Z",
    updated_at: "2024-02-01T21:31:17Z",
  },
];
