import { describe, expect, test } from "bun:test";
import { eventTimeMs } from "../../core/cdc/event_time.ts";

const row = { key: "c/cp/o/service/a", value: null };
const before = null;

describe("eventTimeMs() is", () => {
  test.each([
    ["of an envelope", { op: "u", before, after: row, source: { ts_ms: 5 }, ts_ms: 7 }, 7],
    ["of an envelope with its schema", { schema: {}, payload: { op: "u", ts_ms: 7 } }, 7],
    ["of an envelope without one the row's", { op: "u", after: row, source: { ts_ms: 5 } }, 5],
    ["of a time written as text", { op: "u", after: row, ts_ms: "7" }, 7],
    ["of a flattened row", { ...row, value: "{}", __ts_ms: 7 }, 7],
    [
      "of a CloudEvent",
      {
        id: "a",
        source: "b",
        specversion: "1.0",
        type: "c",
        iodebeziumtsms: "7",
        data: { after: row },
      },
      7,
    ],
    ["of a heartbeat", { ts_ms: 7 }, 7],
    ["of nothing that has none", { op: "u", after: row }, undefined],
    ["of no other JSON", [7], undefined],
    ["of no time before 1970", { ts_ms: -7 }, undefined],
  ])("the time %s", (_name, event, expected) => {
    expect(eventTimeMs({ value: Buffer.from(JSON.stringify(event)) })).toBe(expected);
  });

  test("nothing for a tombstone and for what is not JSON", () => {
    expect(eventTimeMs({ value: null })).toBeUndefined();
    expect(eventTimeMs({ value: Buffer.from("no JSON") })).toBeUndefined();
    expect(eventTimeMs({ value: Uint8Array.of(0xff) })).toBeUndefined();
  });
});
