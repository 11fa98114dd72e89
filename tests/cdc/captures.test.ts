import { describe, expect, test } from "bun:test";
import type { Change } from "../../core/cdc/change.ts";
import { decodeChange } from "../../core/cdc/decode.ts";
import type { JsonValue } from "../../core/base/json.ts";
import { readCapture, readFinal, readIndex } from "./captures.ts";
import type { CapturedRecord, IndexedCase } from "./captures.ts";

/** The one row that PostgreSQL took and konn does not: 100 levels deep. */
const DEEP_KEY = "c/1e0c401d-df90-42b4-a108-19c90b1263dd/o/odd/deep";

describe("decodeChange() does what the index of the capture says", () => {
  for (const name of ["a", "b", "d"]) {
    test(name, async () => {
      const records = new Map((await readCapture(name)).map((record) => [placeOf(record), record]));
      let checked = 0;
      for (const entry of await readIndex(name)) {
        const record = records.get(placeOf(entry));
        if (record === undefined) continue;
        expect(summaryOf(decodeChange(record)), `${entry.case} ${placeOf(entry)}`).toBe(
          expectedOf(entry, record),
        );
        checked += 1;
      }
      expect(checked).toBe({ a: 2286, b: 1545, d: 1545 }[name] ?? 0);
    });
  }
});

describe("decodeChange() folds to the table that PostgreSQL had in the end", () => {
  // Of the 457 rows at the end all streams but the first name 325: they began later, and had no
  // incremental snapshot. One of them is too deep, and of one the value was never sent, except to
  // those that read it again.
  const rowCounts = {
    a: 456,
    a_strkey: 323,
    a_plainkey: 323,
    a_notomb: 323,
    a_reselect: 324,
    b: 323,
    c_tombstone: 323,
    c_rewrite: 323,
    c_rewrite_with_tombstone: 323,
    c_delete_to_tombstone: 323,
    d: 323,
    d_noschema: 323,
  };
  for (const [name, rowCount] of Object.entries(rowCounts)) {
    test(`${name}, table store`, () => expectFoldEqualsTable(name, "store", rowCount));
  }

  // A flattened stream tells nothing of the truncate of this one.
  for (const name of ["a", "b", "d", "d_noschema"]) {
    test(`${name}, table store_full`, () => expectFoldEqualsTable(name, "store_full", 84));
  }

  for (const name of ["a", "b", "c_rewrite", "d"]) {
    test(`${name}, table store_nopk`, () => expectFoldEqualsTable(name, "store_nopk", 3));
  }
});

test("decodeChange() loses only deletes of c_drop, which has none", async () => {
  const changes = (await readCapture("c_drop")).map(decodeChange);
  const kinds = new Set(changes.map((change) => change.kind));
  expect([...kinds].toSorted()).toEqual(["ignore", "refuse", "unavailable", "upsert"]);
  const refused = changes.filter((change) => change.kind === "refuse");
  expect(refused.map((change) => change.code)).toEqual([
    "ROW_VALUE_TOO_DEEP",
    "ROW_VALUE_TOO_DEEP",
  ]);
});

describe("decodeChange() refuses every record of tables of another shape", () => {
  for (const name of ["e_precise", "e_precise_schema", "e_string", "e_double", "e_iso"]) {
    test(name, async () => {
      const changes = (await readCapture(name)).map(decodeChange);
      expect(changes.length).toBe(45);
      expect(new Set(changes.map(summaryOf))).toEqual(new Set(["refuse NOT_A_KEY_VALUE_TABLE"]));
    });
  }
});

test("decodeChange() keeps the integers of a row as PostgreSQL wrote them", async () => {
  const { object } = await rowOf("c/1e0c401d-df90-42b4-a108-19c90b1263dd/o/odd/numbers");
  expect(object).toMatchObject({
    a: 1,
    b: 1.1,
    c: 1000,
    g: 9007199254740993n,
    h: 12345678901234567890123456789n,
  });
});

test("decodeChange() takes a jsonb text that reads like the placeholder for a value", async () => {
  const key = "c/1e0c401d-df90-42b4-a108-19c90b1263dd/o/odd/placeholder-string";
  const record = (await readCapture("a")).find((each) => textOf(each.key).includes(key));
  expect(record && decodeChange(record)).toMatchObject({
    kind: "upsert",
    key,
    row: "__debezium_unavailable_value",
  });
});

