/** Any value that JSON can hold. An integer that a double cannot hold exactly is a bigint. */
export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | JsonObject;

/** An object that came out of `JSON.parse`: every name in it is its own. */
export interface JsonObject {
  [name: string]: JsonValue | undefined;
}

/** Whether a value that came out of `JSON.parse` is an object, and no array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
