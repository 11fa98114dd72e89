/**
 * JSON as bytes (RFC 8259), looked through without making anything of it. A scan never takes what
 * `JSON.parse` refuses. It reads past the end of a text only up to the first line feed, which no text
 * of one line holds.
 */
import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  DIGIT_NINE,
  DIGIT_ZERO,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  SPACE,
} from "../base/json_bytes.ts";

const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const TAB = 0x09;
const CARRIAGE_RETURN = 0x0d;
const LETTER_E = 0x65;
const LETTER_CAPITAL_E = 0x45;
const LETTER_U = 0x75;
const LETTER_T = 0x74;
const LETTER_F = 0x66;
const HEX_DIGITS_COUNT = 4;
/** In place of the bytes behind the end of an array. */
const LINE_FEED = 0x0a;

const TRUE = Buffer.from("true");
const FALSE = Buffer.from("false");
const NULL = Buffer.from("null");

/** Bytes that end a string, or may not stand in it as they are. */
const ENDS_PLAIN_TEXT = tableOf((byte) => byte < SPACE || byte === QUOTE || byte === BACKSLASH);
const IS_ESCAPE = tableOf((byte) => '"\\/bfnrt'.includes(String.fromCharCode(byte)));
const IS_HEX_DIGIT = tableOf((byte) => /[0-9a-fA-F]/.test(String.fromCharCode(byte)));

/** The first place from `at` on that is no white space. A line feed is none here. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  let place = at;
  let byte = bytes[place];
  while (byte === SPACE || byte === TAB || byte === CARRIAGE_RETURN) byte = bytes[++place];
  return place;
}

/** The place of the quote that ends a string, or -1 where it has an escape or does not end. */
export function endOfPlainText(bytes: Uint8Array, at: number): number {
  let place = at;
  while (ENDS_PLAIN_TEXT[byteAt(bytes, place)] === 0) place++;
  return bytes[place] === QUOTE ? place : -1;
}

/** Whether these bytes stand at this place. */
export function isAt(bytes: Uint8Array, start: number, text: Uint8Array): boolean {
  for (let index = 0; index < text.length; index++) {
    if (bytes[start + index] !== text[index]) return false;
  }
  return true;
}

/**
 * The place behind the value that begins at `at`, or -1 where there is none.
 *
 * @param levelsCount how many levels of objects and arrays it may have
 */
export function endOfValue(bytes: Uint8Array, at: number, levelsCount: number): number {
  switch (byteAt(bytes, at)) {
    case QUOTE:
      return endOfText(bytes, at + 1);
    case OPEN_BRACE:
      return levelsCount === 0 ? -1 : endOfObject(bytes, at + 1, levelsCount - 1);
    case OPEN_BRACKET:
      return levelsCount === 0 ? -1 : endOfArray(bytes, at + 1, levelsCount - 1);
    case LETTER_T:
      return endOfWord(bytes, at, TRUE);
    case LETTER_F:
      return endOfWord(bytes, at, FALSE);
    case NULL[0]:
      return endOfWord(bytes, at, NULL);
    default:
      return endOfNumber(bytes, at);
  }
}

function endOfObject(bytes: Uint8Array, start: number, levelsCount: number): number {
  let at = skipSpace(bytes, start);
  if (bytes[at] === CLOSE_BRACE) return at + 1;
  for (;;) {
    if (bytes[at] !== QUOTE) return -1;
    at = endOfText(bytes, at + 1);
    if (at < 0) return -1;
    at = skipSpace(bytes, at);
    if (bytes[at] !== COLON) return -1;
    at = endOfValue(bytes, skipSpace(bytes, at + 1), levelsCount);
    if (at < 0) return -1;
    at = skipSpace(bytes, at);
    if (bytes[at] === CLOSE_BRACE) return at + 1;
    if (bytes[at] !== COMMA) return -1;
    at = skipSpace(bytes, at + 1);
  }
}

function endOfArray(bytes: Uint8Array, start: number, levelsCount: number): number {
  let at = skipSpace(bytes, start);
  if (bytes[at] === CLOSE_BRACKET) return at + 1;
  for (;;) {
    at = endOfValue(bytes, at, levelsCount);
    if (at < 0) return -1;
    at = skipSpace(bytes, at);
    if (bytes[at] === CLOSE_BRACKET) return at + 1;
    if (bytes[at] !== COMMA) return -1;
    at = skipSpace(bytes, at + 1);
  }
}

/** The place behind the quote that ends a string, or -1. */
function endOfText(bytes: Uint8Array, start: number): number {
  for (let at = start; ;) {
    while (ENDS_PLAIN_TEXT[byteAt(bytes, at)] === 0) at++;
    if (bytes[at] === QUOTE) return at + 1;
    if (bytes[at] !== BACKSLASH) return -1;
    at = endOfEscape(bytes, at + 1);
    if (at < 0) return -1;
  }
}

/** The place behind an escape whose backslash stands before `at`, or -1. */
function endOfEscape(bytes: Uint8Array, at: number): number {
  const byte = byteAt(bytes, at);
  if (IS_ESCAPE[byte] === 1) return at + 1;
  if (byte !== LETTER_U) return -1;
  for (let digit = 1; digit <= HEX_DIGITS_COUNT; digit++) {
    if (IS_HEX_DIGIT[byteAt(bytes, at + digit)] === 0) return -1;
  }
  return at + 1 + HEX_DIGITS_COUNT;
}

function endOfWord(bytes: Uint8Array, start: number, word: Uint8Array): number {
  return isAt(bytes, start, word) ? start + word.length : -1;
}

function endOfNumber(bytes: Uint8Array, start: number): number {
  let at = bytes[start] === MINUS ? start + 1 : start;
  at = bytes[at] === DIGIT_ZERO ? at + 1 : endOfDigits(bytes, at);
  if (at >= 0 && bytes[at] === POINT) at = endOfDigits(bytes, at + 1);
  if (at < 0 || (bytes[at] !== LETTER_E && bytes[at] !== LETTER_CAPITAL_E)) return at;
  const sign = bytes[at + 1];
  return endOfDigits(bytes, sign === PLUS || sign === MINUS ? at + 2 : at + 1);
}

/** The place behind one digit or more, or -1. */
function endOfDigits(bytes: Uint8Array, start: number): number {
  let at = start;
  while (isDigit(byteAt(bytes, at))) at++;
  return at === start ? -1 : at;
}

function isDigit(byte: number): boolean {
  return byte >= DIGIT_ZERO && byte <= DIGIT_NINE;
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? LINE_FEED;
}

/** For each byte 1 where it is one of those, else 0. */
function tableOf(isIn: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (isIn(byte) ? 1 : 0));
}
