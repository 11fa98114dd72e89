import { ATTRIBUTES, type IndexedEntity, parentNameOfType, type SearchHit } from "../search/mod.ts";
import type { AttributeJson, EntityJson, HitJson } from "./api_shapes.ts";

/** An entity as the API gives it. */
export function entityJson({ key, id, type, name, document }: IndexedEntity): EntityJson {
  const { description, labels, control_plane: controlPlane, parent } = document;
  const attributes: Record<string, AttributeJson> = {};
  for (const attribute of ATTRIBUTES) {
    const value = document[attribute];
    if (value !== undefined) attributes[attribute] = value;
  }
  const parentName = parentNameOfType(type) ?? "parent";
  const relations = {
    ...(controlPlane !== undefined && { control_plane_id: controlPlane }),
    ...(parent !== undefined && { [`${parentName}_id`]: parent }),
  };
  return {
    id,
    type,
    name,
    ...(description !== undefined && { description }),
    ...(labels !== undefined && { labels: labelsJson(labels) }),
    ...(Object.keys(relations).length > 0 && { relations }),
    attributes,
    key,
  };
}

/** A hit as the API gives it. */
export function hitJson(hit: SearchHit): HitJson {
  const { match, highlights } = hit;
  return { ...entityJson(hit), ...(match !== "" && { match }), highlights };
}

/** `k=v` by key. A label without `=` has an empty value. */
function labelsJson(labels: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    labels.map((label) => {
      const at = label.indexOf("=");
      return at < 0 ? [label, ""] : [label.slice(0, at), label.slice(at + 1)];
    }),
  );
}
