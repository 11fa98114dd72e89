import { describe, expect, test } from "bun:test";
import { doctorTable } from "../../cmd/cli/doctor_table.ts";
import { letterTable } from "../../cmd/cli/letter_views.ts";

const COLUMNS = 80;
const LONG = "a word or two ".repeat(12).trim();

function longestLine(text: string): number {
  return Math.max(...text.split("\n").map((line) => line.length));
}

describe("tables for a person fit 80 columns", () => {
  test("doctor", () => {
    const table = doctorTable(
      [
        { area: "kafka", check: "permissions", level: "fail", detail: LONG, remedy: LONG },
        { area: "kafka", check: "clock", level: "ok", detail: "agrees" },
      ],
      { counts: { ok: 1, warn: 0, fail: 1 }, colors: false },
    );
    expect(longestLine(table)).toBeLessThanOrEqual(COLUMNS);
    expect(table).toContain("  fail  permissions  a word or two");
    expect(table).toContain("  ok    clock        agrees\n");
  });

  test("dead-letters list", () => {
    const letter = {
      time: new Date(0),
      lane: "cdc-events/12",
      sequence: 123_456_789_012n,
      line: undefined,
      key: "c/1/o/service/".padEnd(400, "k"),
      code: "KAFKA_RECORD_TOO_LARGE",
      reason: LONG,
      stream: "",
    };
    const run = { name: "a--b-1", path: "a", count: 30, checkpoint: undefined };
    const table = letterTable(run, [{ number: 1, letter }]);
    expect(longestLine(table)).toBeLessThanOrEqual(COLUMNS);
    expect(table).toContain("a--b-1: 30 dead letters\n");
    expect(table).toContain("  1  1970-01-01T00:00:00Z  cdc-events/12 offset 123456789012\n");
    expect(table).toContain("     KAFKA_RECORD_TOO_LARGE: a word or two");
    expect(table).toContain("... and 29 more");
  });
});
