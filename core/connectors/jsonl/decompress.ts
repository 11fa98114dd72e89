import { KonnError } from "../../base/errors.ts";
import { corruptFile } from "./file_errors.ts";

/** The ways of compression that are recognised by their first bytes. */
export type Compression = "gzip" | "zstd";

/** How many bytes {@link sniffCompression} wants to see. */
export const MAGIC_BYTES = 4;

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** Tells by its first bytes how a file is compressed: RFC 1952 2.3.1, RFC 8878 3.1.1. */
export function sniffCompression(head: Buffer): Compression | undefined {
  if (head.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC)) return "gzip";
  if (head.subarray(0, ZSTD_MAGIC.length).equals(ZSTD_MAGIC)) return "zstd";
  return undefined;
}

export interface DecompressOptions {
  readonly compression: Compression;
  /** What a person calls the file. */
  readonly name: string;
  /** A stopped input ends early, which is then no fault of the archive. */
  readonly stop: AbortSignal;
}

/**
 * Decompresses in bounded memory. Archives of several members or frames are read to the last one.
 * What cannot be decompressed, the archive's end being missing included, throws FILE_CORRUPT
 * after everything before it was yielded.
 *
 * This is the web's DecompressionStream, since Bun's node:zlib takes a cut zstd file for a whole one.
 */
export async function* decompress(
  blocks: AsyncIterable<Buffer>,
  options: DecompressOptions,
): AsyncGenerator<Buffer> {
  const counter = { bytes: 0 };
  const stream = streamOf(blocks, counter).pipeThrough(
    new DecompressionStream(options.compression),
  );
  try {
    for await (const chunk of stream) yield asBuffer(chunk);
  } catch (error) {
    if (options.stop.aborted) return;
    throw error instanceof KonnError ? error : corruptFile(options.name, counter.bytes, error);
  }
}

/** A view of the same bytes. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function streamOf(
  blocks: AsyncIterable<Buffer>,
  counter: { bytes: number },
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const iterator = blocks[Symbol.asyncIterator]();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (done === true) return controller.close();
        counter.bytes += value.length;
        controller.enqueue(new Uint8Array(value));
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
