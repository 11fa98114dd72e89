/** Schemas of the shapes in api_shapes.ts. A test holds answers against them. */

const STRING = { type: "string" };
const COUNT = { type: "integer", minimum: 0 };
const TEXTS_BY_NAME = { type: "object", additionalProperties: STRING };

const ENTITY_PROPERTIES = {
  id: { ...STRING, description: "The last part of the key" },
  type: STRING,
  name: { ...STRING, description: "Its id, where it has no name" },
  description: STRING,
  labels: TEXTS_BY_NAME,
  relations: { ...TEXTS_BY_NAME, description: "Ids of what it belongs to: control_plane_id" },
  attributes: {
    type: "object",
    additionalProperties: {
      anyOf: [STRING, { type: "boolean" }, { type: "array", items: STRING }],
    },
  },
  key: { ...STRING, description: "Unique, where ids are not. Ours" },
};
const ENTITY_REQUIRED = ["id", "type", "name", "attributes", "key"];

export const API_SCHEMAS = {
  Entity: object(ENTITY_PROPERTIES, ENTITY_REQUIRED),
  Hit: object(
    {
      ...ENTITY_PROPERTIES,
      match: { ...STRING, description: "The text that matched" },
      highlights: list(reference("Highlight")),
    },
    [...ENTITY_REQUIRED, "highlights"],
  ),
  Highlight: object({
    field: STRING,
    text: STRING,
    ranges: {
      ...list({ type: "array", prefixItems: [COUNT, COUNT], minItems: 2, maxItems: 2 }),
      description: "Where to mark the text, end excluded, in UTF-16 units",
    },
  }),
  Facet: object({ value: STRING, count: COUNT, name: STRING }, ["value", "count"]),
  Total: object({
    count: COUNT,
    exact: { type: "boolean", description: "False: there are at least so many" },
  }),
  SearchResponse: object({
    data: list(reference("Hit")),
    meta: object({
      page: object({
        size: { type: "integer", minimum: 1 },
        next: { type: ["string", "null"], description: "The path of the next page" },
      }),
    }),
    total: reference("Total"),
    facets: object({
      types: list(reference("Facet")),
      control_planes: list(reference("Facet")),
    }),
  }),
  Attribute: object(
    {
      type: { enum: ["string", "boolean", "array"] },
      format: { const: "date-time" },
      items: object({ type: { const: "string" } }),
      name: STRING,
      description: STRING,
    },
    ["type", "name", "description"],
  ),
  TypesResponse: object({
    data: list(
      object({
        type: STRING,
        name: STRING,
        description: STRING,
        regions: list(STRING),
        attributes: { type: "object", additionalProperties: reference("Attribute") },
        count: COUNT,
      }),
    ),
  }),
  EntityResponse: object({
    data: reference("Entity"),
    related: object(
      {
        control_plane: reference("Entity"),
        parent: reference("Entity"),
        children: list(reference("Entity")),
        children_total: reference("Total"),
      },
      ["children", "children_total"],
    ),
  }),
  Health: object({ status: { const: "ok" } }),
  Error: object(
    {
      status: { type: "integer" },
      title: STRING,
      detail: STRING,
      instance: { ...STRING, description: "Names this answer, in konn's log as well" },
      invalid_parameters: list(reference("InvalidParameter")),
    },
    ["status", "title", "detail", "instance"],
  ),
  InvalidParameter: object(
    {
      field: STRING,
      reason: STRING,
      source: { const: "query" },
      position: object({ start: COUNT, end: COUNT }),
    },
    ["field", "reason", "source"],
  ),
};

/** The schema of that name. */
export function reference(name: string): object {
  return { $ref: `#/components/schemas/${name}` };
}

function object(properties: object, required: readonly string[] = Object.keys(properties)): object {
  return { type: "object", properties, required };
}

function list(items: object): object {
  return { type: "array", items };
}
