import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { eventKey } from "../../core/cdc/event_key.ts";
import { UNSEARCHED_TYPES } from "../../core/konnect/entity_types.ts";
import { SAMPLE } from "../e2e/konn.ts";
import { type StreamEvent, type StreamKind, sampleStream } from "./sample_stream.ts";

const SAMPLE_LINES = readFileSync(SAMPLE, "utf8").split("\n").filter(Boolean);

function streamOf(kind: StreamKind, eventsCount: number, seed = 1): StreamEvent[] {
  return [...sampleStream(SAMPLE_LINES, { kind, eventsCount, seed })];
}

function typeOf({ key }: StreamEvent): string {
  return key.split("/")[3] ?? "";
}

test("sampleStream() gives as many events as wanted, each with the key that is in its line", () => {
  for (const kind of ["mixed", "unique", "churn"] as const) {
    const events = streamOf(kind, 3_000);
    expect(events).toHaveLength(3_000);
    for (const { key, line } of events) expect(eventKey(JSON.parse(line))).toBe(key);
  }
});

test("sampleStream() gives the same stream for the same seed, and another one for another", () => {
  expect(streamOf("churn", 500)).toEqual(streamOf("churn", 500));
  expect(streamOf("churn", 500, 2)).not.toEqual(streamOf("churn", 500));
});

test("a mixed stream has the types of the sample in equal parts, and entities of its own a copy", () => {
  const events = streamOf("mixed", SAMPLE_LINES.length * 20);
  const nodes = events.filter((event) => typeOf(event) === "node").length;
  expect(nodes / events.length).toBeCloseTo(554 / 726, 1);
  const keys = new Set(events.map(({ key }) => key));
  expect(keys.size).toBeGreaterThan(105 * 15);
  expect(keys.size).toBeLessThanOrEqual(105 * 40);
});

test("a unique stream never has a key twice, and only types that are searched", () => {
  const events = streamOf("unique", 20_000);
  expect(new Set(events.map(({ key }) => key)).size).toBe(20_000);
  expect(events.map(typeOf).filter((type) => UNSEARCHED_TYPES.includes(type))).toEqual([]);
});

test("a stream with churn deletes only what is there, and each change changes something", () => {
  const rows = new Map<string, string>();
  let deletedCount = 0;
  for (const { key, line } of streamOf("churn", 5_000)) {
    const { before, after, op } = JSON.parse(line);
    if (op === "d") {
      expect(JSON.stringify(before)).toBe(rows.get(key) ?? "");
      rows.delete(key);
      deletedCount += 1;
    } else {
      expect(JSON.stringify(after)).not.toBe(rows.get(key) ?? "");
      rows.set(key, JSON.stringify(after));
    }
  }
  expect(deletedCount / 5_000).toBeCloseTo(0.25, 1);
});
