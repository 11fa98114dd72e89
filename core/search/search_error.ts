import { KonnError } from "../base/errors.ts";
import type { Span } from "./query.ts";

/** Why a search cannot be done as asked. Both are the asker's to mend: HTTP 400, exit code 2. */
export type SearchErrorCode = "QUERY_INVALID" | "CURSOR_INVALID";

export interface SearchErrorOptions {
  readonly code: SearchErrorCode;
  /** Where in the query, for a mark under it. */
  readonly span?: Span;
  /** What would have been understood there: "a value behind name:". */
  readonly expected: string;
}

/** A query that does not parse, or a cursor of another search. */
export class SearchError extends KonnError {
  readonly span: Span | undefined;
  readonly expected: string;

  constructor(message: string, { code, span, expected }: SearchErrorOptions) {
    super(message, { code, kind: "usage", hint: `Expected ${expected}.` });
    this.name = "SearchError";
    this.span = span;
    this.expected = expected;
  }
}
