import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { editDistance, prefixDistance } from "../../../core/search/edit_distance.ts";
import { NearNames } from "../../../core/connectors/sqlite/near_names.ts";
import { sharedLengths } from "../../../core/connectors/sqlite/segment_builder.ts";
import { packTexts } from "../../../core/connectors/sqlite/sorted_texts.ts";

const letters = fc.constantFrom("a", "b", "c");
const text = (minLength: number) => fc.string({ unit: letters, minLength, maxLength: 9 });
/** Fewer than are enough, so that none is passed over. */
const names = fc.array(text(1), { maxLength: 50 });

test("NearNames finds what comparing with each name finds", () => {
  fc.assert(
    fc.property(text(4), names, fc.integer({ min: 1, max: 3 }), (typed, unsorted, editsMax) => {
      const sorted = unsorted.toSorted();
      const packed = packTexts(sorted);
      const near = new NearNames(Buffer.from(typed), editsMax);
      near.scan(packed, sharedLengths(packed), (name) => name);
      const whole: number[][] = [[], [], [], []];
      const beginnings: number[][] = [[], [], [], []];
      for (const [index, name] of sorted.entries()) {
        const edits = editDistance(typed, name, editsMax);
        const beginning = prefixDistance(typed, name, editsMax).edits;
        if (edits <= editsMax) whole[edits]?.push(index);
        else if (beginning <= Math.min(editsMax, 2)) beginnings[beginning]?.push(index);
      }
      expect({ whole: near.whole, beginnings: near.beginnings }).toEqual({ whole, beginnings });
    }),
    { numRuns: 2_000 },
  );
});

test("NearNames passes over what is not there, and counts nobody for it", () => {
  const sorted = Array.from({ length: 100 }, () => "orders").concat("orderz");
  const packed = packTexts(sorted);
  const near = new NearNames(Buffer.from("orders"), 1);
  near.scan(packed, sharedLengths(packed), (name) => (name === 100 ? name : undefined));
  expect(near.whole).toEqual([[], [100], [], []]);
});
