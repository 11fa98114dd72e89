import { CLOSE_BRACE, COLON, COMMA, OPEN_BRACE, QUOTE } from "../base/json_bytes.ts";
import { endOfPlainText, isAt, skipSpace } from "./scan_json.ts";

/**
 * Takes the value of the member whose name was read last. Returns the place behind it, or -1 where it
 * is not to be taken.
 */
export type TakeMember = (bytes: Uint8Array, valueAt: number) => number;

/** Goes through the members of objects in their bytes, in the order in which they stand. */
export class ObjectScanner {
  /** Where the name stands that was read last, without its quotes. */
  nameStart = 0;
  nameEnd = 0;

  /**
   * Has each member of the object at `start` taken. Returns the place behind it; -1 where there is no
   * object or an empty one, where a name has an escape, and where a member is not taken.
   */
  scan(bytes: Uint8Array, start: number, takeMember: TakeMember): number {
    if (bytes[start] !== OPEN_BRACE) return -1;
    for (let at = start + 1; ;) {
      const valueAt = this.#takeName(bytes, skipSpace(bytes, at));
      if (valueAt < 0) return -1;
      at = takeMember(bytes, valueAt);
      if (at < 0) return -1;
      at = skipSpace(bytes, at);
      if (bytes[at] === CLOSE_BRACE) return at + 1;
      if (bytes[at] !== COMMA) return -1;
      at += 1;
    }
  }

  /** Whether the name that was read last is this one. */
  isNamed(bytes: Uint8Array, name: Uint8Array): boolean {
    return this.nameEnd - this.nameStart === name.length && isAt(bytes, this.nameStart, name);
  }

  /** Reads a name and the colon behind it. Returns where the value begins, or -1. */
  #takeName(bytes: Uint8Array, at: number): number {
    if (bytes[at] !== QUOTE) return -1;
    const end = endOfPlainText(bytes, at + 1);
    if (end < 0) return -1;
    this.nameStart = at + 1;
    this.nameEnd = end;
    const colon = skipSpace(bytes, end + 1);
    return bytes[colon] === COLON ? skipSpace(bytes, colon + 1) : -1;
  }
}
