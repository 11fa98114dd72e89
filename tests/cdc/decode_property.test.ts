import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { decodeChange } from "../../core/cdc/decode.ts";
import { readCapture } from "./captures.ts";

/**
 * Enough to meet each kind of byte in each kind of place; a few seconds. The nightly run sets a
 * million, which takes two or three minutes.
 */
const RUN_COUNT = Number(process.env["KONN_MUTATIONS_COUNT"] ?? 20_000);

const KINDS = new Set(["upsert", "delete", "ignore", "unavailable", "truncate", "refuse"]);

/** Bytes and snippets that mean something to a JSON parser, to UTF-8 or to the decoder. */
const SNIPPETS = [
  '"',
  "{",
  "}",
  "[",
  "]",
  ":",
  ",",
  "\\",
  "\\u",
  "\\ud800",
  "0",
  "-",
  "1e999",
  "null",
  "true",
  '"op":"t"',
  '"__proto__":',
  '"constructor":{',
  '"schema":{}',
  '"payload":',
  '"specversion":"1"',
  '"data":',
  '"key":',
  '"value":',
  "[[[[[[[[[[[[[[[[",
  "12345678901234567890",
  "Struct{key=",
  "\u0000",
  "\uFEFF",
].map((text) => new TextEncoder().encode(text));

const snippet = fc.oneof(
  fc.constantFrom(...SNIPPETS),
  fc.uint8Array({ minLength: 1, maxLength: 4 }),
);

/** Put in or over, at a place given as a share of the length. */
const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  removedCount: fc.nat({ max: 40 }),
  inserted: fc.option(snippet, { nil: new Uint8Array() }),
});

const edits = fc.array(edit, { minLength: 1, maxLength: 6 });

test("decodeChange() never throws, on real events with random edits", async () => {
  const events = await sampleOfEvents();
  const mutated = fc.record({
    event: fc.constantFrom(...events),
    keyEdits: fc.option(edits, { nil: [], freq: 2 }),
    valueEdits: edits,
  });
  const kinds = new Set<string>();
  fc.assert(
    fc.property(mutated, ({ event, keyEdits, valueEdits }) => {
      const key = event.key === null ? null : applyAll(event.key, keyEdits);
      const value = event.value === null ? null : applyAll(event.value, valueEdits);
      const change = decodeChange({ key, value, headers: event.headers });
      kinds.add(change.kind);
      return KINDS.has(change.kind);
    }),
    { numRuns: RUN_COUNT },
  );
  expect(kinds.size).toBeGreaterThan(3);
}, 900_000);

test("decodeChange() never throws, on any bytes", () => {
  const bytes = fc.option(fc.uint8Array({ maxLength: 64 }), { nil: null });
  const json = fc.json({ maxDepth: 6 }).map((text) => new TextEncoder().encode(text));
  fc.assert(
    fc.property(fc.oneof(bytes, json), fc.oneof(bytes, json), (key, value) =>
      KINDS.has(decodeChange({ key, value, headers: [] }).kind),
    ),
    { numRuns: RUN_COUNT / 10 },
  );
});

/** Some of every shape, small enough to be edited often. */
async function sampleOfEvents() {
  const names = [
    "a",
    "b",
    "a_strkey",
    "c_rewrite_with_tombstone",
    "c_tombstone",
    "d",
    "d_noschema",
  ];
  const captures = await Promise.all(names.map(readCapture));
  return captures.flatMap((records) =>
    records.filter(({ value }, at) => at % 17 === 0 && (value?.length ?? 0) < 4000),
  );
}

function applyAll(bytes: Uint8Array, list: readonly Edit[]): Uint8Array {
  let result = bytes;
  for (const each of list) result = apply(result, each);
  return result;
}

interface Edit {
  readonly at: number;
  readonly removedCount: number;
  readonly inserted: Uint8Array;
}

function apply(bytes: Uint8Array, { at, removedCount, inserted }: Edit): Uint8Array {
  const from = Math.floor(at * bytes.length);
  return Buffer.concat([bytes.subarray(0, from), inserted, bytes.subarray(from + removedCount)]);
}
