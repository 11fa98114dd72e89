import { BACKSLASH, QUOTE } from "../../base/json_bytes.ts";

/** What is written of a byte that can stand in a text of JSON as it is. */
const PLAIN = 0;
/** How JSON writes a control character that has no letter of its own. */
const BY_NUMBER = 0x75;

/** What follows the backslash for each byte, as JSON.stringify has it: a letter, or one of the above. */
const ESCAPES = Uint8Array.from({ length: 256 }, (_, byte) => {
  const text = JSON.stringify(String.fromCharCode(byte)).slice(1, -1);
  return text.length === 1 ? PLAIN : text.charCodeAt(1);
});
const HEX_DIGITS = Buffer.from("0123456789abcdef");
const LONGEST_ESCAPE_BYTES = 6;

/** So much of a text is written before it is asked again whether there is room. */
const PIECE_BYTES = 4_096;
/** The most bytes that UTF-8 needs for a code unit of a string. */
const UTF8_UNIT_BYTES = 3;

/**
 * Lines as bytes, one behind the other, in one buffer that grows as they are written. Bytes of
 * records become JSON without becoming a string first: a string would cost two copies of all that
 * passes through, and the collection of both.
 */
export class LineBuffer {
  #bytes: Buffer;
  #length = 0;

  /** @param expectedBytes how much will probably be written */
  constructor(expectedBytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(expectedBytes + PIECE_BYTES * LONGEST_ESCAPE_BYTES);
  }

  /** Appends a text as UTF-8. */
  text(text: string): void {
    this.#makeRoom(text.length * UTF8_UNIT_BYTES);
    this.#length += this.#bytes.write(text, this.#length);
  }

  /** Appends bytes that are UTF-8 as a string of JSON: what JSON.stringify makes of their text. */
  jsonString(bytes: Uint8Array): void {
    this.#quote();
    for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
      this.#escaped(bytes, from, Math.min(bytes.length, from + PIECE_BYTES));
    }
    this.#quote();
  }

  /** Appends bytes as base64 in quotes. */
  base64String(bytes: Buffer): void {
    this.text(`"${bytes.toString("base64")}"`);
  }

  /** All that was written. The buffer is not to be used any more. */
  take(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #quote(): void {
    this.#makeRoom(1);
    this.#bytes[this.#length++] = QUOTE;
  }

  #escaped(bytes: Uint8Array, from: number, to: number): void {
    this.#makeRoom((to - from) * LONGEST_ESCAPE_BYTES);
    const out = this.#bytes;
    let length = this.#length;
    for (let at = from; at < to; at += 1) {
      const byte = bytes[at] ?? 0;
      const escape = ESCAPES[byte] ?? PLAIN;
      if (escape === PLAIN) out[length++] = byte;
      else {
        out[length++] = BACKSLASH;
        out[length++] = escape;
        if (escape === BY_NUMBER) length += writeHex(out, length, byte);
      }
    }
    this.#length = length;
  }

  #makeRoom(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** Four digits. Returns how many that are. */
function writeHex(out: Buffer, at: number, byte: number): number {
  out[at] = HEX_DIGITS[0] ?? 0;
  out[at + 1] = HEX_DIGITS[0] ?? 0;
  out[at + 2] = HEX_DIGITS[byte >> 4] ?? 0;
  out[at + 3] = HEX_DIGITS[byte & 15] ?? 0;
  return 4;
}
