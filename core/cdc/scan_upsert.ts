import { isUtf8 } from "node:buffer";
import {
  CLOSE_BRACE,
  COLON,
  COMMA,
  DIGIT_NINE,
  DIGIT_ZERO,
  OPEN_BRACE,
  QUOTE,
} from "../base/json_bytes.ts";
import type { Message } from "../connector/mod.ts";
import { agreedKey } from "./record_key.ts";
import { endOfPlainText, endOfValue, isAt, skipSpace } from "./scan_json.ts";
import { ObjectScanner } from "./scan_object.ts";
import { unescapeText } from "./unescape_text.ts";
import type { WantedNames } from "./wanted_names.ts";

/** Larger events are rare, and what is scanned is kept in buffers of this size at most. */
const EVENT_MAX_BYTES = 256 * 1024;

// Levels of objects and arrays that may lie below the members of each object, out of 64 in all.
const BELOW_EVENT_COUNT = 63;
const BELOW_ROW_COUNT = 62;
const BELOW_COLUMN_COUNT = 61;
const BELOW_ENTITY_COUNT = 60;

/** A number of so many digits is exact. */
const EXACT_DIGITS_COUNT = 15;

const LETTER_C = 0x63;
const LETTER_N = 0x6e;
const LETTER_R = 0x72;
const LETTER_U = 0x75;

const AFTER = Buffer.from("after");
const KEY = Buffer.from("key");
const LSN = Buffer.from("lsn");
const OBJECT = Buffer.from("object");
const OP = Buffer.from("op");
const SOURCE = Buffer.from("source");
const TS_MS = Buffer.from("ts_ms");
const VALUE = Buffer.from("value");
// Of the shapes that are not looked into here: an event with its schema, and a CloudEvent.
const PAYLOAD = Buffer.from("payload");
const SPECVERSION = Buffer.from("specversion");

/** Nothing found, or something unusual. */
const UNUSUAL = -1;
const ABSENT = 0;

const keyBytes = Buffer.alloc(1024);
const keyDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
const fieldsDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Reads the usual upsert in its bytes, and of its row only what is wanted: half of an event's cost is
 * the objects that `JSON.parse` makes of it, most of which are looked at by nobody.
 *
 * Usual is a Debezium envelope without its schema, with a row whose value holds an `object` (as JSON,
 * or as text that is JSON), no name of interest twice, and no escapes where they would matter. What
 * is taken is JSON, and an upsert for `decodeChange` too, of the same key, time and place in the log.
 * Of what is not taken nothing is known: that has to be decoded.
 */
export class UpsertScanner {
  key = "";
  /** As in `Upsert`. */
  eventTimeMs: number | undefined;
  lsn: number | undefined;
  readonly #wantedOf: (key: string) => WantedNames;
  #wanted: WantedNames | undefined;
  /** The wanted members of the row's object, as the text of an object. */
  #fields: Uint8Array = new Uint8Array(4 * 1024);
  #fieldsEnd = 0;
  /** A value column that came as text, without its escapes. */
  #column: Uint8Array = new Uint8Array(4 * 1024);
  #hasRow = false;
  #hasKey = false;
  #hasObject = false;
  #op = ABSENT;
  #hasSource = false;
  #sourceTimeMs = ABSENT;
  #timeMs = ABSENT;
  #lsn = ABSENT;
  #keyStart = 0;
  #keyEnd = 0;
  readonly #object = new ObjectScanner();

  /** @param wantedOf the names that are wanted of the object in the row of this key */
  constructor(wantedOf: (key: string) => WantedNames) {
    this.#wantedOf = wantedOf;
  }

