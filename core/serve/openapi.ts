import { VERSION } from "../base/version.ts";
import { PAGE_MAX_SIZE, QUERY_MAX_LENGTH } from "../search/mod.ts";
import { API_SCHEMAS, reference } from "./openapi_schemas.ts";

const TAG = "search";

const FAILURES = {
  400: "A parameter cannot be used",
  401: "A token is missing or not known",
  404: "There is no such entity",
  421: "The server does not answer under this host name",
  429: "Too many requests",
  503: "The index cannot be searched now, or not in time",
} as const;

/**
 * The API as an OpenAPI document.
 *
 * @param needsToken whether this server asks for bearer tokens
 */
export function openApiDocument(needsToken: boolean): object {
  return {
    openapi: "3.1.0",
    info: {
      title: "konn search",
      version: VERSION,
      description:
        "Searches the entities of Kong Konnect. The shapes are those of Konnect Search; key, highlights, facets, total and related are konn's own.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags: [{ name: TAG, description: "Find entities, and look at one" }],
    paths: {
      "/v1/search": { get: SEARCH },
      "/v1/search/types": { get: TYPES },
      "/v1/entities": { get: ENTITY },
      "/healthz": { get: HEALTH },
    },
    components: {
      schemas: API_SCHEMAS,
      ...(needsToken && { securitySchemes: { token: { type: "http", scheme: "bearer" } } }),
    },
    security: needsToken ? [{ token: [] }] : [],
  };
}

const SEARCH = {
  operationId: "search",
  tags: [TAG],
  summary: "Find entities",
  parameters: [
    parameter("q", {
      required: true,
      description:
        "Words, which forgive typos, and selectors: type:route name:orders* labels.env:prod. An empty query finds everything.",
      schema: { type: "string", maxLength: QUERY_MAX_LENGTH },
      example: "type:service paymnets",
    }),
    parameter("page[size]", {
      description: "Entities on a page.",
      schema: { type: "integer", minimum: 1, maximum: PAGE_MAX_SIZE, default: 10 },
    }),
    parameter("page[after]", {
      description: "The cursor in meta.page.next of the page before.",
      schema: { type: "string" },
    }),
    listParameter("type", "Only entities of these types. Ours."),
    listParameter("control_plane", "Only entities of the control planes with these ids. Ours."),
  ],
  responses: { ...ok("SearchResponse", "What was found"), ...failures(400, 401, 421, 429, 503) },
};

const TYPES = {
  operationId: "listTypes",
  tags: [TAG],
  summary: "The types of entities that there are, and their attributes",
  responses: { ...ok("TypesResponse", "The types"), ...failures(401, 421, 429, 503) },
};

const ENTITY = {
  operationId: "getEntity",
  tags: [TAG],
  summary: "One entity, what it belongs to, and what belongs to it. Ours",
  parameters: [
    parameter("key", {
      required: true,
      description: "The key of the entity, as search gives it.",
      schema: { type: "string", maxLength: 512 },
    }),
  ],
  responses: {
    ...ok("EntityResponse", "The entity"),
    ...failures(400, 401, 404, 421, 429, 503),
  },
};

const HEALTH = {
  operationId: "health",
  tags: [TAG],
  summary: "Whether the index can be searched",
  security: [],
  responses: { ...ok("Health", "It can"), ...failures(421, 429, 503) },
};

function parameter(name: string, rest: object): object {
  return { name, in: "query", ...rest };
}

function listParameter(name: string, description: string): object {
  const schema = { type: "array", items: { type: "string" }, maxItems: 50 };
  return parameter(name, { description, schema, style: "form", explode: true });
}

function ok(schema: keyof typeof API_SCHEMAS, description: string): object {
  return { 200: { description, ...jsonContent(schema) } };
}

function failures(...statuses: readonly (keyof typeof FAILURES)[]): object {
  return Object.fromEntries(
    statuses.map((status) => [status, { description: FAILURES[status], ...jsonContent("Error") }]),
  );
}

function jsonContent(schema: keyof typeof API_SCHEMAS): object {
  return { content: { "application/json": { schema: reference(schema) } } };
}
