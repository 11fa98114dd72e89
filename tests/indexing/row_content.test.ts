import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { decodeChange } from "../../core/cdc/decode.ts";
import type { Message } from "../../core/connector/mod.ts";
import { contentOf, RowContent, scanUpsert } from "../../core/indexing/row_content.ts";
import { bytesOf, readCapture } from "../cdc/captures.ts";
import { applyAll, edits, sampleOfEvents } from "../cdc/edited_events.ts";

/** A second; the nightly run sets more. */
const RUN_COUNT = Number(process.env["KONN_MUTATIONS_COUNT"] ?? 4_000);

const CAPTURES = ["a", "a_strkey", "a_plainkey", "b", "c_rewrite", "d", "d_noschema"];

const SAMPLE = new URL("../fixtures/stream.jsonl", import.meta.url);

async function readSample(): Promise<string[]> {
  return (await Bun.file(SAMPLE).text()).split("\n").filter(Boolean);
}

type Event = Pick<Message, "key" | "value" | "headers">;

function messageOf(event: Event): Message {
  return { ...event, sequence: 1n, timestampMs: 0 };
}

/**
 * What scanning says of an event, once it has been held against what decoding says. Undefined where
 * it leaves the event to the decoder.
 */
function scanned(event: Event): { key: string; form: bigint; text: string } | undefined {
  const message = messageOf(event);
  const upsert = scanUpsert(message);
  if (upsert === undefined) return undefined;
  const content = RowContent.scanned(upsert.key);
  content.keep();
  const change = decodeChange(message);
  if (change.kind !== "upsert") throw new Error(`${change.kind}, and scanned as an upsert`);
  const { key, eventTimeMs, lsn } = change;
  expect(upsert).toEqual({ kind: "upsert", key, eventTimeMs, lsn });
  const decoded = contentOf(change);
  // Behind another one: what was kept does not change any more.
  scanUpsert(messageOf(OTHER));
  expect(content.text).toBe(decoded.text);
  expect(content.droppedFields).toBe(decoded.droppedFields);
  return { key, form: content.form ?? 0n, text: content.text };
}

const PIECES = Array.from('0123456789eE+-.,:{}[]"\\ untf/x');

/** Most of them leave an event that can still be read. */
const smallEdit = fc.record({
  at: fc.nat({ max: 9_999 }).map((place) => place / 10_000),
  removedCount: fc.nat({ max: 1 }),
  inserted: fc
    .constantFrom(...PIECES, "\\u", '\\"', "\t", "é")
    .map((text) => new TextEncoder().encode(text)),
});

const OTHER = eventOf({
  op: "c",
  after: { key: "c/x/o/route/1", value: { object: { name: "x" } } },
});

function eventOf(value: unknown, key: string | null = null): Event {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return { key: bytesOf(key), value: bytesOf(text), headers: [] };
}

describe("A scanned upsert says what a decoded one says", () => {
  test("of every event of the sample and of the captures", async () => {
    const sample = await readSample();
    const sampleCount = sample.filter((line) => scanned(eventOf(line))).length;
    expect(sampleCount).toBe(sample.length);
    const records = (await Promise.all(CAPTURES.map(readCapture))).flat();
    const small = records.filter(({ value }, at) => (value?.length ?? 0) < 20_000 && at % 3 === 0);
    const count = small.filter((record) => scanned(record)).length;
    // The rest are deletes, tombstones, records of no row, and events with their schemas.
    expect(count).toBeGreaterThan(small.length / 5);
  });

  test("of events with random edits, where it takes them", async () => {
    const sample = (await readSample()).slice(0, 100).map((line) => eventOf(line));
    const events = [...(await sampleOfEvents()), ...sample].filter(
      (event) => scanned(event) !== undefined,
    );
    const mutated = fc.record({
      event: fc.constantFrom(...events),
      valueEdits: fc.oneof(edits, fc.array(smallEdit, { minLength: 1, maxLength: 2 })),
    });
    let takenCount = 0;
    fc.assert(
      fc.property(mutated, ({ event, valueEdits }) => {
        const value = event.value && applyAll(event.value, valueEdits);
        if (scanned({ ...event, value })) takenCount += 1;
      }),
      { numRuns: RUN_COUNT },
    );
    expect(takenCount).toBeGreaterThan(RUN_COUNT / 20);
  }, 900_000);

  test("of rows of any content, and equal forms are equal documents", () => {
    const names = [
      "name",
      "tags",
      "labels",
      "version",
      "hosts",
      "enabled",
      "created_at",
      "id",
      "x",
    ];
    const object = fc.dictionary(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 2 }));
    const row = fc.record({
      object: fc.oneof(object, fc.constant({ name: "same", labels: { a: 1 } })),
      more: fc.jsonValue(),
    });
    const type = fc.constantFrom("service", "route", "node", "consumer", "other");
    const texts = new Map<string, string>();
    let takenCount = 0;
    fc.assert(
      fc.property(row, type, fc.boolean(), fc.nat(), (value, of, isText, time) => {
        const key = `c/cp/o/${of}/1`;
        const column = isText ? JSON.stringify(value) : value;
        const event = { op: "u", after: { key, value: column }, ts_ms: time };
        const found = scanned(eventOf(event, key));
        if (found === undefined) return;
        takenCount += 1;
        const name = `${key} ${found.form}`;
        expect(texts.get(name) ?? found.text).toBe(found.text);
        texts.set(name, found.text);
      }),
      { numRuns: 2_000 },
    );
    expect(takenCount).toBeGreaterThan(500);
  });
});

describe("scanUpsert() leaves to the decoder", () => {
  const key = "c/x/o/route/1";
  const after = `{"key":"${key}","value":{"object":{"name":"x"}}}`;
  test.each([
    ["what is no JSON", `{"op":"u","after":${after}} x`],
    ["a delete", `{"op":"d","before":${after},"after":null}`],
    ["a second row", `{"op":"u","after":${after},"after":${after}}`],
    [
      "a second time behind one that is null",
      `{"op":"u","after":${after},"source":{"ts_ms":5,"ts_ms":null}}`,
    ],
    ["a schema", `{"schema":{},"payload":{"op":"u","after":${after}}}`],
    ["a CloudEvent", `{"specversion":"1.0","data":{},"op":"u","after":${after}}`],
    [
      "a value that is not there",
      `{"op":"u","after":{"key":"${key}","value":"__debezium_unavailable_value"}}`,
    ],
    ["a column that is no JSON", `{"op":"u","after":{"key":"${key}","value":"{\\"object\\":{}"}}`],
    [
      "a name with escapes",
      `{"op":"u","after":{"key":"${key}","value":{"object":{"n\\u0061me":"x"}}}}`,
    ],
    ["65 levels", `{"op":"u","after":${after},"x":${"[".repeat(64)}${"]".repeat(64)}}`],
  ])("%s", (_, value) => {
    expect(scanUpsert(messageOf(eventOf(value)))).toBeUndefined();
  });

  test("a key that differs from the record's", () => {
    const value = `{"op":"u","after":${after}}`;
    expect(scanUpsert(messageOf(eventOf(value, key)))?.key).toBe(key);
    expect(scanUpsert(messageOf(eventOf(value, `{"key":"${key}"}`)))?.key).toBe(key);
    expect(scanUpsert(messageOf(eventOf(value, "c/x/o/route/2")))).toBeUndefined();
  });
});
