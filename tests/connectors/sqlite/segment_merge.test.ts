import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { SegmentBuilder } from "../../../core/connectors/sqlite/segment_builder.ts";
import { decodeSegment } from "../../../core/connectors/sqlite/segment_layout.ts";
import { mergeSegments } from "../../../core/connectors/sqlite/segment_merge.ts";
import type { EntityDocument } from "../../../core/search/searcher.ts";

const word = fc.constantFrom("a", "ab", "abc", "b", "ä", "注文", "𝒳y", "z9", "İ");
const name = fc.array(word, { minLength: 0, maxLength: 3 }).map((words) => words.join("-"));
const anyDocument = fc.record<EntityDocument>(
  {
    type: fc.constantFrom("route", "service"),
    id: fc.constantFrom("0123", "89ab"),
    control_plane: fc.constantFrom("p", "q"),
    name,
    tags: fc.array(word, { maxLength: 3 }),
    parent: fc.constantFrom("x", "y"),
  },
  { requiredKeys: ["type", "id"] },
);
/** Segments of one transaction each: what it adds, and which entities of all it takes away. */
const transactions = fc.array(
  fc.record({
    added: fc.array(anyDocument, { maxLength: 40 }),
    removed: fc.uniqueArray(fc.nat(120), { maxLength: 12 }),
  }),
  { minLength: 1, maxLength: 6 },
);

test("mergeSegments makes what one transaction of the same outcome would have made", () => {
  fc.assert(
    fc.property(transactions, (made) => {
      // Ids below 10 are of entities before all of these segments.
      let nextId = 10;
      const there = new Map<number, EntityDocument>();
      const before = new Set<number>();
      const segments = made.map(({ added, removed }) => {
        const builder = new SegmentBuilder();
        const gone = removed.filter((id) => (id < 10 ? !before.has(id) : there.has(id)));
        for (const id of gone) {
          there.delete(id);
          if (id < 10) before.add(id);
        }
        for (const document of added) {
          there.set(nextId, document);
          builder.add(nextId, document);
          nextId += 1;
        }
        return decodeSegment(builder.encode(gone));
      });
      const merged = decodeSegment(mergeSegments(segments));
      const direct = new SegmentBuilder();
      for (const [id, document] of there) direct.add(id, document);
      const expected = decodeSegment(direct.encode([...before]));
      expect({ ...merged, ...plainly(merged) }).toEqual({ ...expected, ...plainly(expected) });
    }),
    { numRuns: 150 },
  );
});

/** Types and control planes by their names: their numbers depend on who came first. */
function plainly(segment: ReturnType<typeof decodeSegment>) {
  return {
    types: Array.from(segment.types, (number) => segment.typeNames[number]),
    controlPlanes: Array.from(segment.controlPlanes, (at) => segment.controlPlaneNames[at]),
    typeNames: [],
    controlPlaneNames: [],
  };
}
