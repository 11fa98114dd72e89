import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { eventKey } from "../../core/cdc/event_key.ts";
import { parseJson } from "../../core/cdc/json.ts";
import { EventScanner } from "../../core/cdc/scan_event.ts";
import { looksLikeRecord } from "../../core/connectors/jsonl/record_line.ts";
import { readCapture } from "./captures.ts";

/** A second or two. A longer run sets a million. */
const RUN_COUNT = Number(process.env["KONN_MUTATIONS_COUNT"] ?? 5_000);

const scanner = new EventScanner();

/** The key that the scanner finds, in bytes that stand amidst others; undefined when it passes. */
function scannedKey(text: string | Uint8Array): string | undefined {
  const line = Buffer.from(text);
  const bytes = Buffer.concat([Buffer.from('"}'), line, Buffer.from('\n"}')]);
  if (!scanner.scan(bytes, 2, 2 + line.length)) return undefined;
  return bytes.toString("utf8", scanner.keyStart, scanner.keyEnd);
}

/** The key that is found by parsing, which is what counts; undefined for what is no event. */
function parsedKey(text: string | Uint8Array): string | undefined {
  const parsed = parseJson(Buffer.from(text).toString());
  return parsed.ok && !looksLikeRecord(parsed.value) ? eventKey(parsed.value) : undefined;
}

/** What the scanner takes must be what parsing finds; it may pass on anything. */
function expectSound(text: string | Uint8Array): void {
  const found = scannedKey(text);
  if (found !== undefined) expect(found).toBe(parsedKey(text) ?? "(none)");
}

test("the key of a usual event is found without parsing", () => {
  for (const text of [
    '{"before":null,"after":{"key":"k","value":{"a":[1,-2.5e+3,true,false,null]}},"op":"c"}',
    ' { "before" : { "key" : "k" } , "after" : null , "op" : "d" }\r',
    '{"before":{"key":"old"},"after":{"value":"{\\"key\\":\\"no\\"}","key":"k"},"op":"u"}',
    '{"key":"k","value":"\\u00e9","__deleted":"false"}',
    '{"after":{"value":1},"before":{"key":"k"}}',
    '{"after":{"value":1},"key":"k"}',
    '{"source":{"partition":1,"payload":2,"key":3},"after":{"key":"k","specversion":"1"}}',
  ]) {
    expect(scannedKey(text)).toBe("k");
  }
  expect(scannedKey('{"after":{"key":""}}')).toBe("");
  expect(scannedKey('{"after":{"key":"ключ/😀"}}')).toBe("ключ/😀");
});

test("what is not usual is left to the parser", () => {
  for (const text of [
    "",
    "{}",
    "[]",
    '"after"',
    '{"after":{"key":"k"}',
    '{"after":{"key":"k"}}}',
    '{"after":{"key":"k"}} {}',
    '{"after":{"key":"k"},}',
    '{"after":{"key":"k",}}',
    '{"after":{"key":"k"},"n":01}',
    '{"after":{"key":"k"},"n":1.}',
    '{"after":{"key":"k"},"n":-}',
    '{"after":{"key":"k"},"n":nul}',
    '{"after":{"key":"k"},"n":"\\x"}',
    '{"after":{"key":"k"},"n":"\\u12g4"}',
    '{"after":{"key":"k"},"n":"\t"}',
    '{"after":{"key":"\\u006b"}}',
    '{"after":{"key":"a"},"after":{"key":"b"}}',
    '{"after":{"key":"a","key":"b"}}',
    '{"after":{"key":"a","\\u006bey":"b"}}',
    '{"after":{"key":"a"},"payload":{"key":"b"},"schema":{}}',
    '{"specversion":"1.0","key":"a","data":{"key":"b"}}',
    '{"topic":"t","partition":0,"payload":"p","key":"k"}',
    '{"after":{"key":1},"key":"k"}',
    '{"after":{"value":1}}',
  ]) {
    expect(scannedKey(text)).toBeUndefined();
  }
});

