import { describe, expect, test } from "bun:test";
import { decodeChange } from "../../core/cdc/decode.ts";
import { bytesOf } from "./captures.ts";

const KEY = "c/1/o/service/2";

function decode(key: string | Uint8Array | null, value: unknown) {
  const text = typeof value === "string" || value === null ? value : JSON.stringify(value);
  return decodeChange({
    key: typeof key === "string" ? bytesOf(key) : key,
    value: bytesOf(text),
    headers: [],
  });
}

function decodeBytes(value: readonly number[]) {
  return decodeChange({ key: bytesOf(KEY), value: new Uint8Array(value), headers: [] });
}

/** A row with this value column. */
function decodeValue(value: unknown) {
  return decode(KEY, { op: "c", after: { key: KEY, value } });
}

function reasonOf(key: string | null, value: unknown): string {
  const change = decode(key, value);
  return change.kind === "ignore" ? change.reason : change.kind;
}

function codeOf(change: ReturnType<typeof decodeChange>): string {
  return change.kind === "refuse" ? change.code : change.kind;
}

function nested(levels: number): string {
  return "[".repeat(levels) + "]".repeat(levels);
}

describe("decodeChange() reads a row", () => {
  const row = { key: KEY, value: { type: 3, object: { name: "n" } } };

  test("of an event whose value is an object, as in the sample", () => {
    expect(decode(KEY, { before: null, after: row, op: "c", ts_ms: 1706812484573 })).toEqual({
      kind: "upsert",
      key: KEY,
      row: { type: 3, object: { name: "n" } },
      eventTimeMs: 1706812484573,
    });
  });

  test("with the time of the database rather than that of the connector", () => {
    const event = { after: row, op: "u", ts_ms: 20, source: { ts_ms: "10" } };
    expect(decode(KEY, event)).toMatchObject({ eventTimeMs: 10 });
  });

  test("by any form of key, and without one", () => {
    const event = { before: null, after: row, op: "r" };
    for (const key of [
      KEY,
      `{"key":"${KEY}"}`,
      `"${KEY}"`,
      `{"schema":{"type":"struct"},"payload":{"key":"${KEY}"}}`,
      `{"schema":{"type":"string"},"payload":"${KEY}"}`,
      `Struct{key=${KEY}}`,
      null,
    ]) {
      expect(decode(key, event)).toMatchObject({ kind: "upsert", key: KEY });
    }
  });

  test("with the schema on the key or on the value alone", () => {
    const event = { before: null, after: row, op: "u" };
    const wrapped = { schema: { type: "struct" }, payload: event };
    expect(decode(`{"key":"${KEY}"}`, wrapped)).toMatchObject({ kind: "upsert", key: KEY });
    expect(decode(`{"schema":{},"payload":{"key":"${KEY}"}}`, event).kind).toBe("upsert");
  });

  test("whose SQL NULL and jsonb null are null, and whose scalars are themselves", () => {
    expect(decodeValue(null)).toMatchObject({ kind: "upsert", row: null });
    expect(decodeValue("null")).toMatchObject({ kind: "upsert", row: null });
    expect(decodeValue("42")).toMatchObject({ kind: "upsert", row: 42 });
    expect(decodeValue('"text"')).toMatchObject({ kind: "upsert", row: "text" });
  });

  test("with integers beyond 2^53 as they are, in text and in an expanded object", () => {
    const inText = { op: "c", after: { key: KEY, value: '{"a":9007199254740993}' } };
    expect(decode(KEY, inText)).toMatchObject({ row: { a: 9007199254740993n } });
    const expanded = `{"op":"c","ts_ns":1706812484573000001,"after":{"key":"${KEY}","value":{"a":[-9007199254740993,1.5,1e400]}}}`;
    expect(decode(KEY, expanded)).toMatchObject({
      row: { a: [-9007199254740993n, 1.5, Number.POSITIVE_INFINITY] },
    });
  });

  test("and takes the last of two members of the same name", () => {
    const event = `{"op":"x","op":"c","after":{"key":"${KEY}","value":"{\\"a\\":1,\\"a\\":2}"}}`;
    expect(decode(KEY, event)).toMatchObject({ kind: "upsert", row: { a: 2 } });
  });

  test("behind a byte order mark", () => {
    expect(decode(KEY, `\uFEFF${JSON.stringify({ op: "c", after: row })}`).kind).toBe("upsert");
  });
});

