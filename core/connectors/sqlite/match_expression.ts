import { WORD_MAX_LENGTH } from "../../search/entity_words.ts";

/** What entities hold words in: their names, or everything else that is searched. */
export type Column = "name" | "rest";

/**
 * What an entity has to fulfil to be a candidate. Words of a query get into one only as bytes that are
 * looked up: there is no language that they could be part of.
 */
export type MatchExpression = MatchWords | MatchTypes | MatchParent | MatchParts;

/** One of these words, or a word that begins so. */
export interface MatchWords {
  readonly kind: "words";
  /** What it asks, as a text: two expressions of the same text ask the same. */
  readonly text: string;
  /** In UTF-8. */
  readonly words: readonly Uint8Array[];
  readonly prefix: Uint8Array | undefined;
  readonly columns: readonly Column[];
}

/** One of these types, under whatever name. */
export interface MatchTypes {
  readonly kind: "types";
  readonly text: string;
  readonly types: readonly string[];
}

/** It belongs to what has an id with this hash. */
export interface MatchParent {
  readonly kind: "parent";
  readonly text: string;
  readonly hash: number;
}

/** All of these hold, or one of them. */
export interface MatchParts {
  readonly kind: "all" | "any";
  readonly text: string;
  readonly parts: readonly MatchExpression[];
}

/** Fulfilled by no entity; there is no need to ask. */
export const NOTHING: MatchExpression = { kind: "any", text: "()", parts: [] };

/**
 * Entities with one of these words, or a word that begins so. Without any it is an expression that
 * nothing fulfils: of no words none is held.
 */
export function anyWord(
  words: readonly string[],
  prefix: string | undefined,
  columns: readonly Column[],
): MatchExpression {
  const asked = words.map(cut);
  if (asked.length === 0 && prefix === undefined) return NOTHING;
  const beginning = prefix === undefined ? undefined : cut(prefix);
  return {
    kind: "words",
    text: JSON.stringify([columns, asked, beginning]),
    words: asked.map((word) => Buffer.from(word)),
    prefix: beginning === undefined ? undefined : Buffer.from(beginning),
    columns,
  };
}

export function ofTypes(types: readonly string[]): MatchExpression {
  return { kind: "types", text: JSON.stringify({ types }), types };
}

export function ofParent(hash: number): MatchExpression {
  return { kind: "parent", text: `parent ${hash}`, hash };
}

/** Entities for which all of these hold; parts that ask nothing are left out. */
export function allOf(
  parts: readonly (MatchExpression | undefined)[],
): MatchExpression | undefined {
  return joined(parts, "all");
}

/** Entities for which one of these holds. Undefined where one asks nothing, for then all do. */
export function oneOf(
  parts: readonly (MatchExpression | undefined)[],
): MatchExpression | undefined {
  return parts.includes(undefined) ? undefined : joined(parts, "any");
}

function joined(
  parts: readonly (MatchExpression | undefined)[],
  kind: "all" | "any",
): MatchExpression | undefined {
  const asked = parts.filter((part) => part !== undefined);
  if (kind === "all" && asked.includes(NOTHING)) return NOTHING;
  const [first] = asked;
  if (!first || asked.length === 1) return first;
  return { kind, text: `${kind}(${asked.map(({ text }) => text).join()})`, parts: asked };
}

function cut(word: string): string {
  return word.slice(0, WORD_MAX_LENGTH);
}