test("nesting is followed as deep as an event may be nested", () => {
  const nested = (levels: number) =>
    `{"after":{"key":"k"},"n":${"[".repeat(levels)}${"]".repeat(levels)}}`;
  expect(scannedKey(nested(63))).toBe("k");
  expect(parsedKey(nested(63))).toBe("k");
  expect(scannedKey(nested(64))).toBeUndefined();
  expect(parsedKey(nested(64))).toBeUndefined();
  expectSound(nested(100_000));
});

test("the sample and captures of Debezium need no parser where they have no schemas", async () => {
  const sample = await Bun.file(new URL("../fixtures/stream.jsonl", import.meta.url)).text();
  for (const line of sample.trimEnd().split("\n")) expect(scannedKey(line)).toBe(parsedKey(line));
  let takenCount = 0;
  for (const name of ["a", "b", "d", "d_noschema", "a_plainkey", "c_rewrite", "e_iso"]) {
    for (const { value } of await readCapture(name)) {
      if (value === null) continue;
      expectSound(value);
      if (scannedKey(value) !== undefined) takenCount += 1;
    }
  }
  expect(takenCount).toBeGreaterThan(1_000);
});

/** Names and values that mean something, in texts that are JSON but for how they were put together. */
const NAMES = [
  "after",
  "before",
  "key",
  "value",
  "payload",
  "schema",
  "topic",
  "partition",
  "data",
];
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...NAMES, "specversion", "op", "") },
  { weight: 1, arbitrary: fc.constantFrom("\\u006bey", "\\u0061fter", "ke\\u0079", "kéy") },
);
const space = fc.constantFrom("", "", "", " ", "\t", "\r", "  ");
const text = fc.oneof(
  fc.string({ unit: "binary" }).map((value) => JSON.stringify(value)),
  fc.constantFrom('"k"', '""', '"\\u006b"', '"\\ud800"', '"{\\"key\\":1}"', '"ключ"', '"\\/"'),
);
const { event } = fc.letrec<{ event: string; value: string }>((tie) => ({
  event: fc
    .array(fc.tuple(space, name, space, space, tie("value"), space), { maxLength: 5 })
    .map((members) => members.map(([a, n, b, c, v, d]) => `${a}"${n}"${b}:${c}${v}${d}`))
    .map((members) => `{${members.join(",")}}`),
  value: fc.oneof(
    { depthSize: "small" },
    text,
    fc.constantFrom('{"key":"r"}', '{"value":{"key":1},"key":"s"}', '{"key":null}'),
    fc.json({ maxDepth: 2 }),
    fc.constantFrom("null", "true", "0", "-0", "1e5", "1E-2", "01", "+1", ".5", "1.", "1e", "tru"),
    tie("event"),
    fc.array(tie("value"), { maxLength: 3 }).map((items) => `[${items.join(",")}]`),
  ),
}));

test("what the scanner takes is what parsing finds, of any event", () => {
  let takenCount = 0;
  fc.assert(
    fc.property(event, (line) => {
      if (scannedKey(line) !== undefined) takenCount += 1;
      expectSound(line);
    }),
    { numRuns: RUN_COUNT },
  );
  expect(takenCount).toBeGreaterThan(RUN_COUNT / 100);
});

const snippet = fc.oneof(
  fc.constantFrom('"', "{", "}", "[", "]", ":", ",", "\\", "0", "-", " ", "\r", "\u0000"),
  fc.constantFrom("\\u", "1e9", "null", '"key":', '"after":', '"payload":', '"partition":0,'),
  fc.constantFrom('"before":null,', '"after":{"key":"x"},'),
);
const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  removedCount: fc.nat({ max: 12 }),
  inserted: fc.option(snippet, { nil: "" }),
});

test("what the scanner takes of damaged events is what parsing finds", () => {
  const whole = '{"before":{"key":"a"},"after":{"key":"b","value":{"n":[1.5,"\\n"]}},"ts_ms":1}';
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let line = whole;
      for (const { at, removedCount, inserted } of edits) {
        const place = Math.floor(at * line.length);
        line = line.slice(0, place) + inserted + line.slice(place + removedCount);
      }
      expectSound(line);
    }),
    { numRuns: RUN_COUNT },
  );
});