describe("decodeChange() finds what is no row by its shape", () => {
  test("a truncate, in an envelope and in a CloudEvent", () => {
    expect(decode(null, { before: null, after: null, op: "t" })).toEqual({ kind: "truncate" });
    const data = { before: null, after: null };
    const event = { specversion: "1.0", iodebeziumop: "t", data };
    expect(decode(null, event)).toEqual({ kind: "truncate" });
  });

  test("heartbeats, transactions, schema changes and logical messages", () => {
    expect(reasonOf('{"serverName":"a"}', { ts_ms: 1 })).toBe("heartbeat");
    expect(reasonOf('{"id":"1:2"}', { status: "BEGIN", id: "1:2" })).toBe("transaction");
    expect(reasonOf('{"databaseName":"a"}', { ddl: null, tableChanges: [] })).toBe("schema_change");
    expect(reasonOf('{"prefix":"a"}', { op: "m", message: {} })).toBe("logical_message");
    expect(reasonOf('{"serverName":"a"}', null)).toBe("heartbeat");
    expect(reasonOf('{"id":"1:2"}', null)).toBe("transaction");
    expect(reasonOf("Struct{prefix=konn}", null)).toBe("logical_message");
  });
});

describe("decodeChange() reads a delete", () => {
  test("of the key, of the row before, or of both", () => {
    const expected = { kind: "delete", key: KEY };
    expect(decode(KEY, { op: "d", before: { key: KEY }, after: null })).toMatchObject(expected);
    expect(decode(null, { op: "d", before: { key: KEY, value: null } })).toMatchObject(expected);
    expect(decode(`{"key":"${KEY}"}`, { op: "d", before: null })).toMatchObject(expected);
    expect(decode(`{"key":"${KEY}"}`, { op: "d" })).toMatchObject(expected);
  });

  test("of a tombstone, whatever its converter makes of null", () => {
    for (const value of [null, "null", '{"schema":{"type":"struct"},"payload":null}']) {
      expect(decode(`{"key":"${KEY}"}`, value)).toEqual({ kind: "delete", key: KEY });
    }
    expect(decode("null", null)).toEqual({ kind: "delete", key: "null" });
    expect(decode("", null)).toEqual({ kind: "delete", key: "" });
  });

  test("of a flattened row", () => {
    const row = { key: KEY, value: null, __deleted: "true" };
    expect(decode(null, row)).toMatchObject({ kind: "delete", key: KEY });
    expect(decode(null, { ...row, __deleted: "false" })).toMatchObject({ kind: "upsert" });
  });

  test("of a CloudEvent without attributes of Debezium's own", () => {
    const data = { before: { key: KEY, value: null }, after: null };
    expect(decode(KEY, { specversion: "1.0", data })).toMatchObject({ kind: "delete", key: KEY });
  });
});

test("decodeChange() tells an unavailable value that was from one that never was", () => {
  const after = { key: KEY, value: "__debezium_unavailable_value" };
  expect(decode(KEY, { op: "u", after })).toMatchObject({ kind: "unavailable", isNewKey: false });
  expect(decode(KEY, { op: "c", after })).toMatchObject({ kind: "unavailable", isNewKey: true });
  expect(decode(KEY, after)).toMatchObject({ kind: "unavailable", key: KEY });
});

