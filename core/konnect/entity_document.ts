import { isJsonObject } from "../base/json.ts";
import type { RowValue } from "../cdc/change.ts";
import { parseEntityKey } from "./entity_key.ts";
import type { EntityKey } from "./entity_key.ts";
import { cutKeyword } from "./entity_text.ts";
import { fieldsOfType } from "./entity_types.ts";
import type { EntityFields } from "./entity_types.ts";
import { FieldReader } from "./field_reader.ts";

/** What is searched and shown of an entity. A field without a value is left out. */
export interface EntityDocument {
  readonly type: string;
  readonly id: string;
  readonly control_plane?: string;
  /** What a person calls it: name, username, hostname, target, ... */
  readonly name?: string;
  /** A second name, of consumers: what another system calls them. */
  readonly custom_id?: string;
  /** A second name, of plugins. */
  readonly instance_name?: string;
  /** A second name, of vaults: what references begin with. */
  readonly prefix?: string;
  readonly description?: string;
  readonly hosts?: readonly string[];
  readonly paths?: readonly string[];
  /** HTTP methods of a route. */
  readonly methods?: readonly string[];
  readonly protocols?: readonly string[];
  readonly tags?: readonly string[];
  /** `k=v`. */
  readonly labels?: readonly string[];
  /** The id of the entity that this one belongs to: the service of a route. */
  readonly parent?: string;
  readonly version?: string;
  readonly enabled?: boolean;
  /** RFC 3339 in UTC. */
  readonly created_at?: string;
  /** RFC 3339 in UTC. */
  readonly updated_at?: string;
}

/** Every field that a document can have: what a strict mapping must know. */
export const DOCUMENT_FIELDS = [
  "type",
  "id",
  "control_plane",
  "name",
  "custom_id",
  "instance_name",
  "prefix",
  "description",
  "hosts",
  "paths",
  "methods",
  "protocols",
  "tags",
  "labels",
  "parent",
  "version",
  "enabled",
  "created_at",
  "updated_at",
] as const satisfies readonly (keyof EntityDocument)[];

export interface EntityDocumentResult {
  readonly document: EntityDocument;
  /** Values in allowed fields that were of a kind that has no place in the document. */
  readonly droppedFields: number;
}

/**
 * The document of a row. Only what the table of types allows is looked at. A row that holds no
 * `object` is still an entity, of which the key tells type, id and control plane. Never refuses:
 * a value of the wrong kind becomes text or is left out and counted.
 */
export function entityDocument(key: string, row: RowValue): EntityDocumentResult {
  const entityKey = parseEntityKey(key);
  const draft = draftOfKey(entityKey);
  const object = isJsonObject(row) ? row["object"] : undefined;
  if (!isJsonObject(object)) return { document: draft, droppedFields: 0 };
  const reader = new FieldReader(object);
  fillDraft(draft, reader, fieldsOfType(entityKey.type));
  return { document: draft, droppedFields: reader.droppedCount };
}

type Draft = { -readonly [Name in keyof EntityDocument]: EntityDocument[Name] };

function draftOfKey(key: EntityKey): Draft {
  const draft: Draft = { type: cutKeyword(key.type), id: cutKeyword(key.id) };
  if (key.controlPlane !== undefined) draft.control_plane = cutKeyword(key.controlPlane);
  return draft;
}

function fillDraft(draft: Draft, reader: FieldReader, fields: EntityFields): void {
  set(draft, "name", reader.text(fields.name));
  for (const name of fields.otherNames) set(draft, name, reader.text([name]));
  if (fields.hasDescription) set(draft, "description", reader.text(["description"]));
  set(draft, "hosts", reader.texts(fields.hosts));
  set(draft, "paths", reader.texts(fields.paths));
  set(draft, "methods", reader.texts(fields.methods));
  set(draft, "protocols", reader.texts(fields.protocols));
  set(draft, "tags", reader.texts(["tags"]));
  if (fields.hasLabels) set(draft, "labels", reader.pairs("labels"));
  set(draft, "parent", reader.reference(fields.parent));
  if (fields.hasVersion) set(draft, "version", reader.text(["version"]));
  if (fields.hasEnabled) set(draft, "enabled", reader.flag("enabled"));
  if (fields.hasCreatedAt) set(draft, "created_at", reader.dateTime("created_at"));
  if (fields.hasUpdatedAt) set(draft, "updated_at", reader.dateTime("updated_at"));
}

function set<Name extends keyof Draft>(
  draft: Draft,
  name: Name,
  value: Draft[Name] | undefined,
): void {
  if (value !== undefined) draft[name] = value;
}
