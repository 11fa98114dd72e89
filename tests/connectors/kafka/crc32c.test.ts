import { describe, expect, test } from "bun:test";

import * as fc from "fast-check";

import { crc32c } from "../../../core/connectors/kafka/crc32c.ts";
import {
  foldForCrc32c,
  MAX_FOLD_BYTES,
  MIN_FOLD_BYTES,
} from "../../../core/connectors/kafka/crc32c_fold.ts";

/** One bit at a time, straight from the definition. */
function bitwiseCrc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe("crc32c()", () => {
  test("gives the check value of the CRC catalogue", () => {
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
  });

  // RFC 3720, section B.4; the RFC prints the bytes as sent, lowest first.
  test.each([
    ["32 bytes of zeros", Buffer.alloc(32), 0x8a9136aa],
    ["32 bytes of ones", Buffer.alloc(32, 0xff), 0x62a8ab43],
    ["32 incrementing bytes", Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
    [
      "32 decrementing bytes",
      Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)),
      0x113fdb5c,
    ],
    [
      "an iSCSI SCSI Read (10) command PDU",
      Buffer.from(
        "01c000000000000000000000000000001400000000000400000000140000001828000000000000000200000000000000",
        "hex",
      ),
      0xd9963a56,
    ],
  ])("gives the value of RFC 3720 for %s", (_name, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  test("gives 0 for no bytes", () => {
    expect(crc32c(new Uint8Array(0))).toBe(0);
  });

  test("agrees with the definition on any range of any view", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.nat({ max: 200 }),
        fc.nat({ max: 200 }),
        (bytes, first, second) => {
          const start = Math.min(first, second, bytes.length);
          const end = Math.min(Math.max(first, second), bytes.length);
          const range = bytes.subarray(start, end);
          const expected = bitwiseCrc32c(range);
          expect(crc32c(bytes, start, end)).toBe(expected);
          expect(crc32c(range)).toBe(expected);
        },
      ),
    );
  });

  test("agrees with the definition on what is so large that it is folded first", () => {
    const bytes = new Uint8Array(MAX_FOLD_BYTES + 100);
    for (let at = 0; at < bytes.length; at++) bytes[at] = Math.imul(at, 0x9e3779b1) >>> 24;
    // The longest first, so that what it leaves behind would be seen.
    const lengths = [MAX_FOLD_BYTES + 1, MAX_FOLD_BYTES, 900_007, MIN_FOLD_BYTES];
    for (const length of lengths) {
      const range = bytes.subarray(21, 21 + length);
      expect(crc32c(bytes, 21, 21 + length)).toBe(bitwiseCrc32c(range));
    }
  });

  test("goes through a tenth of a batch once it is folded", () => {
    const folded = foldForCrc32c(Buffer.alloc(900_000, 1));
    if (folded !== undefined) expect(folded.end - folded.start).toBeLessThan(90_000);
  });
});