describe("decodeChange() refuses", () => {
  const after = { key: KEY, value: {} };

  test("what is not JSON, or no object", () => {
    expect(codeOf(decode(KEY, "{"))).toBe("VALUE_NOT_JSON");
    expect(codeOf(decode(KEY, ""))).toBe("VALUE_NOT_JSON");
    expect(codeOf(decodeBytes([0]))).toBe("VALUE_NOT_JSON");
    for (const value of ["1", "true", '"text"', "[]"]) {
      expect(codeOf(decode(KEY, value))).toBe("VALUE_NOT_AN_OBJECT");
    }
    expect(codeOf(decode(KEY, "{}"))).toBe("NOT_A_CHANGE_EVENT");
  });

  test("bytes that are not UTF-8, in the key and in the value", () => {
    expect(codeOf(decodeBytes([0x22, 0xff, 0x22]))).toBe("VALUE_NOT_UTF8");
    expect(codeOf(decode(new Uint8Array([0xff]), null))).toBe("KEY_NOT_UTF8");
    expect(codeOf(decode(new Uint8Array([0xff]), { op: "c", after }))).toBe("KEY_NOT_UTF8");
  });

  test("the wire format of a schema registry, naming the settings that change it", () => {
    const bytes = new Uint8Array([0, 0, 0, 0, 7, 2, 65]);
    const value = decodeChange({ key: null, value: bytes, headers: [] });
    expect(value).toMatchObject({ kind: "refuse", code: "VALUE_IN_WIRE_FORMAT" });
    expect(value).toMatchObject({
      reason: expect.stringContaining(
        "value.converter=org.apache.kafka.connect.json.JsonConverter",
      ),
    });
    expect(codeOf(decode(bytes, { op: "c", after }))).toBe("KEY_IN_WIRE_FORMAT");
    expect(codeOf(decode(bytes, null))).toBe("KEY_IN_WIRE_FORMAT");
  });

  test("an op that is unknown or missing", () => {
    expect(codeOf(decode(KEY, { op: "x", after }))).toBe("OPERATION_UNKNOWN");
    expect(codeOf(decode(KEY, { op: "constructor", after }))).toBe("OPERATION_UNKNOWN");
    expect(codeOf(decode(KEY, { op: 1, after }))).toBe("OPERATION_MISSING");
    expect(codeOf(decode(KEY, { after }))).toBe("OPERATION_MISSING");
  });

  test("a row that is missing, has no key, or is of another table", () => {
    expect(codeOf(decode(KEY, { op: "c", after: null }))).toBe("ROW_MISSING");
    expect(codeOf(decode(KEY, { op: "c" }))).toBe("ROW_MISSING");
    for (const row of [{ value: {} }, { key: 1, value: {} }, { key: KEY }, [], "text"]) {
      expect(codeOf(decode(KEY, { op: "u", after: row }))).toBe("NOT_A_KEY_VALUE_TABLE");
    }
    expect(codeOf(decode(null, { id: 1, value: {} }))).toBe("NOT_A_CHANGE_EVENT");
  });

  test("a key of another table, and one that is not the row's", () => {
    for (const key of ["{}", '{"id":1}', '{"key":"a","tenant":1}', '{"key":1}', "[1]"]) {
      expect(codeOf(decode(key, { op: "c", after }))).toBe("NOT_A_KEY_VALUE_TABLE");
      expect(codeOf(decode(key, null))).toBe("NOT_A_KEY_VALUE_TABLE");
    }
    expect(codeOf(decode('{"id":"1:2"}', { op: "c", after }))).toBe("NOT_A_KEY_VALUE_TABLE");
    expect(codeOf(decode("another", { op: "c", after }))).toBe("KEY_MISMATCH");
    expect(codeOf(decode("another", { op: "d", before: after }))).toBe("KEY_MISMATCH");
  });

  test("a delete and a tombstone that name no key", () => {
    expect(codeOf(decode(null, { op: "d", before: null }))).toBe("KEY_MISSING");
    expect(codeOf(decode(null, null))).toBe("TOMBSTONE_WITHOUT_KEY");
    expect(codeOf(decode(null, "null"))).toBe("TOMBSTONE_WITHOUT_KEY");
  });

  test("more than 64 levels, and not 64", () => {
    expect(codeOf(decodeValue(nested(64)))).toBe("upsert");
    expect(codeOf(decodeValue(nested(65)))).toBe("ROW_VALUE_TOO_DEEP");
    expect(codeOf(decode(KEY, nested(65)))).toBe("VALUE_TOO_DEEP");
    expect(codeOf(decode(KEY, nested(1_000_000)))).toBe("VALUE_TOO_DEEP");
    expect(codeOf(decode(nested(65), { op: "c", after }))).toBe("KEY_TOO_DEEP");
  });

  test("a schema without payload, and a value column that is not jsonb", () => {
    expect(codeOf(decode(KEY, { schema: { type: "struct" } }))).toBe("SCHEMA_WITHOUT_PAYLOAD");
    const row = { key: KEY, value: '{"cut off' };
    expect(codeOf(decode(KEY, { op: "c", after: row }))).toBe("ROW_VALUE_NOT_JSON");
  });

  test("keys with a lone surrogate, which no UTF-8 can hold", () => {
    const key = String.raw`{"key":"a\ud800"}`;
    const value = String.raw`{"op":"c","after":{"key":"a\ud800","value":null}}`;
    expect(codeOf(decode(key, null))).toBe("KEY_NOT_UTF8");
    expect(codeOf(decode(null, value))).toBe("KEY_NOT_UTF8");
  });

  test("without a word of the record in the reason", () => {
    const change = decode("s3cr3t", { op: "s3cr3t", after: { key: "s3cr3t", value: "s3cr3t" } });
    expect(JSON.stringify(change)).not.toContain("s3cr3t");
  });
});

test("decodeChange() does a row of 16 MiB", () => {
  const value = JSON.stringify({ object: { name: "x".repeat(16 * 1024 * 1024) } });
  expect(decode(KEY, { op: "c", after: { key: KEY, value } }).kind).toBe("upsert");
});
