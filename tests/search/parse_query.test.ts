import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { type Expression, parseQuery, SearchError } from "../../core/search/mod.ts";
import { thrownBy } from "../fakes/thrown_by.ts";

/** The expression in one line: words in slashes, terms as they would be typed. */
function shown(expression: Expression | undefined): string {
  if (expression === undefined) return "everything";
  if (expression.kind === "words") return `/${expression.text}/`;
  if (expression.kind === "not") return `not ${shown(expression.part)}`;
  if (expression.kind !== "term") {
    return `${expression.kind}(${expression.parts.map(shown).join(", ")})`;
  }
  const { field, pattern } = expression;
  const { text, isOpenAtStart, isOpenAtEnd, isQuoted } = pattern;
  const name = "key" in field ? `${field.name}.${field.key}` : field.name;
  const value = `${isOpenAtStart ? "*" : ""}${text}${isOpenAtEnd ? "*" : ""}`;
  return `${name}:${isQuoted ? `'${value}'` : value}`;
}

describe("parseQuery()", () => {
  test.each([
    ["", "everything"],
    ["  \u0000 ", "everything"],
    ["orders api", "/orders api/"],
    ["type:service paymnets eu", "all(type:service, /paymnets eu/)"],
    ["paymnets type:service eu", "all(/paymnets eu/, type:service)"],
    ["a AND b", "all(/a/, /b/)"],
    ["a b OR c", "any(/a b/, /c/)"],
    ["and or not", "/and or not/"],
    ["ANDROID NOTE ORDER", "/ANDROID NOTE ORDER/"],
    ["NOT type:route", "not type:route"],
    [
      "type:team AND NOT label.department:eng AND name:*_qa",
      "all(type:team, not label.department:eng, name:*_qa)",
    ],
    ["labels.konghq.com/team:a", "label.konghq.com/team:a"],
    ["@updated_at:2026-02-24", "attribute.updated_at:2026-02-24"],
    ['name:"Dana H" x', "all(name:'Dana H', /x/)"],
    ['"gcp shared"', "any:'gcp shared'"],
    ["name:*dev*", "name:*dev*"],
    ["pay*", "any:pay*"],
    ["*", "any:**"],
    ["a*b", "/a*b/"],
    ["type:service,route", "type:service,route"],
    // A selector is one of the list, and everything else is text.
    ["host:x env:prod k8s-cluster:eu-1", "/host:x env:prod k8s-cluster:eu-1/"],
    ["https://a.example:8443/v1/x?y=1", "/https://a.example:8443/v1/x?y=1/"],
    ["10.1.2.3:80", "/10.1.2.3:80/"],
    ["/v1/{id}/name:x", "//v1/{id}/name:x/"],
    ["Name:x", "/Name:x/"],
    ["@:x labels.:x", "/@:x labels.:x/"],
    ['"open', '/"open/'],
    ['say "" now', '/say "" now/'],
    // Parentheses.
    ["(get-v1-exports)", "/get-v1-exports/"],
    ["((a b))", "/a b/"],
    ["(a) (b)", "/(a) (b)/"],
    ["(a", "/(a/"],
    ["f(x) AND b", "all(/f(x)/, /b/)"],
    ["(type:route OR type:node) AND NOT (x y)", "all(any(type:route, type:node), not /x y/)"],
    ["a () b AND c", "all(/a () b/, /c/)"],
    ["name:(x) OR (y", "any(name:(x), /(y/)"],
  ])("reads %p", (text, expected) => {
    expect(shown(parseQuery(text).expression)).toBe(expected);
  });

  test.each([
    ["a AND", [2, 5], "a word or a selector behind AND"],
    ["OR a", [0, 2], "a word or a selector before OR"],
    ["NOT", [0, 3], "a word or a selector behind NOT"],
    ["a AND OR b", [2, 5], "a word or a selector behind AND"],
    ["(a OR) b", [3, 5], "a word or a selector behind OR"],
    ["x name:", [2, 7], "a value right behind name:"],
    ["type: service", [0, 5], "a value right behind type:"],
    ['name:""', [0, 7], "a value right behind name:"],
    ['name:"Dana', [5, 10], 'a closing "'],
    ["x".repeat(257), [256, 257], "at most 256 characters"],
  ])("refuses %p and says where", (text, [start, end], expected) => {
    const error = thrownBy(() => parseQuery(text));
    expect(error).toBeInstanceOf(SearchError);
    expect(error).toMatchObject({ code: "QUERY_INVALID", kind: "usage", expected });
    expect((error as SearchError).span).toEqual({ start: start ?? 0, end: end ?? 0 });
  });

  test("takes 256 characters, however many units they have", () => {
    expect(shown(parseQuery("🦊".repeat(256)).expression)).toBe(`/${"🦊".repeat(256)}/`);
  });

  test("never fails but with a SearchError, and its spans lie in the text", () => {
    const piece = fc.oneof(
      fc.constantFrom("AND", "OR", "NOT", "(", ")", '"', "*", " ", "name:", "type:x", "@a:", ":"),
      fc.string({ unit: "grapheme", maxLength: 6 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const text = pieces.join("");
        try {
          expectSpansWithin(parseQuery(text).expression, text.length);
        } catch (error) {
          if (!(error instanceof SearchError)) throw error;
          expect(error.span?.end ?? 0).toBeLessThanOrEqual(text.length);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("never refuses plain text", () => {
    const plain = fc.string({ unit: "grapheme", maxLength: 60 }).filter((text) => {
      return !/AND|OR|NOT|type:|id:|name:|description:|labels?\.|@/.test(text);
    });
    fc.assert(fc.property(plain, (text) => parseQuery(text).text === text));
  });
});

function expectSpansWithin(expression: Expression | undefined, length: number): void {
  if (expression === undefined) return;
  if (expression.kind === "not") return expectSpansWithin(expression.part, length);
  if ("parts" in expression) {
    for (const part of expression.parts) expectSpansWithin(part, length);
    return;
  }
  const { start, end } = expression.span;
  expect(start).toBeLessThan(end);
  expect(end).toBeLessThanOrEqual(length);
}
