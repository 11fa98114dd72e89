import { describe, expect, test } from "bun:test";
import { shownKey } from "../../core/base/shown_key.ts";

const LONG = "k".repeat(512);

describe("shownKey()", () => {
  test.each([
    ["", ""],
    ["c/cp/o/service/a", "c/cp/o/service/a"],
    ["\uFEFFa", "\uFEFFa"],
    [LONG, LONG],
    [`${LONG}k`, `${LONG}…`],
    ["k".repeat(16 * 1024 * 1024), `${LONG}…`],
    // A character that does not fit is left out whole.
    ["é".repeat(257), `${"é".repeat(256)}…`],
    [`k${"é".repeat(256)}`, `k${"é".repeat(255)}…`],
    ["🦌".repeat(129), `${"🦌".repeat(128)}…`],
    [`${"🦌".repeat(127)}kkk🦌k`, `${"🦌".repeat(127)}kkk…`],
  ])("shows a key whole or its beginning (%#)", (key, shown) => {
    expect(shownKey(key)).toBe(shown);
    expect(shownKey(Buffer.from(key))).toBe(shown);
  });

  test("shows nothing of no key, and of bytes that are no text", () => {
    expect(shownKey(null)).toBeUndefined();
    expect(shownKey(Uint8Array.of(0xff, 0xfe))).toBeUndefined();
  });
});
