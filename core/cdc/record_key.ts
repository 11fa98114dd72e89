import { refuse } from "./change.ts";
import type { IgnoreReason, Refusal } from "./change.ts";
import { rowKey } from "./event_key.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import { parseJson, unwrapSchema } from "./json.ts";
import { decodeKeyText, isWireFormat } from "./record_bytes.ts";

/** What the key bytes of a record say. */
export type RecordKey =
  | { readonly kind: "absent" }
  | { readonly kind: "row"; readonly key: string }
  /** The key of a record that Debezium writes about itself, which is never a row's. */
  | { readonly kind: "bookkeeping"; readonly reason: IgnoreReason }
  | Refusal;

/** What a StringConverter makes of a key struct of one field. */
const STRUCT_TEXT = /^Struct\{([^=,]+)=([^]*)\}$/;

/** Debezium's id of a transaction: the number of the transaction, a colon, the log position. */
const TRANSACTION_ID = /^\d+:\d+$/;

/**
 * Reads a key as struct (`{"key": ...}`, with or without schema), as JSON string, as plain text,
 * or as the text of a struct. Any other struct is not the key of a key/value table.
 */
export function readRecordKey(bytes: Uint8Array | null): RecordKey {
  if (bytes === null) return { kind: "absent" };
  if (isWireFormat(bytes)) return refuse("KEY_IN_WIRE_FORMAT");
  const text = decodeKeyText(bytes);
  return text === undefined ? refuse("KEY_NOT_UTF8") : readKeyText(text);
}

/**
 * The key of a row event: the row's own, which must be that of the record too where the record
 * has one. Two keys that differ would put one row under another's name.
 */
export function agreedKey(own: string, bytes: Uint8Array | null): string | Refusal {
  if (!own.isWellFormed()) return refuse("KEY_NOT_UTF8");
  if (bytes === null) return own;
  if (isWireFormat(bytes)) return refuse("KEY_IN_WIRE_FORMAT");
  const text = decodeKeyText(bytes);
  if (text === undefined) return refuse("KEY_NOT_UTF8");
  if (text === own) return own;
  const recordKey = readKeyText(text);
  if (recordKey.kind === "refuse") return recordKey;
  if (recordKey.kind === "absent") return own;
  if (recordKey.kind === "bookkeeping") return refuse("NOT_A_KEY_VALUE_TABLE");
  return recordKey.key === own ? own : refuse("KEY_MISMATCH");
}

function readKeyText(text: string): RecordKey {
  if (text.startsWith("Struct{")) return readStructText(text);
  if (!/^\s*[{["]/.test(text)) return { kind: "row", key: text };
  const parsed = parseJson(text);
  if (!parsed.ok) {
    return parsed.problem === "too_deep" ? refuse("KEY_TOO_DEEP") : { kind: "row", key: text };
  }
  const payload = unwrapSchema(parsed.value);
  if (payload === null) return { kind: "absent" };
  if (typeof payload === "string") return wellFormed(payload);
  return isJsonObject(payload) ? readStruct(payload) : refuse("NOT_A_KEY_VALUE_TABLE");
}

function readStruct(struct: JsonObject): RecordKey {
  const names = Object.keys(struct);
  const [name] = names;
  if (names.length !== 1 || name === undefined) return refuse("NOT_A_KEY_VALUE_TABLE");
  const key = rowKey(struct);
  return key === undefined ? bookkeepingKey(name, struct[name]) : wellFormed(key);
}

function readStructText(text: string): RecordKey {
  const [, name, value] = STRUCT_TEXT.exec(text) ?? [];
  if (name === undefined || value === undefined) return { kind: "row", key: text };
  return name === "key" ? { kind: "row", key: value } : bookkeepingKey(name, value);
}

function bookkeepingKey(name: string, value: unknown): RecordKey {
  if (name === "serverName") return { kind: "bookkeeping", reason: "heartbeat" };
  if (name === "prefix") return { kind: "bookkeeping", reason: "logical_message" };
  if (name === "databaseName") return { kind: "bookkeeping", reason: "schema_change" };
  if (name === "id" && typeof value === "string" && TRANSACTION_ID.test(value)) {
    return { kind: "bookkeeping", reason: "transaction" };
  }
  return refuse("NOT_A_KEY_VALUE_TABLE");
}

/** An escaped lone surrogate has no UTF-8, so no index could hold such a key unchanged. */
function wellFormed(key: string): RecordKey {
  return key.isWellFormed() ? { kind: "row", key } : refuse("KEY_NOT_UTF8");
}
