import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as fc from "fast-check";
import { compress as snappyBlock } from "snappyjs";

import {
  compress,
  COMPRESSIONS,
  decompress,
  type Compression,
} from "../../../core/connectors/kafka/compression.ts";
import { DecompressedSizeError } from "../../../core/connectors/kafka/decompressed_size_error.ts";

const MAX_BYTES = 16 * 1024 * 1024;
const PACKED = COMPRESSIONS.filter((compression) => compression !== "none");

function packed(bytes: Uint8Array, compression: Compression): Buffer {
  return Buffer.from(compress(Buffer.from(bytes), compression));
}

function unpacked(bytes: Uint8Array, compression: Compression, maxBytes = MAX_BYTES): Buffer {
  return Buffer.from(decompress(Buffer.from(bytes), compression, maxBytes));
}

/** Text with repetitions of many lengths and distances, larger than two blocks of any codec. */
function jsonLines(): Buffer {
  const lines = Array.from({ length: 3000 }, (_, i) =>
    JSON.stringify({ id: (i * 2654435761) % 2 ** 32, name: `service-${i}`, tags: [`t${i % 7}`] }),
  );
  return Buffer.from(lines.join("\n"));
}

/** Hexadecimal digits, in the parts that mean something. */
function joined(...parts: readonly string[]): string {
  return parts.join("");
}

describe("compress() and decompress()", () => {
  describe.each([...COMPRESSIONS])("%s", (compression) => {
    test.each([
      ["nothing", new Uint8Array(0)],
      ["one byte", Uint8Array.of(7)],
      ["a run of zeros", new Uint8Array(300_000)],
      ["JSON lines", jsonLines()],
      ["a block that cannot be packed", crypto.getRandomValues(new Uint8Array(65_536))],
    ])("gives back %s", (_name, bytes) => {
      expect(unpacked(packed(bytes, compression), compression).equals(bytes)).toBe(true);
    });

    test("gives back whatever went in", () => {
      // Few different bytes, so that matches of every kind come up.
      const bytes = fc.array(fc.integer({ min: 97, max: 99 }), { maxLength: 400, size: "max" });
      fc.assert(
        fc.property(bytes, (values) => {
          const source = Buffer.from(values);
          expect(unpacked(packed(source, compression), compression).equals(source)).toBe(true);
        }),
      );
    });
  });

  test.each(PACKED)("%s is smaller than its text", (compression) => {
    const text = jsonLines();
    expect(packed(text, compression).length).toBeLessThan(text.length / 2);
  });

  test.each(PACKED)("%s stops at the limit", (compression) => {
    const bomb = packed(new Uint8Array(100_001), compression);
    expect(() => unpacked(bomb, compression, 100_000)).toThrow(DecompressedSizeError);
    expect(unpacked(bomb, compression, 100_001)).toHaveLength(100_001);
  });

  test.each(PACKED)(
    "%s never does worse than throw on bytes that it cannot read",
    (compression) => {
      const source = packed(jsonLines(), compression);
      fc.assert(
        fc.property(
          fc.nat({ max: source.length - 1 }),
          fc.integer({ min: 1, max: 255 }),
          (at, flip) => {
            const damaged = Buffer.from(source);
            damaged.writeUInt8(damaged.readUInt8(at) ^ flip, at);
            try {
              expect(unpacked(damaged, compression).length).toBeLessThanOrEqual(MAX_BYTES);
            } catch (error) {
              expect(error).toBeInstanceOf(Error);
            }
          },
        ),
        { numRuns: 50 },
      );
    },
  );
});

