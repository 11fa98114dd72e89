import { foldDigraphs, foldText, isAscii } from "./fold.ts";

/** A word of a text, as it is compared, and where it stands. */
export interface Word {
  /** Folded. */
  readonly text: string;
  /** Folded with ä as ae, where that differs. */
  readonly digraph?: string;
  /** In UTF-16 units of the text that it was taken from, end excluded. */
  readonly start: number;
  readonly end: number;
}

/** Words of a text that are looked at: nobody searches for what stands behind so many. */
const WORDS_MAX_COUNT = 128;

const OTHER = 0;
const LOWER = 1;
const UPPER = 2;
const DIGIT = 3;
/** Letters without case, and marks. */
const LETTER = 4;

const CAPITAL = /\p{Lu}|\p{Lt}/u;
const SMALL = /\p{Ll}/u;
const LETTER_OR_MARK = /\p{L}|\p{M}/u;
const NUMBER = /\p{N}/u;

/**
 * Cuts a text at everything that is neither a letter nor a digit, and at the humps of camelCase:
 * `getOrdersByID_v2` is get, orders, by, id, v2; `HTTPServer` is http, server.
 */
export function splitWords(text: string): Word[] {
  return isAscii(text) ? splitAscii(text) : splitUnicode(text);
}

/** As {@link splitUnicode}, for nearly all texts that there are. */
function splitAscii(text: string): Word[] {
  const words: Word[] = [];
  const lower = text.toLowerCase();
  const places = asciiWordPlaces(text);
  for (let at = 0; at < places.length; at += 2) {
    const [start = 0, end = 0] = [places[at], places[at + 1]];
    words.push({ text: lower.slice(start, end), start, end });
  }
  return words;
}

/** Where words begin and end, by turns, in a text of ASCII alone. */
export function asciiWordPlaces(text: string): number[] {
  const places: number[] = [];
  let start = -1;
  let last = OTHER;
  for (let at = 0; at < text.length && places.length < WORDS_MAX_COUNT * 2; at += 1) {
    const kind = ASCII_KINDS[text.charCodeAt(at)] ?? OTHER;
    if (start >= 0 && (kind === OTHER || isHump(text, at, last, kind))) {
      places.push(start, at);
      start = -1;
    }
    if (start < 0 && kind !== OTHER) start = at;
    last = kind;
  }
  if (start >= 0 && places.length < WORDS_MAX_COUNT * 2) places.push(start, text.length);
  return places;
}

function splitUnicode(text: string): Word[] {
  const words: Word[] = [];
  let start = -1;
  let last = OTHER;
  for (let at = 0; at < text.length && words.length < WORDS_MAX_COUNT;) {
    const code = text.codePointAt(at) ?? 0;
    const width = code > 0xffff ? 2 : 1;
    const kind = kindOf(code, last);
    if (start >= 0 && (kind === OTHER || isHump(text, at, last, kind))) {
      words.push(wordOf(text, start, at));
      start = -1;
    }
    if (start < 0 && kind !== OTHER) start = at;
    last = kind;
    at += width;
  }
  if (start >= 0 && words.length < WORDS_MAX_COUNT) words.push(wordOf(text, start, text.length));
  return words;
}

/** orders|Api, v2|Internal, HTTP|Server. */
function isHump(text: string, at: number, last: number, kind: number): boolean {
  if (kind !== UPPER) return false;
  if (last === LOWER || last === DIGIT) return true;
  if (last !== UPPER) return false;
  const next = text.codePointAt(at + 1);
  return next !== undefined && kindOf(next, kind) === LOWER;
}

const ASCII_KINDS = Uint8Array.from({ length: 0x80 }, (_, code) => {
  if (code >= 0x61 && code <= 0x7a) return LOWER;
  if (code >= 0x41 && code <= 0x5a) return UPPER;
  return code >= 0x30 && code <= 0x39 ? DIGIT : OTHER;
});

function kindOf(code: number, last: number): number {
  if (code < 0x80) return ASCII_KINDS[code] ?? OTHER;
  const character = String.fromCodePoint(code);
  if (SMALL.test(character)) return LOWER;
  if (CAPITAL.test(character)) return UPPER;
  if (NUMBER.test(character)) return DIGIT;
  if (!LETTER_OR_MARK.test(character)) return isInvisible(code) ? last : OTHER;
  // A mark belongs to its letter, so it does not hide the hump behind it.
  return last === OTHER ? LETTER : last === UPPER ? LOWER : last;
}

/** Zero-width characters and soft hyphens do not end a word. */
function isInvisible(code: number): boolean {
  return code === 0xad || (code >= 0x200b && code <= 0x200d) || code === 0x2060 || code === 0xfeff;
}

function wordOf(text: string, start: number, end: number): Word {
  const piece = text.slice(start, end);
  const digraph = foldDigraphs(piece);
  const folded = foldText(piece);
  return digraph === undefined
    ? { text: folded, start, end }
    : { text: folded, digraph, start, end };
}
