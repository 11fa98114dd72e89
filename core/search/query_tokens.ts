import type { Pattern, Span, TermField } from "./query.ts";
import { SearchError } from "./search_error.ts";

/** A piece of a query, before anybody has asked how the pieces hang together. */
export type Token =
  | { readonly kind: "word"; readonly text: string; readonly span: Span }
  | {
      readonly kind: "term";
      readonly field: TermField;
      readonly pattern: Pattern;
      readonly span: Span;
    }
  | { readonly kind: "operator"; readonly name: Operator; readonly span: Span }
  | { readonly kind: "open" | "close"; readonly span: Span };

export type Operator = "AND" | "OR" | "NOT";

/** White space and control characters. */
const SPACE = /[\s\p{Cc}]+/uy;
const BARE = /[^\s\p{Cc}]+/uy;
const OPERATOR = /(AND|OR|NOT)(?![^\s\p{Cc}()])/uy;
const SELECTOR = /(?:(type|id|name|description)|labels?\.([^\s\p{Cc}:"]+)|@([A-Za-z_][\w.-]*)):/uy;
/** The name of a certificate: what it stands for is found by the tail of its labels as well. */
const WILDCARD_HOST = /^\*\.[^*]+$/u;
/** A query in which parentheses can only group: nobody writes operators in a name. */
const GROUPING =
  /(?:^|[\s(])(?:AND|OR|NOT)(?=[\s()])|(?:^|[\s(])(?:type|id|name|description|labels?\.[^\s:"]+|@\w+):/u;

/**
 * Cuts a query into its pieces. Parentheses group only in a query that has operators or selectors,
 * and only where each has its partner; elsewhere they are text like any other.
 *
 * @throws SearchError for a selector without a value, and one whose quote does not end
 */
export function queryTokens(text: string): readonly Token[] {
  const groups = GROUPING.test(text) ? pairedParentheses(text) : new Set<number>();
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const space = match(SPACE, text, at);
    if (space) at += space[0].length;
    if (at >= text.length) break;
    const token = nextToken(text, at, groups);
    tokens.push(token);
    at = token.span.end;
  }
  return tokens;
}

function nextToken(text: string, start: number, groups: ReadonlySet<number>): Token {
  if (groups.has(start)) {
    const kind = text[start] === "(" ? "open" : "close";
    return { kind, span: { start, end: start + 1 } };
  }
  const operator = match(OPERATOR, text, start)?.[1];
  if (operator === "AND" || operator === "OR" || operator === "NOT") {
    return { kind: "operator", name: operator, span: { start, end: start + operator.length } };
  }
  const selector = match(SELECTOR, text, start);
  if (selector) return selectorToken(text, start, selector, groups);
  return quotedToken(text, start) ?? bareToken(text, start, groups);
}

function selectorToken(
  text: string,
  start: number,
  [prefix, own, label, attribute]: RegExpExecArray,
  groups: ReadonlySet<number>,
): Token {
  const valueStart = start + prefix.length;
  const field = fieldOf(own, label, attribute);
  if (text[valueStart] === '"') {
    const quote = text.indexOf('"', valueStart + 1);
    if (quote < 0) throw unclosed(text, valueStart);
    const isOpenAtEnd = text[quote + 1] === "*";
    const value = text.slice(valueStart + 1, quote);
    if (value.trim() === "") throw emptySelector(prefix, { start, end: quote + 1 });
    const pattern = { text: value, isOpenAtStart: false, isOpenAtEnd, isQuoted: true };
    return { kind: "term", field, pattern, span: { start, end: quote + (isOpenAtEnd ? 2 : 1) } };
  }
  const end = bareEnd(text, valueStart, groups);
  if (end === valueStart) throw emptySelector(prefix, { start, end });
  const pattern = wildcardPattern(text.slice(valueStart, end));
  return { kind: "term", field, pattern, span: { start, end } };
}

function fieldOf(
  own: string | undefined,
  label: string | undefined,
  attribute: string | undefined,
): TermField {
  if (label !== undefined) return { name: "label", key: label };
  if (attribute !== undefined) return { name: "attribute", key: attribute };
  const name = own === "type" || own === "id" || own === "description" ? own : "name";
  return { name };
}

/** A quote that does not end, or that is empty, is text like any other. */
function quotedToken(text: string, start: number): Token | undefined {
  if (text[start] !== '"') return undefined;
  const quote = text.indexOf('"', start + 1);
  const value = text.slice(start + 1, quote);
  if (quote < 0 || value.trim() === "") return undefined;
  const isOpenAtEnd = text[quote + 1] === "*";
  const pattern = { text: value, isOpenAtStart: false, isOpenAtEnd, isQuoted: true };
  const span = { start, end: quote + (isOpenAtEnd ? 2 : 1) };
  return { kind: "term", field: { name: "any" }, pattern, span };
}

function bareToken(text: string, start: number, groups: ReadonlySet<number>): Token {
  const span = { start, end: bareEnd(text, start, groups) };
  const word = text.slice(start, span.end);
  const pattern = wildcardPattern(word);
  const isWildcard = (pattern.isOpenAtStart || pattern.isOpenAtEnd) && !WILDCARD_HOST.test(word);
  if (!isWildcard) return { kind: "word", text: word, span };
  return { kind: "term", field: { name: "any" }, pattern, span };
}

/** Where a piece without spaces ends: at a space, or where its group closes. */
function bareEnd(text: string, start: number, groups: ReadonlySet<number>): number {
  const end = start + (match(BARE, text, start)?.[0].length ?? 0);
  for (let at = start; at < end; at += 1) if (groups.has(at)) return at;
  return end;
}

/** Takes the wildcards off. A `*` elsewhere is text. */
function wildcardPattern(value: string): Pattern {
  const [, before = "", text = "", after = ""] = /^(\**)(.*?)(\**)$/su.exec(value) ?? [];
  const isOpenAtStart = before !== "";
  return { text, isOpenAtStart, isOpenAtEnd: after !== "" || text === "", isQuoted: false };
}

/** Places of the parentheses that stand around something, or none where one has no partner. */
function pairedParentheses(text: string): ReadonlySet<number> {
  const paired = new Set<number>();
  const open: { at: number; groups: boolean }[] = [];
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '"') isQuoted = !isQuoted;
    if (isQuoted) continue;
    if (text[at] === "(") open.push({ at, groups: /^[\s(]?$/u.test(text[at - 1] ?? "") });
    if (text[at] !== ")") continue;
    const partner = open.pop();
    if (!partner) return new Set();
    const isEmpty = text.slice(partner.at + 1, at).trim() === "";
    const groups = partner.groups && !isEmpty && /^[\s)]?$/u.test(text[at + 1] ?? "");
    if (groups) paired.add(partner.at).add(at);
  }
  return open.length === 0 && !isQuoted ? paired : new Set();
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function emptySelector(prefix: string, span: Span): SearchError {
  return new SearchError(`Cannot read the query: ${prefix} has no value`, {
    code: "QUERY_INVALID",
    span,
    expected: `a value right behind ${prefix}`,
  });
}

function unclosed(text: string, start: number): SearchError {
  return new SearchError("Cannot read the query: a quote does not end", {
    code: "QUERY_INVALID",
    span: { start, end: text.length },
    expected: 'a closing "',
  });
}
