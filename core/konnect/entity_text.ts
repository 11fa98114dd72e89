import type { JsonValue } from "../base/json.ts";

/** The longest keyword: what is beyond it is not searched for by anybody. */
const KEYWORD_MAX_BYTES = 8192;

/** The most bytes of UTF-8 that one unit of UTF-16 can stand for. */
const UTF8_BYTES_PER_UNIT_MAX = 3;

const encoder = new TextEncoder();

/**
 * A text, number or boolean as the text that a document shows, at most
 * {@link KEYWORD_MAX_BYTES} long. Undefined for everything else, and for the empty text.
 */
export function keywordOf(value: JsonValue | undefined): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : cutKeyword(value.toWellFormed());
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : undefined;
  const isPlain = typeof value === "boolean" || typeof value === "bigint";
  return isPlain ? String(value) : undefined;
}

/** Cuts between two code points, so that what is left is valid UTF-8. */
export function cutKeyword(text: string): string {
  if (text.length * UTF8_BYTES_PER_UNIT_MAX <= KEYWORD_MAX_BYTES) return text;
  const { read } = encoder.encodeInto(text, new Uint8Array(KEYWORD_MAX_BYTES));
  return read === text.length ? text : text.slice(0, read);
}
