import { expect, test } from "bun:test";
import { eventKey } from "../../core/cdc/event_key.ts";

test("eventKey() finds the key in every shape of an event", () => {
  const row = { key: "k", value: {} };
  expect(eventKey({ before: null, after: row, op: "c" })).toBe("k");
  expect(eventKey({ before: { key: "k", value: null }, after: null, op: "d" })).toBe("k");
  expect(eventKey({ before: { key: "old" }, after: row, op: "u" })).toBe("k");
  expect(eventKey({ schema: {}, payload: { after: row, op: "c" } })).toBe("k");
  expect(eventKey(row)).toBe("k");
  expect(eventKey({ schema: {}, payload: row })).toBe("k");
  expect(eventKey({ specversion: "1.0", data: { after: row } })).toBe("k");
  expect(eventKey({ specversion: "1.0", data: { schema: {}, payload: { after: row } } })).toBe("k");
  expect(eventKey({ after: { key: "" }, op: "c" })).toBe("");
});

test("eventKey() finds none where there is none", () => {
  for (const event of [
    null,
    1,
    "k",
    [],
    {},
    { ts_ms: 1 },
    { after: { key: 1 } },
    { after: null },
  ]) {
    expect(eventKey(event)).toBeUndefined();
  }
  expect(eventKey({ specversion: "1.0", data: null })).toBeUndefined();
});
