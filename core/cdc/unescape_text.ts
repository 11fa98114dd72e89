import { BACKSLASH, QUOTE, SPACE } from "../base/json_bytes.ts";

/** By the letter behind the backslash; 0 where there is none, or where it takes more than a byte. */
const UNESCAPED = unescapedTable({ '"': '"', "\\": "\\", "/": "/", n: "\n", r: "\r", t: "\t" });

/** A text that was copied without its escapes. */
export interface UnescapedText {
  /** How many bytes of the target it fills. */
  readonly length: number;
  /** The place behind the quote that ends it. */
  readonly end: number;
}

/**
 * Copies the text of a JSON string without its escapes. Undefined where it does not end, or has an
 * escape that is rare (`\u`).
 *
 * @param start the place behind its first quote
 * @param target as long as `bytes` at least
 */
export function unescapeText(
  bytes: Uint8Array,
  start: number,
  target: Uint8Array,
): UnescapedText | undefined {
  let length = 0;
  for (let at = start; at < bytes.length; at++) {
    let byte = bytes[at] ?? 0;
    if (byte === QUOTE) return { length, end: at + 1 };
    if (byte < SPACE) return undefined;
    if (byte === BACKSLASH) {
      byte = UNESCAPED[bytes[++at] ?? 0] ?? 0;
      if (byte === 0) return undefined;
    }
    target[length++] = byte;
  }
  return undefined;
}

function unescapedTable(letters: Readonly<Record<string, string>>): Uint8Array {
  const table = new Uint8Array(256);
  for (const [letter, text] of Object.entries(letters)) {
    table[letter.charCodeAt(0)] = text.charCodeAt(0);
  }
  return table;
}
