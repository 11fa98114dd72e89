import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { allowedEdits, editDistance, prefixDistance } from "../../core/search/edit_distance.ts";
import { cleanText, foldDigraphs, foldText, squeeze } from "../../core/search/fold.ts";
import { matchHost, hostLabels } from "../../core/search/hosts.ts";
import { matchPath, parsePath } from "../../core/search/paths.ts";
import { areSynonyms, synonymsOf } from "../../core/search/synonyms.ts";
import { splitWords } from "../../core/search/words.ts";

describe("foldText()", () => {
  test.each([
    ["Orders-API", "orders-api"],
    ["Störung", "storung"],
    ["Sto\u0308rung", "storung"],
    ["Łódź Straße Ærø", "lodz strasse aero"],
    ["ｐａｙ－ｍｅｎｔ", "pay-ment"],
    ["partner–metrics", "partner-metrics"],
    ["pay\u200bments", "payments"],
    ["Ǽther Ǿre", "aether ore"],
    ["Клиент", "клиент"],
    ["ガード", "ガード"],
    ["İstanbul", "istanbul"],
  ])("makes of %p %p", (text, expected) => expect(foldText(text)).toBe(expected));

  test("changes nothing that it has folded", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(foldText(foldText(text))).toBe(foldText(text));
      }),
    );
  });

  test("spells umlauts out beside leaving them off", () => {
    expect(foldDigraphs("Übersicht")).toBe("uebersicht");
    expect(foldDigraphs("dirección")).toBeUndefined();
    expect(squeeze(foldText("kong/ingress-kong_5d1a"))).toBe("kongingresskong5d1a");
    expect(cleanText("“a”")).toBe("“a”");
  });
});

describe("splitWords()", () => {
  test.each([
    ["getOrdersByID_v2", "get orders by id v2"],
    ["HTTPServer", "http server"],
    ["ApiV3Internal", "api v3 internal"],
    ["ip-10-2-55-229.eu-central-1", "ip 10 2 55 229 eu central 1"],
    ["účtyGateway", "ucty gateway"],
    ["orders\u200bapi", "ordersapi"],
    ["--", ""],
  ])("cuts %p into %p", (text, expected) => {
    expect(
      splitWords(text)
        .map((word) => word.text)
        .join(" "),
    ).toBe(expected);
  });

  test("says where each word stands, rising and without overlap", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), (text) => {
        let last = 0;
        for (const { text: word, start, end } of splitWords(text)) {
          expect(start).toBeGreaterThanOrEqual(last);
          expect(end).toBeGreaterThan(start);
          expect(foldText(text.slice(start, end))).toBe(word);
          last = end;
        }
        expect(last).toBeLessThanOrEqual(text.length);
      }),
    );
  });
});

/** Optimal string alignment as the textbook has it. */
function textbookDistance(a: string, b: string): number {
  const d = Array.from({ length: a.length + 1 }, (_row, i) =>
    Array.from({ length: b.length + 1 }, (_cell, j) => (i === 0 ? j : j === 0 ? i : 0)),
  );
  const at = (i: number, j: number): number => d[i]?.[j] ?? Infinity;
  for (let i = 1; i <= a.length; i += 1) {
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, at(i - 2, j - 2) + 1);
      }
      (d[i] ?? [])[j] = best;
    }
  }
  return at(a.length, b.length);
}

const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 9 });

describe("editDistance()", () => {
  test("is the textbook's, up to what is allowed", () => {
    fc.assert(
      fc.property(word, word, fc.nat(3), (a, b, max) => {
        expect(editDistance(a, b, max)).toBe(Math.min(textbookDistance(a, b), max + 1));
      }),
      { numRuns: 2_000 },
    );
  });

  test("to a beginning is that to the nearest one", () => {
    fc.assert(
      fc.property(word, word, fc.nat(2), (typed, text, max) => {
        const all = Array.from({ length: text.length + 1 }, (_, end) =>
          textbookDistance(typed, text.slice(0, end)),
        );
        expect(prefixDistance(typed, text, max).edits).toBe(Math.min(...all, max + 1));
      }),
      { numRuns: 2_000 },
    );
  });

  test("forgives more in longer texts", () => {
    expect([3, 4, 7, 8, 14, 15, 60].map(allowedEdits)).toEqual([0, 1, 1, 2, 2, 3, 3]);
  });
});

describe("areSynonyms()", () => {
  test.each([
    ["svc", "service"],
    ["gateways", "gw"],
    ["currencies", "currency"],
    ["branchs", "branches"],
    ["authorisation", "authorization"],
    ["colour", "color"],
    ["accts", "account"],
  ])("knows %p and %p", (a, b) => {
    expect(areSynonyms(a, b)).toBe(true);
    expect(areSynonyms(b, a)).toBe(true);
    expect(synonymsOf(a)).toContain(a);
  });

  test.each([
    ["status", "statu"],
    ["us", "u"],
    ["orders", "border"],
    ["gw", "svc"],
  ])("does not take %p for %p", (a, b) => expect(areSynonyms(a, b)).toBe(false));
});

describe("matchPath()", () => {
  test.each([
    ["/v1/orders/{id}", "/v1/orders/{orderId}", "equal"],
    ["/v1/orders/4711", "/v1/orders/{id}", "fits"],
    ["/v1/orders/4711/items", "~/v1/orders/(?<id>[^/]+)/items$", "fits"],
    ["/v1/ord", "/v1/orders/{id}", "begins"],
    ["orders/{id}", "/v1/orders/{id}", "inside"],
    ["/v1/orders/4711/items", "/v1/orders/{id}", "below"],
    ["/v2/orders", "/v1/orders", undefined],
    ["/", "/v1/orders", undefined],
  ])("says that %p lies to %p as %p", (asked, path, expected) => {
    expect(matchPath(parsePath(asked), parsePath(path))).toBe(expected as never);
  });

  test("reads a hostile pattern in no time", () => {
    const startedMs = performance.now();
    for (const text of [
      `~${"(".repeat(8_000)}`,
      `~${"(a|".repeat(3_000)}`,
      `~${"[^".repeat(4_000)}`,
    ]) {
      parsePath(text);
    }
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });
});

test("matchHost() knows beginnings, tails and the reverse", () => {
  const host = hostLabels("orders.prod.shop.example.com");
  const how = (text: string) => matchHost(hostLabels(text), host);
  expect(how("orders.prod.shop.example.com")).toBe("equal");
  expect(how("orders.pr")).toBe("begins");
  expect(how("*.shop.example.com")).toBe("tail");
  expect(how("com.example.shop")).toBe("reversed");
  expect(how("prod.sh")).toBe("inside");
  expect(how("shop.prod")).toBeUndefined();
});