describe("snappy", () => {
  test("is written in xerial frames, as Java writes it", () => {
    const frames = packed(Buffer.from("abc"), "snappy");
    // Header, length of the block, length of the text, literal of three bytes.
    expect(frames.toString("hex")).toBe(
      joined("82534e41505059000000000100000001", "00000005", "0308616263"),
    );
  });

  test("is read from several xerial frames", () => {
    const frames = joined(
      "82534e41505059000000000100000001",
      "00000005",
      "0308616263",
      "00000004",
      "02046465",
    );
    expect(unpacked(Buffer.from(frames, "hex"), "snappy").toString()).toBe("abcde");
  });

  test("is read as one raw block, as librdkafka writes it", () => {
    expect(unpacked(snappyBlock(jsonLines()), "snappy").equals(jsonLines())).toBe(true);
  });

  test.each([
    [
      "an announced block that is missing",
      joined("82534e41505059000000000100000001", "00000005", "0308"),
    ],
    ["a negative block length", joined("82534e41505059000000000100000001", "fffffff0", "0308")],
    ["half a block length", joined("82534e41505059000000000100000001", "0000")],
  ])("throws on %s", (_name, hex) => {
    expect(() => unpacked(Buffer.from(hex, "hex"), "snappy")).toThrow(RangeError);
  });
});

describe("lz4", () => {
  test("is written in frames that Java reads: independent blocks, right header checksum", () => {
    const frame = packed(Buffer.from("abc"), "lz4");
    expect(frame.toString("hex")).toBe(
      joined("04224d18", "604082", "03000080", "616263", "00000000"),
    );
    expect((Bun.hash.xxHash32(frame.subarray(4, 6)) >>> 8) & 0xff).toBe(0x82);
  });

  test("ends every block with at least five literals and starts no match in its last twelve bytes", () => {
    const frame = packed(Buffer.alloc(64, "a"), "lz4");
    // One literal, a match of 58 bytes at distance 1, five literals.
    expect(frame.toString("hex")).toBe(
      joined("04224d18604082", "0b000000", "1f61", "0100", "27", "506161616161", "00000000"),
    );
  });

  test.each([
    ["a dictionary", joined("04224d18", "614082", "00000000"), "dictionary"],
    ["another magic number", joined("05224d18", "604082", "00000000"), "not an LZ4 frame"],
    ["no end mark", joined("04224d18", "604082", "03000080", "616263"), "Out of bounds"],
    [
      "a block that is cut",
      joined("04224d18", "604082", "04000080", "616263"),
      "ends inside of a block",
    ],
    [
      "literals that are cut",
      joined("04224d18", "604082", "02000000", "5061", "00000000"),
      "literals",
    ],
    [
      "a match before the beginning",
      joined("04224d18", "604082", "04000000", "10610200", "00000000"),
      "before",
    ],
    [
      "a match at distance 0",
      joined("04224d18", "604082", "04000000", "10610000", "00000000"),
      "before",
    ],
  ])("throws on %s", (_name, hex, message) => {
    expect(() => unpacked(Buffer.from(hex, "hex"), "lz4")).toThrow(message);
  });

  describe.skipIf(Bun.which("lz4") === null)("and the reference implementation", () => {
    test.each([
      ["independent blocks", ["-B4"]],
      ["linked blocks", ["-B4", "-BD"]],
      ["block checksums and a content size", ["-B4", "-BD", "-BX", "--content-size"]],
      ["blocks of 4 MiB without a content checksum", ["-B7", "--no-frame-crc"]],
      ["high compression", ["-9", "-B5"]],
    ])("reads %s", async (_name, flags) => {
      const frame = await runLz4(["-c", ...flags], jsonLines());
      expect(unpacked(frame, "lz4").equals(jsonLines())).toBe(true);
    });

    test.each([
      ["nothing", Buffer.alloc(0)],
      ["a short run", Buffer.alloc(13, "a")],
      ["JSON lines", jsonLines()],
    ])("writes %s", async (_name, bytes) => {
      expect((await runLz4(["-d", "-c"], packed(bytes, "lz4"))).equals(bytes)).toBe(true);
    });
  });
});

/** Runs the `lz4` command on a file, since it does not write a content size for a pipe. */
async function runLz4(flags: readonly string[], input: Buffer): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "konn-lz4-"));
  try {
    const file = join(folder, "input");
    await Bun.write(file, input);
    const command = Bun.spawn(["lz4", "-q", ...flags, file], { stdout: "pipe", stderr: "pipe" });
    const output = Buffer.from(await new Response(command.stdout).arrayBuffer());
    expect(await command.exited).toBe(0);
    return output;
  } finally {
    await rm(folder, { recursive: true });
  }
}
