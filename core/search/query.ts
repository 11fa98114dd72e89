/**
 * A query as it was understood. Made by `parseQuery`, read by the engines and by whoever shows
 * what was understood.
 */
export interface Query {
  /** As it was typed. Spans count in its UTF-16 units. */
  readonly text: string;
  /** Undefined: nothing was asked for, and every entity matches. */
  readonly expression: Expression | undefined;
}

/** Where something stands in the text of a query, end excluded, in UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What an entity has to be like. Its parts stand in the order of the query. */
export type Expression = Words | Term | All | Any | Not;

/** Plain words: they forgive typos, and may come in any order, joined or split. */
export interface Words {
  readonly kind: "words";
  /** What was typed, selectors that stood between left out. */
  readonly text: string;
  readonly span: Span;
}

/** A part that is meant exactly: behind a selector, in quotes, or with a wildcard. */
export interface Term {
  readonly kind: "term";
  readonly field: TermField;
  readonly pattern: Pattern;
  readonly span: Span;
}

/** What a {@link Term} looks at. `any`: every searchable attribute. */
export type TermField =
  | { readonly name: "any" | "type" | "id" | "name" | "description" }
  /** `labels.KEY:` and `label.KEY:`. */
  | { readonly name: "label"; readonly key: string }
  /** `@ATTRIBUTE:`, a member of the document. */
  | { readonly name: "attribute"; readonly key: string };

/** A text to compare with, without regard to case. */
export interface Pattern {
  readonly text: string;
  /** It began with `*`: anything may stand before the text. */
  readonly isOpenAtStart: boolean;
  /** It ended with `*`. */
  readonly isOpenAtEnd: boolean;
  /** It stood in quotes: the whole value, spaces included. */
  readonly isQuoted: boolean;
}

/** Each part matches (`AND`, or just side by side). */
export interface All {
  readonly kind: "all";
  readonly parts: readonly Expression[];
}

/** At least one part matches (`OR`). */
export interface Any {
  readonly kind: "any";
  readonly parts: readonly Expression[];
}

/** The part does not match. */
export interface Not {
  readonly kind: "not";
  readonly part: Expression;
}
