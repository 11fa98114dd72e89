import { WORD_MAX_LENGTH } from "../../search/entity_words.ts";

/**
 * Expressions of FTS5. A text of the query gets into one only here, as a quoted term: letters and
 * digits, which mean nothing to FTS5 within quotes.
 */

export type Column = "name" | "rest" | "kind";

/** An expression that FTS5 takes as it is. */
export type MatchExpression = string & { readonly __match: never };

/**
 * Entities with one of these words, or a word that begins so. Without any it is an expression that
 * nothing fulfils: of no words none is held.
 */
export function anyWord(
  words: readonly string[],
  prefix: string | undefined,
  columns: readonly Column[],
): MatchExpression {
  const terms = words.filter(isWord).map(quoted);
  if (prefix !== undefined && isWord(prefix)) terms.push(`${quoted(prefix)} *`);
  if (terms.length === 0) return NOTHING;
  return expression(`{${columns.join(" ")}} : (${terms.join(" OR ")})`);
}

/** Entities for which all of these hold; parts that ask nothing are left out. */
export function allOf(
  parts: readonly (MatchExpression | undefined)[],
): MatchExpression | undefined {
  return joined(parts, " AND ");
}

/** Entities for which one of these holds. Undefined where one asks nothing, for then all do. */
export function oneOf(
  parts: readonly (MatchExpression | undefined)[],
): MatchExpression | undefined {
  return parts.includes(undefined) ? undefined : joined(parts, " OR ");
}

function joined(
  parts: readonly (MatchExpression | undefined)[],
  operator: string,
): MatchExpression | undefined {
  const asked = parts.filter((part) => part !== undefined);
  if (operator === " AND " && asked.includes(NOTHING)) return NOTHING;
  if (asked.length === 0) return undefined;
  return expression(asked.map((part) => `(${part})`).join(operator));
}

function quoted(word: string): string {
  return `"${word.slice(0, WORD_MAX_LENGTH).replaceAll('"', '""')}"`;
}

/** What splitting has left: never empty, and without anything that FTS5 would cut at. */
function isWord(word: string): boolean {
  return /^[\p{L}\p{N}\p{M}]+$/u.test(word);
}

/** Fulfilled by no entity; there is no need to ask. */
export const NOTHING = expression(`{kind} : ""`);

function expression(text: string): MatchExpression {
  // The one place where a string becomes an expression.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return text as MatchExpression;
}
