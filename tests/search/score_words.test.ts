import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { expressionScorer } from "../../core/search/score_expression.ts";
import { parseQuery } from "../../core/search/mod.ts";
import { SearchableEntity } from "../../core/search/searchable_entity.ts";
import type { EntityDocument } from "../../core/search/searcher.ts";

function entity(document: Partial<EntityDocument>): SearchableEntity {
  const id = "0f4d2c1a-0000-4000-8000-000000000000";
  return new SearchableEntity(`c/p/o/service/${id}`, { type: "service", id, ...document });
}

function scoreOf(query: string, document: Partial<EntityDocument>): number {
  return expressionScorer(parseQuery(query).expression).score(entity(document))?.score ?? 0;
}

function tierOf(query: string, document: Partial<EntityDocument>): string | undefined {
  return expressionScorer(parseQuery(query).expression).score(entity(document))?.tier;
}

describe("relevance", () => {
  test("is exact over joined over beginning over a later word over a typo over inside a word", () => {
    const names = ["orders", "or-ders", "orders-api", "get-orders"];
    const [exact, joined, begins, later] = names.map((name) => scoreOf("orders", { name }));
    const typo = scoreOf("ordrse-service", { name: "orders-service" });
    const inside = scoreOf("rders", { name: "xordersx" });
    const all = [exact, joined, begins, later, typo, inside].map((score) => score ?? 0);
    expect(all.every((score) => score > 0)).toBe(true);
    expect(all).toEqual(all.toSorted((a, b) => b - a));
  });

  test("is names over hosts and paths over tags and labels", () => {
    const scores = [
      scoreOf("billing", { name: "billing" }),
      scoreOf("billing.example.com", { name: "x", hosts: ["billing.example.com"] }),
      scoreOf("team billing", { name: "x", labels: ["team=billing"] }),
      scoreOf("billing", { name: "x", tags: ["team:billing"] }),
    ];
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(scores[3]).toBeGreaterThan(0);
  });

  test.each([
    ["users-processor-stg", { name: "users-processor-staging" }, "synonym_name"],
    ["api orders", { name: "orders-api" }, "same_words"],
    ["service payments", { name: "payments-ledger" }, "typed_name"],
    ["0f4d", { name: "x" }, "id_start"],
    ["0f4d2c1a", { name: "x" }, "id_prefix"],
    ["uebersicht", { name: "Übersicht" }, "joined_name"],
    ["please orders api now", { name: "orders-api" }, "name_among_words"],
    ["orders eu", { name: "orders", hosts: ["orders.eu.example.com"] }, "across_fields"],
  ] as const)("of %p for %p is %p", (query, document, tier) => {
    expect(tierOf(query, document)).toBe(tier);
  });

  test("is all words of a name in another order over a type and some of them", () => {
    const whole = scoreOf("planner eu service", { name: "service-planner-eu" });
    expect(whole).toBeGreaterThan(scoreOf("planner eu service", { name: "planner-eu-archive" }));
    expect(tierOf("planner eu service", { name: "planner-eu-archive" })).toBe("typed_name");
  });

  test("forgives one edit in any word of four letters, wherever it is", () => {
    const name = fc.stringMatching(/^[a-z]{4,9}(-[a-z]{4,9}){0,2}$/);
    const edit = fc.record({
      at: fc.nat(30),
      kind: fc.constantFrom("delete", "insert", "swap", "replace"),
    });
    fc.assert(
      fc.property(name, edit, (text, { at, kind }) => {
        const place = at % text.length;
        if (text[place] === "-" || text[place + 1] === "-") return;
        const [before, after] = [text.slice(0, place), text.slice(place + 1)];
        const typed = {
          delete: before + after,
          insert: `${before}q${text.slice(place)}`,
          swap: before + (text[place + 1] ?? "") + (text[place] ?? "") + text.slice(place + 2),
          replace: `${before}q${after}`,
        }[kind];
        if (typed.replaceAll("-", "").length < 4) return;
        if (/^(get|put|head|post)$/.test(typed)) return;
        expect(scoreOf(typed, { name: text }), typed).toBeGreaterThan(0);
      }),
    );
  });

  test("in a NOT takes nothing away for a typo", () => {
    expect(scoreOf("type:service AND NOT ordres", { name: "orders" })).toBeGreaterThan(0);
    expect(scoreOf("type:service AND NOT orders", { name: "orders" })).toBe(0);
    expect(scoreOf("type:service AND NOT name:ord", { name: "orders" })).toBeGreaterThan(0);
  });

  test("of random letters is none", () => {
    for (const mash of ["lwxfqdgljzwl", "whjjfxfgqfhj", "zqnrnhdsnnq"]) {
      expect(scoreOf(mash, { name: "loyalty-wishlist", hosts: ["a.example.com"] })).toBe(0);
    }
  });
});
