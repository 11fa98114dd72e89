import { OPEN_BRACE, QUOTE } from "../base/json_bytes.ts";
import { endOfPlainText, endOfValue, skipSpace } from "./scan_json.ts";
import { ObjectScanner } from "./scan_object.ts";

/** Levels of objects and arrays below the event, as far as it may have them. */
const NESTING_MAX_COUNT = 63;

const AFTER = Buffer.from("after");
const BEFORE = Buffer.from("before");
const KEY = Buffer.from("key");
// Each of these is needed for one of the shapes that are not looked into here: an event wrapped
// with its schema, a record of `kcat -J`, a CloudEvent.
const PAYLOAD = Buffer.from("payload");
const PARTITION = Buffer.from("partition");
const SPECVERSION = Buffer.from("specversion");

/** Something that may stand in an event once, and the key that was found there. */
class KeyPlace {
  isSeen = false;
  keyStart = 0;
  /** Below {@link keyStart} where there is no key. */
  keyEnd = -1;

  forget(): void {
    this.isSeen = false;
    this.keyEnd = -1;
  }
}

/**
 * Finds the key of a usual event in its bytes, without making an object of it. What it takes is
 * JSON, of at most 64 levels, and has the key that `eventKey` finds in it. Of what it does not take
 * nothing is known: that has to be parsed.
 *
 * Usual is a Debezium envelope or a flattened row without its schema, with a key that needs no
 * escapes, and with no name of interest given twice.
 */
export class EventScanner {
  /** Where the key begins that was found last, behind its quote. */
  keyStart = 0;
  /** Where it ends, before its quote. */
  keyEnd = 0;
  readonly #after = new KeyPlace();
  readonly #before = new KeyPlace();
  readonly #own = new KeyPlace();
  readonly #object = new ObjectScanner();
  /** The row whose columns are taken. */
  #row = this.#after;

  /**
   * Whether the bytes from `start` up to, not including, `end` are a usual event.
   *
   * @param bytes valid UTF-8 between these places. Scanning is quicker when it does not come to the
   *   end of the array, so there should be a line feed at `end`
   */
  scan(bytes: Uint8Array, start: number, end: number): boolean {
    this.#after.forget();
    this.#before.forget();
    this.#own.forget();
    const at = this.#object.scan(bytes, skipSpace(bytes, start), this.#takeMember);
    const behind = skipSpace(bytes, at);
    return behind === end && this.#choose();
  }

  /** As `eventKey` chooses. */
  #choose(): boolean {
    return this.#take(this.#after) || this.#take(this.#before) || this.#take(this.#own);
  }

  #take({ keyStart, keyEnd }: KeyPlace): boolean {
    this.keyStart = keyStart;
    this.keyEnd = keyEnd;
    return keyEnd >= 0;
  }

  /** Reads the value of a member of the event. Returns the place behind it, or -1. */
  readonly #takeMember = (bytes: Uint8Array, at: number): number => {
    if (this.#object.isNamed(bytes, AFTER)) return this.#takeRow(bytes, at, this.#after);
    if (this.#object.isNamed(bytes, BEFORE)) return this.#takeRow(bytes, at, this.#before);
    if (this.#object.isNamed(bytes, KEY)) return takeKey(bytes, at, this.#own);
    if (this.#isOfOtherShape(bytes)) return -1;
    return endOfValue(bytes, at, NESTING_MAX_COUNT);
  };

  /** Reads what should be a row. The event may hold the same row only once. */
  #takeRow(bytes: Uint8Array, at: number, row: KeyPlace): number {
    if (row.isSeen) return -1;
    if (bytes[at] !== OPEN_BRACE) {
      row.isSeen = true;
      return endOfValue(bytes, at, NESTING_MAX_COUNT);
    }
    // Until its end `isSeen` says whether the row's key was seen.
    this.#row = row;
    const end = this.#object.scan(bytes, at, this.#takeColumn);
    row.isSeen = true;
    return end;
  }

  readonly #takeColumn = (bytes: Uint8Array, at: number): number => {
    if (this.#object.isNamed(bytes, KEY)) return takeKey(bytes, at, this.#row);
    return endOfValue(bytes, at, NESTING_MAX_COUNT - 1);
  };

  #isOfOtherShape(bytes: Uint8Array): boolean {
    return (
      this.#object.isNamed(bytes, PAYLOAD) ||
      this.#object.isNamed(bytes, PARTITION) ||
      this.#object.isNamed(bytes, SPECVERSION)
    );
  }
}

/** Reads a key, which may be given only once and need no escapes. Returns the place behind, or -1. */
function takeKey(bytes: Uint8Array, at: number, place: KeyPlace): number {
  if (place.isSeen || bytes[at] !== QUOTE) return -1;
  place.isSeen = true;
  const end = endOfPlainText(bytes, at + 1);
  if (end < 0) return -1;
  place.keyStart = at + 1;
  place.keyEnd = end;
  return end + 1;
}
