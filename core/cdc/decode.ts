import type { Message } from "../connector/mod.ts";
import { refuse } from "./change.ts";
import type { Change, IgnoreReason, RowValue } from "./change.ts";
import { readEnvelope } from "./envelope.ts";
import type { Envelope } from "./envelope.ts";
import { rowKey } from "./event_key.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import {
  hasInexactNumber,
  parseJson,
  parseJsonExactly,
  unwrapSchema,
  type ParsedJson,
} from "./json.ts";
import { decodeValueText, isWireFormat } from "./record_bytes.ts";
import { agreedKey, readRecordKey } from "./record_key.ts";

/** What Debezium sends in place of a value that PostgreSQL did not give it. */
const UNAVAILABLE_VALUE = "__debezium_unavailable_value";

/**
 * What a record of a Debezium topic says about a key/value table, in any shape that Debezium has:
 * envelope, flattened row or CloudEvent, with schemas or without. The shape is found by looking,
 * never by the topic's name. Never throws, whatever the bytes; what cannot be understood is
 * refused.
 */
export function decodeChange(message: Pick<Message, "key" | "value" | "headers">): Change {
  if (message.value === null) return decodeTombstone(message.key);
  if (isWireFormat(message.value)) return refuse("VALUE_IN_WIRE_FORMAT");
  const text = decodeValueText(message.value);
  if (text === undefined) return refuse("VALUE_NOT_UTF8");
  const parsed = parseJson(text);
  if (!parsed.ok)
    return refuse(parsed.problem === "too_deep" ? "VALUE_TOO_DEEP" : "VALUE_NOT_JSON");
  const payload = unwrapSchema(parsed.value);
  // The text `null`, or a schema around it: what a JsonConverter makes of a deleted row's value.
  if (payload === null) return decodeTombstone(message.key);
  if (!isJsonObject(payload)) return refuse("VALUE_NOT_AN_OBJECT");
  const envelope = readEnvelope(payload);
  return envelope === undefined
    ? decodeOther(payload)
    : decodeEnvelope(envelope, { text, key: message.key });
}

/** The record behind an envelope: its key, and its value as text for a second, exact look. */
interface Record {
  readonly text: string;
  readonly key: Uint8Array | null;
}

/** The CloudEvents converter makes null values of heartbeats and the like: the key tells. */
function decodeTombstone(bytes: Uint8Array | null): Change {
  const recordKey = readRecordKey(bytes);
  if (recordKey.kind === "row") return { kind: "delete", key: recordKey.key };
  if (recordKey.kind === "bookkeeping") return { kind: "ignore", reason: recordKey.reason };
  return recordKey.kind === "absent" ? refuse("TOMBSTONE_WITHOUT_KEY") : recordKey;
}

function decodeEnvelope(envelope: Envelope, record: Record): Change {
  if (typeof envelope.op !== "string") return refuse("OPERATION_MISSING");
  switch (envelope.op) {
    case "c":
    case "u":
    case "r":
      return decodeUpsert(envelope, record);
    case "d":
      return decodeDelete(envelope, record);
    case "t":
      return { kind: "truncate", lsn: envelope.lsn };
    case "m":
      return { kind: "ignore", reason: "logical_message" };
    default:
      return refuse("OPERATION_UNKNOWN");
  }
}

function decodeUpsert(envelope: Envelope, record: Record): Change {
  const { after, eventTimeMs, lsn } = envelope;
  if (after === undefined || after === null) return refuse("ROW_MISSING");
  const own = rowKey(after);
  const column = isJsonObject(after) ? after["value"] : undefined;
  if (own === undefined || column === undefined) return refuse("NOT_A_KEY_VALUE_TABLE");
  const key = agreedKey(own, record.key);
  if (typeof key !== "string") return key;
  if (column === UNAVAILABLE_VALUE) {
    return { kind: "unavailable", key, isNewKey: envelope.op === "c", eventTimeMs, lsn };
  }
  const parsed =
    typeof column === "string" ? parseColumn(column) : exactColumn(column, record.text);
  if (parsed.ok) return { kind: "upsert", key, row: parsed.value, eventTimeMs, lsn };
  return refuse(parsed.problem === "too_deep" ? "ROW_VALUE_TOO_DEEP" : "ROW_VALUE_NOT_JSON");
}

/** The row before the change may hold the key alone, or not be there at all. */
function decodeDelete(envelope: Envelope, record: Record): Change {
  const { before, eventTimeMs, lsn } = envelope;
  const own = rowKey(before);
  if (own === undefined) {
    const recordKey = readRecordKey(record.key);
    if (recordKey.kind === "row") return { kind: "delete", key: recordKey.key, eventTimeMs, lsn };
    if (recordKey.kind === "refuse") return recordKey;
    return refuse(isJsonObject(before) ? "NOT_A_KEY_VALUE_TABLE" : "KEY_MISSING");
  }
  const key = agreedKey(own, record.key);
  return typeof key === "string" ? { kind: "delete", key, eventTimeMs, lsn } : key;
}

/** jsonb arrives as its text. */
export function parseColumn(text: string): ParsedJson {
  const parsed = parseJson(text);
  return parsed.ok && hasInexactNumber(parsed.value) ? parseJsonExactly(text) : parsed;
}

/** jsonb that a transform has expanded is part of the event, which is then parsed once more. */
function exactColumn(column: RowValue, text: string): ParsedJson {
  if (!hasInexactNumber(column)) return { ok: true, value: column };
  const parsed = parseJsonExactly(text);
  if (!parsed.ok) return parsed;
  const payload = unwrapSchema(parsed.value);
  const after = isJsonObject(payload) ? readEnvelope(payload)?.after : undefined;
  const exact: JsonValue | undefined = isJsonObject(after) ? after["value"] : undefined;
  return { ok: true, value: exact ?? column };
}

/** Records that Debezium writes about itself, and everything that is not Debezium's at all. */
function decodeOther(payload: JsonObject): Change {
  const reason = bookkeepingReason(payload);
  if (reason !== undefined) return { kind: "ignore", reason };
  const isSchemaAlone = isJsonObject(payload["schema"]) && payload["payload"] === undefined;
  return refuse(isSchemaAlone ? "SCHEMA_WITHOUT_PAYLOAD" : "NOT_A_CHANGE_EVENT");
}

function bookkeepingReason(payload: JsonObject): IgnoreReason | undefined {
  const { status, ts_ms: time } = payload;
  if ((status === "BEGIN" || status === "END") && typeof payload["id"] === "string") {
    return "transaction";
  }
  if (payload["ddl"] !== undefined || payload["tableChanges"] !== undefined) {
    return "schema_change";
  }
  const isTimeAlone =
    time !== undefined && Object.keys(payload).every((name) => name.startsWith("ts_"));
  return isTimeAlone ? "heartbeat" : undefined;
}
