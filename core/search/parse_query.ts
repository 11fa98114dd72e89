import type { Expression, Query, Span } from "./query.ts";
import { type Operator, queryTokens, type Token } from "./query_tokens.ts";
import { SearchError } from "./search_error.ts";
import { QUERY_MAX_LENGTH } from "./searcher.ts";

/**
 * Reads a query in the language of Konnect Search.
 *
 * ```
 * any   = all { "OR" all }
 * all   = one { ["AND"] one }
 * one   = "NOT" one | "(" any ")" | selector ":" value | '"' text '"' | word
 * ```
 *
 * Selectors are `type: id: name: description: labels.K: label.K: @A:`; every other `a:b`, a URL, a
 * port, a path is plain text. Parentheses around the whole query are taken off.
 *
 * @throws SearchError for an operator without its operand, a selector without a value, one whose
 * quote does not end, and a query of more than {@link QUERY_MAX_LENGTH} characters
 */
export function parseQuery(text: string): Query {
  // No text has more characters than UTF-16 units: counting them is for long ones only.
  if (text.length > QUERY_MAX_LENGTH && Array.from(text).length > QUERY_MAX_LENGTH)
    throw tooLong(text);
  const inner = withoutParentheses(text);
  const tokens = queryTokens(inner);
  if (tokens.length === 0) return { text, expression: undefined };
  return { text, expression: new Parser(tokens).parse() };
}

/**
 * Blanks out parentheses around the whole query, so that all places stay what they were. Nesting
 * is no deeper than the longest query.
 */
function withoutParentheses(text: string): string {
  let inner = text;
  for (let depth = 0; depth < QUERY_MAX_LENGTH; depth += 1) {
    const [, before = "", content, after = ""] = /^(\s*)\((.*)\)(\s*)$/su.exec(inner) ?? [];
    if (content === undefined || !isBalanced(content)) break;
    inner = `${before} ${content} ${after}`;
  }
  return inner;
}

function isBalanced(text: string): boolean {
  let depth = 0;
  for (const character of text) {
    if (character === "(") depth += 1;
    if (character === ")") depth -= 1;
    if (depth < 0) return false;
  }
  return depth === 0;
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Expression {
    // Only a closing parenthesis stops `any` early, and each of those has its partner.
    return this.#any();
  }

  #any(): Expression {
    const parts = [this.#all()];
    while (this.#takeOperator("OR")) parts.push(this.#all());
    return parts.length === 1 && parts[0] ? parts[0] : { kind: "any", parts };
  }

  #all(): Expression {
    const parts: Expression[] = [];
    let isAfterOperator = false;
    do {
      const part = this.#one();
      const words = parts.findIndex(({ kind }) => kind === "words");
      const earlier = parts[words];
      // Words side by side are one search, also around a selector; AND asks for each by itself.
      if (part.kind === "words" && earlier?.kind === "words" && !isAfterOperator) {
        const span = { start: earlier.span.start, end: part.span.end };
        parts[words] = { kind: "words", text: `${earlier.text} ${part.text}`, span };
      } else parts.push(part);
      isAfterOperator = this.#takeOperator("AND");
    } while (isAfterOperator || this.#isAtOperand());
    return parts.length === 1 && parts[0] ? parts[0] : { kind: "all", parts };
  }

  #one(): Expression {
    const token = this.#tokens[this.#at];
    if (token === undefined || token.kind === "close") throw this.#dangling();
    if (token.kind === "operator" && token.name !== "NOT") throw this.#dangling();
    this.#at += 1;
    if (token.kind === "operator") return { kind: "not", part: this.#one() };
    if (token.kind === "word") return { kind: "words", text: token.text, span: token.span };
    if (token.kind === "term") return token;
    const inner = this.#any();
    this.#at += 1;
    return inner;
  }

  #isAtOperand(): boolean {
    const token = this.#tokens[this.#at];
    if (token === undefined || token.kind === "close") return false;
    return token.kind !== "operator" || token.name === "NOT";
  }

  #takeOperator(name: Operator): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "operator" || token.name !== name) return false;
    this.#at += 1;
    return true;
  }

  /** The operator next to the gap: the one before it, else the one that stands in it. */
  #dangling(): SearchError {
    const before = this.#tokens[this.#at - 1];
    const operator = before?.kind === "operator" ? before : this.#tokens[this.#at];
    const name = operator?.kind === "operator" ? operator.name : "a group";
    const span: Span = operator?.span ?? { start: 0, end: 0 };
    return new SearchError(`Cannot read the query: ${name} has nothing to work on`, {
      code: "QUERY_INVALID",
      span,
      expected:
        operator === before
          ? `a word or a selector behind ${name}`
          : `a word or a selector before ${name}`,
    });
  }
}

function tooLong(text: string): SearchError {
  return new SearchError(
    `Cannot read the query: it is longer than ${QUERY_MAX_LENGTH} characters`,
    {
      code: "QUERY_INVALID",
      span: { start: QUERY_MAX_LENGTH, end: text.length },
      expected: `at most ${QUERY_MAX_LENGTH} characters`,
    },
  );
}
