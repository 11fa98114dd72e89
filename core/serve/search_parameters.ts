import { PAGE_MAX_SIZE, parseQuery, type SearchRequest } from "../search/mod.ts";
import { invalidParameter } from "./api_error.ts";

const PAGE_DEFAULT_SIZE = 10;
const FILTER_VALUES_MAX_COUNT = 50;
/** The longest key of an entity, in bytes and so in characters at most. */
const VALUE_MAX_LENGTH = 512;

/**
 * Reads what `GET /v1/search` is asked. Parameters that are none of ours are passed over, as
 * Konnect does.
 *
 * @throws ApiError (400) and SearchError, both of which say what would have been understood
 */
export function searchRequestOf(
  parameters: URLSearchParams,
  fence: readonly string[],
): SearchRequest {
  const text = parameters.get("q");
  if (text === null) throw invalidParameter("q", "It is required. An empty one finds everything.");
  return {
    query: parseQuery(text),
    types: filterValues(parameters, "type"),
    controlPlanes: filterValues(parameters, "control_plane"),
    fence,
    size: pageSize(parameters.get("page[size]")),
    cursor: parameters.get("page[after]") ?? undefined,
  };
}

/** The one value of a parameter that has to be there. */
export function requiredValue(parameters: URLSearchParams, name: string): string {
  const value = parameters.get(name) ?? "";
  if (value !== "" && value.length <= VALUE_MAX_LENGTH) return value;
  throw invalidParameter(
    name,
    value === "" ? "It is required." : `It is longer than ${VALUE_MAX_LENGTH} characters.`,
  );
}

/** The path of the page behind this one: the same search with another cursor. */
export function nextPath(request: SearchRequest, cursor: string): string {
  const { query, types = [], controlPlanes = [], size } = request;
  const parameters: readonly (readonly [string, string])[] = [
    ["q", query.text],
    ...types.map((type) => ["type", type] as const),
    ...controlPlanes.map((id) => ["control_plane", id] as const),
    ["page[size]", String(size)],
    ["page[after]", cursor],
  ];
  const encoded = parameters.map(
    ([name, value]) => `${name}=${encodeURIComponent(wellFormed(value))}`,
  );
  return `/v1/search?${encoded.join("&")}`;
}

function pageSize(text: string | null): number {
  if (text === null) return PAGE_DEFAULT_SIZE;
  const size = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (size >= 1 && size <= PAGE_MAX_SIZE) return size;
  throw invalidParameter("page[size]", `It is a whole number from 1 to ${PAGE_MAX_SIZE}.`);
}

/** `type=a,b` and `type=a&type=b` alike. */
function filterValues(parameters: URLSearchParams, name: string): readonly string[] {
  const values = parameters
    .getAll(name)
    .flatMap((text) => text.split(","))
    .map((value) => value.trim())
    .filter((value) => value !== "");
  if (values.length > FILTER_VALUES_MAX_COUNT) {
    throw invalidParameter(name, `It has more than ${FILTER_VALUES_MAX_COUNT} values.`);
  }
  if (values.some((value) => value.length > VALUE_MAX_LENGTH)) {
    throw invalidParameter(name, `A value is longer than ${VALUE_MAX_LENGTH} characters.`);
  }
  return [...new Set(values)];
}

/** Half of a surrogate pair cannot be percent-encoded. */
function wellFormed(text: string): string {
  return text.toWellFormed();
}
