import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { decodeChange } from "../../core/cdc/decode.ts";
import { applyAll, edits, sampleOfEvents } from "./edited_events.ts";

/**
 * Enough to meet each kind of byte in each kind of place; a few seconds. The nightly run sets a
 * million, which takes two or three minutes.
 */
const RUN_COUNT = Number(process.env["KONN_MUTATIONS_COUNT"] ?? 20_000);

const KINDS = new Set(["upsert", "delete", "ignore", "unavailable", "truncate", "refuse"]);

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
