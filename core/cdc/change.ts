import type { JsonValue } from "../base/json.ts";

/**
 * The `value` column of a row, parsed. SQL NULL and the jsonb null are both null; anything but an
 * object is kept as it was, since a row may hold it.
 */
export type RowValue = JsonValue;

/** What one record of a change topic says about a key/value table. */
export type Change = Upsert | Delete | Unavailable | Ignored | Truncate | Refusal;

/** The row is now this. Inserts, updates and snapshot reads are the same thing to a reader. */
export interface Upsert {
  readonly kind: "upsert";
  readonly key: string;
  readonly row: RowValue;
  readonly eventTimeMs?: number | undefined;
  readonly lsn?: number | undefined;
}

/** The row is gone. A delete event and the tombstone behind it both say so. */
export interface Delete {
  readonly kind: "delete";
  readonly key: string;
  readonly eventTimeMs?: number | undefined;
  readonly lsn?: number | undefined;
}

/**
 * The row changed, but its value is stored out of line (TOAST), was not touched and was not sent:
 * what is known of the row stays as it was.
 */
export interface Unavailable {
  readonly kind: "unavailable";
  readonly key: string;
  /**
   * The row is new under this key (its primary key changed), so the stream may never hold the
   * value at all.
   */
  readonly isNewKey: boolean;
  readonly eventTimeMs?: number | undefined;
  readonly lsn?: number | undefined;
}

/** A record that is no row and is no fault either. */
export interface Ignored {
  readonly kind: "ignore";
  readonly reason: IgnoreReason;
}

export type IgnoreReason = "heartbeat" | "transaction" | "schema_change" | "logical_message";

/** All rows of the table are gone. It has no key and no order across partitions. */
export interface Truncate {
  readonly kind: "truncate";
  /**
   * Where it stands in PostgreSQL's log. TRUNCATE holds an exclusive lock on the table, so every
   * change before it has a lower one and every change after it a higher one.
   */
  readonly lsn?: number | undefined;
}

/** A record that cannot be understood. The reason never quotes it. */
export interface Refusal {
  readonly kind: "refuse";
  readonly code: RefusalCode;
  readonly reason: string;
}

const REFUSALS = {
  KEY_IN_WIRE_FORMAT:
    "The key is in the wire format of a schema registry (Avro, Protobuf or JSON Schema): set key.converter=org.apache.kafka.connect.json.JsonConverter on the connector",
  KEY_MISMATCH: "The Kafka key and the key of the row in the event differ",
  KEY_MISSING: "The event is a delete that names no key",
  KEY_NOT_UTF8: "The key is not valid UTF-8",
  KEY_TOO_DEEP: "The key is nested deeper than 64 levels",
  NOT_A_CHANGE_EVENT:
    "The value is JSON but no Debezium event of a key/value table (key text primary key, value jsonb)",
  NOT_A_KEY_VALUE_TABLE:
    "The row is not one of a key/value table (key text primary key, value jsonb)",
  OPERATION_MISSING: "The event has no op, or one that is not text",
  OPERATION_UNKNOWN: "The op of the event is none of c, u, r, d, t, m",
  ROW_MISSING: "The event has no after, though its op promises one",
  ROW_VALUE_NOT_JSON: "The value column of the row holds text that is not JSON",
  ROW_VALUE_TOO_DEEP: "The value column of the row is nested deeper than 64 levels",
  SCHEMA_WITHOUT_PAYLOAD: "The value has a schema but no payload",
  TOMBSTONE_WITHOUT_KEY: "The record has neither key nor value",
  VALUE_IN_WIRE_FORMAT:
    "The value is in the wire format of a schema registry (Avro, Protobuf or JSON Schema): set value.converter=org.apache.kafka.connect.json.JsonConverter on the connector",
  VALUE_NOT_AN_OBJECT: "The value is JSON but not an object",
  VALUE_NOT_JSON: "The value is not JSON",
  VALUE_NOT_UTF8: "The value is not valid UTF-8",
  VALUE_TOO_DEEP: "The value is nested deeper than 64 levels",
} as const satisfies Record<string, string>;

export type RefusalCode = keyof typeof REFUSALS;

export function refuse(code: RefusalCode): Refusal {
  return { kind: "refuse", code, reason: REFUSALS[code] };
}