test("decodeChange() takes names like __proto__ for names", async () => {
  const { object } = await rowOf("c/1e0c401d-df90-42b4-a108-19c90b1263dd/o/odd/odd-field-names");
  expect(Object.hasOwn(Object(object), "__proto__")).toBe(true);
  expect(Object.hasOwn(Object(object), "constructor")).toBe(true);
});

function placeOf(at: Pick<IndexedCase, "topic" | "partition" | "offset">): string {
  return `${at.topic}/${at.partition}/${at.offset}`;
}

function summaryOf(change: Change): string {
  if (change.kind === "refuse") return `refuse ${change.code}`;
  if (change.kind === "ignore") return `ignore ${change.reason}`;
  return change.kind === "truncate" ? "truncate" : `${change.kind} ${change.key}`;
}

/** Written from the index and from what PostgreSQL was told to do, not from the decoder. */
function expectedOf(entry: IndexedCase, record: CapturedRecord): string {
  if (entry.topic.endsWith(".transaction")) return "ignore transaction";
  if (entry.topic.endsWith(".message")) return "ignore logical_message";
  if (entry.topic.startsWith("__debezium-heartbeat")) return "ignore heartbeat";
  if (entry.topic.endsWith(".debezium_signal")) return "refuse NOT_A_KEY_VALUE_TABLE";
  if (entry.op === "t") return "truncate";
  if (entry.key === null && entry.op === "tombstone") return "refuse TOMBSTONE_WITHOUT_KEY";
  const key = entry.key === null ? keyInValue(record) : keyInStruct(entry.key);
  if (entry.op === "d" || entry.op === "tombstone") return `delete ${key}`;
  if (key === DEEP_KEY) return "refuse ROW_VALUE_TOO_DEEP";
  const isPlaceholder = textOf(record.value).includes('"value":"__debezium_unavailable_value"');
  return isPlaceholder ? `unavailable ${key}` : `upsert ${key}`;
}

function keyInStruct(text: string): string {
  const struct: { key?: string; payload?: { key: string } } = JSON.parse(text);
  return struct.payload?.key ?? struct.key ?? "?";
}

/** The key of a row of the table that has no primary key. */
function keyInValue(record: CapturedRecord): string {
  return /"key":"([^"]+)"/.exec(textOf(record.value))?.[1] ?? "?";
}

async function expectFoldEqualsTable(name: string, table: string, rowCount: number) {
  const topic = `${name}.public.${table}`;
  const records = (await readCapture(name)).filter((record) => record.topic === topic);
  const { rows, deleted } = fold(records);
  const final = await readFinal(table);
  for (const [key, row] of rows) {
    expect(final.has(key), key).toBe(true);
    expect(asDoubles(row), key).toEqual(final.get(key));
  }
  for (const key of deleted) expect(final.has(key), key).toBe(false);
  expect(rows.size).toBe(rowCount);
}

/** The simple fold: the last event of a key wins, a placeholder keeps what was there. */
function fold(records: readonly CapturedRecord[]) {
  const rows = new Map<string, JsonValue>();
  const deleted = new Set<string>();
  for (const record of records) {
    const change = decodeChange(record);
    if (change.kind === "truncate") rows.clear();
    if (change.kind === "upsert") {
      rows.set(change.key, change.row);
      deleted.delete(change.key);
    }
    if (change.kind === "delete") {
      rows.delete(change.key);
      deleted.add(change.key);
    }
  }
  return { rows, deleted };
}

/** The fixture's table is read with doubles, so the comparison is made in doubles. */
function asDoubles(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(asDoubles);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, asDoubles(item)]));
}

async function rowOf(key: string): Promise<{ object: unknown }> {
  for (const record of await readCapture("a")) {
    const change = decodeChange(record);
    if (change.kind === "upsert" && change.key === key) return Object(change.row);
  }
  throw new Error(`Cannot find ${key}: not in the capture`);
}

function textOf(bytes: Uint8Array | null): string {
  return new TextDecoder().decode(bytes ?? new Uint8Array());
}
