import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";

import { DecompressedSizeError } from "./decompressed_size_error.ts";
import { lz4Compress, lz4Decompress } from "./lz4.ts";
import { snappyCompress, snappyDecompress } from "./snappy.ts";

/** Every compression of Kafka; the index is its code in the attributes of a record batch. */
export const COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

/** The name of a compression, as Kafka's `compression.type` spells it. */
export type Compression = (typeof COMPRESSIONS)[number];

/** gzip level 1: more than twice as fast as the default 6; who wants small records takes zstd. */
const GZIP_LEVEL = constants.Z_BEST_SPEED;

interface Codec {
  pack(bytes: Buffer): Uint8Array;
  unpack(bytes: Buffer, maxBytes: number): Uint8Array;
}

const CODECS: Readonly<Record<Compression, Codec>> = {
  none: { pack: (bytes) => bytes, unpack: (bytes) => bytes },
  gzip: {
    pack: (bytes) => gzipSync(bytes, { level: GZIP_LEVEL }),
    unpack: (bytes, maxBytes) =>
      withinLimit(maxBytes, () => gunzipSync(bytes, { maxOutputLength: maxBytes })),
  },
  snappy: { pack: snappyCompress, unpack: snappyDecompress },
  lz4: { pack: lz4Compress, unpack: lz4Decompress },
  zstd: {
    pack: (bytes) => zstdCompressSync(bytes),
    unpack: (bytes, maxBytes) =>
      withinLimit(maxBytes, () => zstdDecompressSync(bytes, { maxOutputLength: maxBytes })),
  },
};

/** Packs the records of a batch. */
export function compress(bytes: Buffer, compression: Compression): Uint8Array {
  return CODECS[compression].pack(bytes);
}

/**
 * Unpacks the records of a batch. With `none` they come back as they are, whatever their size.
 *
 * Throws {@link DecompressedSizeError} when they are larger than `maxBytes`, and whatever the codec
 * throws when the bytes cannot be read.
 */
export function decompress(bytes: Buffer, compression: Compression, maxBytes: number): Uint8Array {
  return CODECS[compression].unpack(bytes, maxBytes);
}

/** Turns zlib's way of saying that its output is too long into konn's. */
function withinLimit(maxBytes: number, unpack: () => Uint8Array): Uint8Array {
  try {
    return unpack();
  } catch (error) {
    if (error instanceof RangeError && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE") {
      throw new DecompressedSizeError(maxBytes);
    }
    throw error;
  }
}
