import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { KeyTypes } from "../../../core/connectors/jsonl/key_types.ts";

const types = new KeyTypes();

/** What the shape of a key means, in another way. */
function typeByPattern(key: string): string | undefined {
  return /^c\/[^/]+\/o\/([^/]+)\//.exec(key)?.[1];
}

const part = fc.oneof(
  fc.constantFrom("c", "o", "", "service", "serwice", "route", "тип", "/"),
  fc.string({ maxLength: 3 }),
);

test("find() reads the type of a key amidst other bytes", () => {
  expect(types.find(Buffer.from("c/p/o/service/1"), 0, 15)).toBe("service");
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), fc.boolean(), (parts, isUsual) => {
      const key = isUsual ? `c/p/o/${parts.join("/")}` : parts.join("/");
      const bytes = Buffer.from(`c/${key}/o/x/`);
      const end = 2 + Buffer.byteLength(key);
      expect(types.find(bytes, 2, end)).toBe(typeByPattern(key));
    }),
    { numRuns: 2_000 },
  );
});

test("find() reads more types than it remembers", () => {
  for (let number = 0; number < 1_000; number++) {
    const key = Buffer.from(`c/p/o/type-${number}/id`);
    expect(types.find(key, 0, key.length)).toBe(`type-${number}`);
  }
});
