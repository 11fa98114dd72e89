import * as fc from "fast-check";
import { readCapture } from "./captures.ts";

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

/** Edits of bytes, wherever they are. */
export const edits = fc.array(edit, { minLength: 1, maxLength: 6 });

/** Some of every shape, small enough to be edited often. */
export async function sampleOfEvents() {
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

/** The bytes after these edits, one after the other. */
export function applyAll(bytes: Uint8Array, list: readonly Edit[]): Uint8Array {
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
