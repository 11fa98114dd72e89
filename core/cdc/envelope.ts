import { isCloudEvent } from "./event_key.ts";
import { isJsonObject, unwrapSchema } from "./json.ts";
import type { JsonObject, JsonValue } from "./json.ts";

/** A row event, brought from whichever shape it came in to that of Debezium's envelope. */
export interface Envelope {
  /** c, u, r, d, t, m, or whatever stood there. */
  readonly op: JsonValue | undefined;
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
  /** When the change was made, in milliseconds since 1970, else when it was captured. */
  readonly eventTimeMs: number | undefined;
}

/** The envelope of an event, or undefined where the payload is no row event in any shape. */
export function readEnvelope(payload: JsonObject): Envelope | undefined {
  if (isCloudEvent(payload)) return fromCloudEvent(payload);
  if (hasRows(payload)) return fromDebezium(payload);
  if (isFlattened(payload)) return fromFlattened(payload);
  return payload["op"] === undefined ? undefined : fromDebezium(payload);
}

function hasRows(payload: JsonObject): boolean {
  return payload["after"] !== undefined || payload["before"] !== undefined;
}

function fromDebezium(payload: JsonObject): Envelope {
  const source = payload["source"];
  const sourceTime = isJsonObject(source) ? timeMs(source["ts_ms"]) : undefined;
  return {
    op: payload["op"],
    before: payload["before"],
    after: payload["after"],
    eventTimeMs: sourceTime ?? timeMs(payload["ts_ms"]),
  };
}

/** The attributes carry op and time, unless the converter was told to leave its own out. */
function fromCloudEvent(event: JsonObject): Envelope | undefined {
  const data = unwrapSchema(event["data"]);
  if (!isJsonObject(data) || !hasRows(data)) return undefined;
  const { before, after } = data;
  return {
    op: event["iodebeziumop"] ?? impliedOperation(before, after),
    before,
    after,
    eventTimeMs: timeMs(event["iodebeziumtsms"]),
  };
}

function impliedOperation(
  before: JsonValue | undefined,
  after: JsonValue | undefined,
): string | undefined {
  if (isJsonObject(after)) return "u";
  return isJsonObject(before) ? "d" : undefined;
}

/** The row alone, as ExtractNewRecordState leaves it. */
function isFlattened(payload: JsonObject): boolean {
  return typeof payload["key"] === "string" && payload["value"] !== undefined;
}

/** The mode `rewrite` marks a delete with the text "true", and every other row with "false". */
function fromFlattened(row: JsonObject): Envelope {
  const deleted = row["__deleted"];
  const op = row["__op"];
  const isDelete = deleted === "true" || deleted === true || op === "d";
  const eventTimeMs = timeMs(row["__source_ts_ms"]) ?? timeMs(row["__ts_ms"]);
  return isDelete
    ? { op: "d", before: row, after: null, eventTimeMs }
    : { op: op === "c" ? "c" : "u", before: null, after: row, eventTimeMs };
}

/** Times occur as numbers and as text. */
function timeMs(value: JsonValue | undefined): number | undefined {
  const time = typeof value === "string" ? Number(value) : value;
  return typeof time === "number" && Number.isSafeInteger(time) && time > 0 ? time : undefined;
}
