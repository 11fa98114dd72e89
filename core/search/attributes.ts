import { fieldsOfType } from "../konnect/entity_types.ts";

/** Members of a document that `@ATTRIBUTE:` asks for: all but what has a selector of its own. */
export const ATTRIBUTES = [
  "control_plane",
  "parent",
  "custom_id",
  "instance_name",
  "prefix",
  "hosts",
  "paths",
  "methods",
  "protocols",
  "tags",
  "version",
  "enabled",
  "created_at",
  "updated_at",
] as const;

export type AttributeName = (typeof ATTRIBUTES)[number];

/** Which of them entities of a type can have. */
export function attributesOfType(type: string): readonly AttributeName[] {
  const fields = fieldsOfType(type);
  const own = new Set<string>(["control_plane", "tags", ...fields.otherNames]);
  for (const name of ["parent", "hosts", "paths", "methods", "protocols"] as const) {
    if (fields[name].length > 0) own.add(name);
  }
  if (fields.hasVersion) own.add("version");
  if (fields.hasEnabled) own.add("enabled");
  if (fields.hasCreatedAt) own.add("created_at");
  if (fields.hasUpdatedAt) own.add("updated_at");
  return ATTRIBUTES.filter((name) => own.has(name));
}

/**
 * What the entity that one of this type belongs to is called: `service` for a route. Undefined
 * where it may be one of several, or there is none.
 */
export function parentNameOfType(type: string): string | undefined {
  const { parent } = fieldsOfType(type);
  return parent.length === 1 ? parent[0] : undefined;
}
