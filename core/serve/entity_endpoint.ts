import {
  type Expression,
  type IndexedEntity,
  isSameType,
  PAGE_MAX_SIZE,
  type SearchResult,
} from "../search/mod.ts";
import { ApiError } from "./api_error.ts";
import type { EntityDetailsJson } from "./api_shapes.ts";
import { entityJson } from "./entity_json.ts";
import type { EndpointContext } from "./search_endpoint.ts";
import { requiredValue } from "./search_parameters.ts";

/** `GET /v1/entities`: one entity by its key, with what it belongs to and what belongs to it. */
export async function entityEndpoint(
  parameters: URLSearchParams,
  context: EndpointContext,
): Promise<EntityDetailsJson> {
  const { searcher, fence, signal } = context;
  const entity = await searcher.get(requiredValue(parameters, "key"), signal);
  if (!entity || !isWithin(fence, entity)) {
    throw new ApiError(404, { detail: "There is no entity of that key." });
  }
  const { control_plane: controlPlaneId, parent: parentId } = entity.document;
  const ids = [controlPlaneId, parentId].filter((id) => id !== undefined);
  const [relatives, children] = await Promise.all([
    ids.length === 0 ? [] : searcher.byIds(ids, signal),
    childrenOf(entity, context),
  ]);
  const controlPlane = relatives.find(({ id, type }) => {
    return id === controlPlaneId && isSameType(type, "cluster");
  });
  // An id stands for several entities where control planes were copied: the own one is meant.
  const parent = relatives.find(({ id, key, document }) => {
    return id === parentId && key !== entity.key && document.control_plane === controlPlaneId;
  });
  return {
    data: entityJson(entity),
    related: {
      ...(controlPlane && { control_plane: entityJson(controlPlane) }),
      ...(parent && { parent: entityJson(parent) }),
      children: children.hits.map(entityJson),
      children_total: { count: children.total.count, exact: children.total.isExact },
    },
  };
}

/** What names this entity as its parent, in the same control plane. */
function childrenOf(
  { id, type, document }: IndexedEntity,
  { searcher, fence, signal }: EndpointContext,
): Promise<SearchResult> {
  // Nothing has a control plane as its parent: that is another relation, of far more entities.
  if (isSameType(type, "cluster")) return Promise.resolve(NO_CHILDREN);
  const expression: Expression = {
    kind: "term",
    field: { name: "attribute", key: "parent" },
    pattern: { text: id, isOpenAtStart: false, isOpenAtEnd: false, isQuoted: true },
    span: { start: 0, end: 0 },
  };
  const { control_plane: controlPlane } = document;
  return searcher.search(
    {
      query: { text: "", expression },
      controlPlanes: controlPlane === undefined ? [] : [controlPlane],
      fence,
      size: PAGE_MAX_SIZE,
    },
    signal,
  );
}

const NO_CHILDREN: SearchResult = {
  hits: [],
  total: { count: 0, isExact: true },
  facets: { types: [], controlPlanes: [] },
  next: undefined,
};

function isWithin(fence: readonly string[], { document }: IndexedEntity): boolean {
  return fence.length === 0 || fence.includes(document.control_plane ?? "");
}