  /** Whether this is a usual upsert. What was found is there until the next one is scanned. */
  scan(message: Pick<Message, "key" | "value">): boolean {
    const { key, value } = message;
    if (value === null || value.length > EVENT_MAX_BYTES || !isUtf8(value)) return false;
    this.#forget();
    const end = this.#object.scan(value, skipSpace(value, 0), this.#takeEventMember);
    if (!isSpaceFrom(value, end, value.length) || this.#op === ABSENT || !this.#hasObject)
      return false;
    this.eventTimeMs = this.#sourceTimeMs || this.#timeMs || undefined;
    this.lsn = this.#lsn || undefined;
    return this.#isOfKey(key, value);
  }

  /** The wanted members of the row's object, in their order, as the text of a JSON object. */
  fieldsText(): string {
    return fieldsDecoder.decode(this.#fields.subarray(0, this.#fieldsEnd));
  }

  /** Rows of one key that have the same hash have the same wanted members. */
  fieldsHash(): bigint {
    return Bun.hash.wyhash(this.#fields.subarray(0, this.#fieldsEnd));
  }

  /** Whether the record's key says the same as the row's. */
  #isOfKey(bytes: Uint8Array | null, value: Uint8Array): boolean {
    if (bytes !== null && bytes.length === this.#keyEnd - this.#keyStart) {
      if (isAt(value, this.#keyStart, bytes)) return true;
    }
    return agreedKey(this.key, bytes) === this.key;
  }

  #forget(): void {
    this.#hasRow = false;
    this.#hasKey = false;
    this.#hasObject = false;
    this.#hasSource = false;
    this.#op = ABSENT;
    this.#sourceTimeMs = ABSENT;
    this.#timeMs = ABSENT;
    this.#lsn = ABSENT;
  }

  readonly #takeEventMember = (bytes: Uint8Array, at: number): number => {
    if (this.#object.isNamed(bytes, AFTER)) return this.#takeRow(bytes, at);
    if (this.#object.isNamed(bytes, OP)) return this.#takeOperation(bytes, at);
    if (this.#object.isNamed(bytes, SOURCE)) return this.#takeSource(bytes, at);
    if (this.#object.isNamed(bytes, TS_MS)) {
      if (this.#timeMs !== ABSENT) return UNUSUAL;
      this.#timeMs = numberAt(bytes, at);
      return this.#timeMs < 0 ? UNUSUAL : endOfNumber(bytes, at);
    }
    if (this.#object.isNamed(bytes, PAYLOAD) || this.#object.isNamed(bytes, SPECVERSION))
      return UNUSUAL;
    return endOfValue(bytes, at, BELOW_EVENT_COUNT);
  };

  /** A single letter. */
  #takeOperation(bytes: Uint8Array, at: number): number {
    if (this.#op !== ABSENT || bytes[at] !== QUOTE || bytes[at + 2] !== QUOTE) return UNUSUAL;
    const letter = bytes[at + 1];
    if (letter !== LETTER_C && letter !== LETTER_U && letter !== LETTER_R) return UNUSUAL;
    this.#op = 1;
    return at + 3;
  }

  #takeSource(bytes: Uint8Array, start: number): number {
    if (this.#hasSource) return UNUSUAL;
    this.#hasSource = true;
    return this.#object.scan(bytes, start, this.#takeSourceMember);
  }

  readonly #takeSourceMember = (bytes: Uint8Array, at: number): number => {
    const isTime = this.#object.isNamed(bytes, TS_MS);
    if (!isTime && !this.#object.isNamed(bytes, LSN)) return endOfValue(bytes, at, BELOW_ROW_COUNT);
    if ((isTime ? this.#sourceTimeMs : this.#lsn) !== ABSENT) return UNUSUAL;
    // That of a snapshot is null.
    if (bytes[at] === LETTER_N) return endOfValue(bytes, at, 0);
    const number = numberAt(bytes, at);
    if (number < 0) return UNUSUAL;
    if (isTime) this.#sourceTimeMs = number;
    else this.#lsn = number;
    return endOfNumber(bytes, at);
  };

  #takeRow(bytes: Uint8Array, start: number): number {
    if (this.#hasRow) return UNUSUAL;
    this.#hasRow = true;
    return this.#object.scan(bytes, start, this.#takeRowColumn);
  }

  /** The key comes before the value, as it does in the table. */
  readonly #takeRowColumn = (bytes: Uint8Array, at: number): number => {
    if (this.#object.isNamed(bytes, KEY)) return this.#takeKey(bytes, at);
    if (this.#object.isNamed(bytes, VALUE)) return this.#takeColumn(bytes, at);
    return endOfValue(bytes, at, BELOW_ROW_COUNT);
  };

  #takeKey(bytes: Uint8Array, at: number): number {
    if (this.#hasKey || bytes[at] !== QUOTE) return UNUSUAL;
    this.#hasKey = true;
    const end = endOfPlainText(bytes, at + 1);
    if (end < 0) return UNUSUAL;
    this.key = textOf(bytes, at + 1, end);
    this.#keyStart = at + 1;
    this.#keyEnd = end;
    return end + 1;
  }

  /** jsonb comes as text, unless a transform has expanded it. */
  #takeColumn(bytes: Uint8Array, at: number): number {
    if (!this.#hasKey || this.#hasObject) return UNUSUAL;
    if (bytes[at] !== QUOTE) return this.#object.scan(bytes, at, this.#takeColumnMember);
    if (this.#column.length < bytes.length) this.#column = new Uint8Array(2 * bytes.length);
    const column = this.#column;
    const text = unescapeText(bytes, at + 1, column);
    if (text === undefined) return UNUSUAL;
    const end = this.#object.scan(column, skipSpace(column, 0), this.#takeColumnMember);
    return isSpaceFrom(column, end, text.length) ? text.end : UNUSUAL;
  }

  readonly #takeColumnMember = (bytes: Uint8Array, at: number): number => {
    if (!this.#object.isNamed(bytes, OBJECT)) return endOfValue(bytes, at, BELOW_COLUMN_COUNT);
    if (this.#hasObject) return UNUSUAL;
    this.#hasObject = true;
    return this.#takeEntity(bytes, at);
  };

  /** Passes over the row's object and keeps what is wanted of it. */
  #takeEntity(bytes: Uint8Array, start: number): number {
    if (bytes[start] !== OPEN_BRACE) return UNUSUAL;
    // What is wanted is at most what is there, and as many braces and commas.
    if (this.#fields.length < bytes.length) this.#fields = new Uint8Array(2 * bytes.length);
    this.#wanted = this.#wantedOf(this.key);
    this.#fields[0] = OPEN_BRACE;
    this.#fieldsEnd = 1;
    const firstAt = skipSpace(bytes, start + 1);
    const isEmpty = bytes[firstAt] === CLOSE_BRACE;
    const end = isEmpty ? firstAt + 1 : this.#object.scan(bytes, start, this.#takeEntityMember);
    this.#fields[this.#fieldsEnd++] = CLOSE_BRACE;
    return end;
  }

  readonly #takeEntityMember = (bytes: Uint8Array, at: number): number => {
    const end = endOfValue(bytes, at, BELOW_ENTITY_COUNT);
    if (end < 0) return UNUSUAL;
    const { nameStart, nameEnd } = this.#object;
    if (this.#wanted?.has(bytes, nameStart, nameEnd)) this.#keep(bytes, at, end);
    return end;
  };

  /** Keeps the member whose name was read last, with its value. */
  #keep(bytes: Uint8Array, valueAt: number, valueEnd: number): void {
    const fields = this.#fields;
    let to = this.#fieldsEnd;
    if (to > 1) fields[to++] = COMMA;
    const { nameStart, nameEnd } = this.#object;
    // With its quotes.
    for (let at = nameStart - 1; at <= nameEnd; at++) fields[to++] = bytes[at] ?? 0;
    fields[to++] = COLON;
    for (let at = valueAt; at < valueEnd; at++) fields[to++] = bytes[at] ?? 0;
    this.#fieldsEnd = to;
  }
}

/** The text of valid UTF-8. Short texts are made quickest in one's own bytes, nearly all are ASCII. */
function textOf(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > keyBytes.length) return keyDecoder.decode(bytes.subarray(start, end));
  let all = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    keyBytes[at - start] = byte;
    all |= byte;
  }
  return keyBytes.toString(all < 0x80 ? "latin1" : "utf8", 0, end - start);
}

/**
 * Whether nothing but space stands between these places. Nothing is read behind them: an array that is
 * read beyond its end is slower from then on.
 */
function isSpaceFrom(bytes: Uint8Array, start: number, end: number): boolean {
  if (start < 0) return false;
  for (let at = start; at < end; at = skipSpace(bytes, at))
    if (skipSpace(bytes, at) === at) return false;
  return start <= end;
}

/** The positive whole number that stands there, or -1 where that is anything else. */
function numberAt(bytes: Uint8Array, start: number): number {
  const end = endOfNumber(bytes, start);
  const isUsual = end > start && end - start <= EXACT_DIGITS_COUNT && bytes[start] !== DIGIT_ZERO;
  if (!isUsual) return UNUSUAL;
  let number = 0;
  for (let at = start; at < end; at++)
    number = number * 10 + ((bytes[at] ?? DIGIT_ZERO) - DIGIT_ZERO);
  return number;
}

/** The place behind the digits. What follows them in other numbers is not taken by anybody. */
function endOfNumber(bytes: Uint8Array, start: number): number {
  let at = start;
  for (let byte = bytes[at] ?? 0; byte >= DIGIT_ZERO && byte <= DIGIT_NINE; byte = bytes[at] ?? 0)
    at++;
  return at;
}
