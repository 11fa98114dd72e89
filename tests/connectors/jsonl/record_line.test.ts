import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import * as fc from "fast-check";
import { parseJson } from "../../../core/cdc/json.ts";
import { type Message, NO_TIMESTAMP } from "../../../core/connector/mod.ts";
import { LineBuffer } from "../../../core/connectors/jsonl/line_buffer.ts";
import {
  looksLikeRecord,
  parseRecordLine,
  type RecordContent,
  writeRecordLine,
} from "../../../core/connectors/jsonl/record_line.ts";

const CAPTURES = join(import.meta.dir, "../../fixtures/debezium");

/** Text, text with a byte order mark and other traps, and bytes that are no text. */
const BYTES = fc.oneof(
  fc.string({ unit: "binary" }).map((text) => Buffer.from(text)),
  fc.constantFrom("\ufefftext", "\u0000", "\u2028", "").map((text) => Buffer.from(text)),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
);
const BYTES_OR_NULL = fc.oneof(fc.constant(null), BYTES);

const MESSAGE: fc.Arbitrary<Message> = fc.record(
  {
    sequence: fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }),
    key: BYTES_OR_NULL,
    value: BYTES_OR_NULL,
    headers: fc.array(fc.record({ name: fc.string({ unit: "binary" }), value: BYTES_OR_NULL })),
    timestampMs: fc.oneof(fc.constant(NO_TIMESTAMP), fc.nat()),
    origin: fc.record({
      topic: fc.string(),
      partition: fc.nat(),
      offset: fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }),
    }),
  },
  { requiredKeys: ["sequence", "key", "value", "headers", "timestampMs"] },
);

const RECORD = { topic: "t", partition: 0, offset: 5, tstype: "create", ts: 9, key: "k" };

function parse(line: object): ReturnType<typeof parseRecordLine> {
  const parsed = parseJson(JSON.stringify(line));
  if (!parsed.ok) throw new Error("unreachable");
  return parseRecordLine(parsed.value);
}

function formatRecordLine(message: Message): string {
  const line = new LineBuffer(0);
  writeRecordLine(line, message);
  return line.take().toString();
}

describe("LineBuffer", () => {
  test("jsonString() makes of bytes what JSON.stringify makes of their text, however long", () => {
    const text = fc.string({ unit: "binary", size: "large" });
    fc.assert(
      fc.property(text, fc.nat({ max: 5_000 }), (part, count) => {
        const long = `${part}\u0001"\\`.repeat(Math.ceil(count / (part.length + 1)));
        const bytes = Buffer.from(long);
        const line = new LineBuffer(0);
        line.jsonString(bytes);
        expect(line.take().toString()).toBe(JSON.stringify(bytes.toString()));
      }),
      { numRuns: 50 },
    );
  });
});

describe("parseRecordLine() after writeRecordLine()", () => {
  test("gives back every byte, whatever it is", () => {
    fc.assert(
      fc.property(MESSAGE, ({ sequence, ...content }) => {
        const line = formatRecordLine({ sequence, ...content });
        expect(line).not.toContain("\n");
        const parsed = parseJson(line);
        expect(parsed.ok && looksLikeRecord(parsed.value)).toBe(true);
        expect(parsed.ok && parseRecordLine(parsed.value)).toEqual(content);
      }),
    );
  });

  test("gives back every record of the captures, and of its place in Kafka", () => {
    const files = readdirSync(CAPTURES).filter((name) => /^[a-e](_\w+)?\.jsonl\.gz$/.test(name));
    expect(files.length).toBeGreaterThan(10);
    for (const file of files) {
      const lines = gunzipSync(readFileSync(join(CAPTURES, file)))
        .toString()
        .trimEnd();
      for (const line of lines.split("\n")) {
        const { topic, partition, offset, ts, key, payload, headers = [] } = JSON.parse(line);
        const record = parse(JSON.parse(line));
        if ("fault" in record) throw new Error(record.fault);
        expect(record.origin).toEqual({ topic, partition, offset: BigInt(offset) });
        expect([textOrNull(record.key), textOrNull(record.value)]).toEqual([key, payload]);
        expect(record.headers.flatMap(({ name, value }) => [name, textOrNull(value)])).toEqual(
          headers,
        );
        expect(record.timestampMs).toBe(ts);
        expect(JSON.parse(formatRecordLine({ sequence: 0n, ...record }))).toMatchObject({
          topic,
          partition,
          offset,
          ts,
          key,
          payload,
          headers,
        });
      }
    }
  });
});

describe("parseRecordLine()", () => {
  test("takes a null payload for a tombstone, and no time for an unknown one", () => {
    const line = { ...RECORD, payload: null, tstype: "unknown", ts: 0, key: null };
    expect(parse(line)).toEqual({
      key: null,
      value: null,
      headers: [],
      timestampMs: NO_TIMESTAMP,
      origin: { topic: "t", partition: 0, offset: 5n },
    } satisfies RecordContent);
  });

  test("refuses what cannot be a record", () => {
    const faulty: object[] = [
      [],
      { ...RECORD },
      { before: null, after: { key: "k" }, op: "c" },
      { ...RECORD, payload: { key: "k" } },
      { ...RECORD, payload: "\ud800" },
      { ...RECORD, payload: "a", payload_base64: "YQ==" },
      { ...RECORD, payload_base64: "no base64!" },
      { ...RECORD, payload_base64: 5 },
      { ...RECORD, payload: "a", key: 5 },
      { ...RECORD, payload: "a", headers: ["name"] },
      { ...RECORD, payload: "a", headers: [5, "value"] },
      { ...RECORD, payload: "a", headers: ["name", 5] },
      { ...RECORD, payload: "a", headers: { name: "value" } },
      { ...RECORD, payload: "a", headers: ["name", "\udc00"] },
      { ...RECORD, payload: "a", headers_base64: ["name", "?"] },
      { ...RECORD, payload: "a", headers: [], headers_base64: [] },
      { ...RECORD, payload: "a", topic: 5 },
      { ...RECORD, payload: "a", topic: null },
      { ...RECORD, payload: "a", partition: -1 },
      { ...RECORD, payload: "a", partition: 2 ** 31 },
      { ...RECORD, payload: "a", partition: "0" },
      { ...RECORD, payload: "a", offset: -1 },
      { ...RECORD, payload: "a", offset: 1.5 },
      { ...RECORD, payload: "a", ts: "yesterday" },
    ];
    for (const line of faulty) {
      expect([line, "fault" in parse(line)]).toEqual([line, true]);
    }
  });
});

function textOrNull(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString();
}
