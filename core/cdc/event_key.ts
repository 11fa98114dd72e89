import { isJsonObject, type JsonObject } from "../base/json.ts";
import { unwrapSchema } from "./json.ts";

/**
 * The key of an event by its parsed JSON value alone: of the row after the change, else of the
 * row before it, else of the flattened row. Undefined where there is none, as in a heartbeat or
 * in anything that is no event of a key/value table.
 */
export function eventKey(event: unknown): string | undefined {
  const payload = unwrapSchema(event);
  if (!isJsonObject(payload)) return undefined;
  const envelope = isCloudEvent(payload) ? unwrapSchema(payload["data"]) : payload;
  if (!isJsonObject(envelope)) return undefined;
  return rowKey(envelope["after"]) ?? rowKey(envelope["before"]) ?? rowKey(envelope);
}

/** The `key` column of a row, where the row is one of a key/value table. */
export function rowKey(row: unknown): string | undefined {
  if (!isJsonObject(row)) return undefined;
  const key = row["key"];
  return typeof key === "string" ? key : undefined;
}

/** CloudEvents structured mode: the attributes at the top, the event proper in `data`. */
export function isCloudEvent(payload: JsonObject): boolean {
  return typeof payload["specversion"] === "string" && payload["data"] !== undefined;
}
