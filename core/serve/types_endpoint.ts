import { attributesOfType, parseQuery } from "../search/mod.ts";
import type { TypeJson, TypesJson } from "./api_shapes.ts";
import { attributeSchema, typeDescription, typeName } from "./type_descriptions.ts";
import type { EndpointContext } from "./search_endpoint.ts";

/** `GET /v1/search/types`: the types that the index holds, and what can be asked of each. */
export async function typesEndpoint({
  searcher,
  fence,
  signal,
}: EndpointContext): Promise<TypesJson> {
  // What a fence leaves out must not show in the counts either.
  const counts =
    fence.length === 0
      ? await searcher.types(signal)
      : (await searcher.search({ query: parseQuery(""), fence, size: 0 }, signal)).facets.types;
  return { data: counts.map(({ value, count }) => typeJson(value, count)) };
}

function typeJson(type: string, count: number): TypeJson {
  const attributes = attributesOfType(type).map((name) => [name, attributeSchema(name)] as const);
  return {
    type,
    name: typeName(type),
    description: typeDescription(type),
    regions: [],
    attributes: Object.fromEntries(attributes),
    count,
  };
}
