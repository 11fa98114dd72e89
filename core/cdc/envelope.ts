import { isCloudEvent } from "./event_key.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { unwrapSchema } from "./json.ts";

/** A row event, brought from whichever shape it came in to that of Debezium's envelope. */
export interface Envelope {
  /** c, u, r, d, t, m, or whatever stood there. */
  readonly op: JsonValue | undefined;
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
  /** When the change was made, in milliseconds since 1970, else when it was captured. */
  readonly eventTimeMs: number | undefined;
  /** Where the change stands in PostgreSQL's log, where the event says so. */
  readonly lsn: number | undefined;
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
  const sourceTime = isJsonObject(source) ? positive(source["ts_ms"]) : undefined;
  return {
    op: payload["op"],
    before: payload["before"],
    after: payload["after"],
    eventTimeMs: sourceTime ?? positive(payload["ts_ms"]),
    lsn: isJsonObject(source) ? positive(source["lsn"]) : undefined,
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
    eventTimeMs: positive(event["iodebeziumtsms"]),
    lsn: positive(event["iodebeziumlsn"]),
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
  const eventTimeMs = positive(row["__source_ts_ms"]) ?? positive(row["__ts_ms"]);
  const lsn = positive(row["__source_lsn"]) ?? positive(row["__lsn"]);
  return isDelete
    ? { op: "d", before: row, after: null, eventTimeMs, lsn }
    : { op: op === "c" ? "c" : "u", before: null, after: row, eventTimeMs, lsn };
}

/** A whole number above 0. Times and places in the log occur as numbers and as text. */
export function positive(value: JsonValue | undefined): number | undefined {
  const number = typeof value === "string" ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) && number > 0
    ? number
    : undefined;
}
