import { type FileHandle, open } from "node:fs/promises";
import { sleep } from "../../base/backoff.ts";
import {
  asBuffer,
  type Compression,
  decompress,
  MAGIC_BYTES,
  sniffCompression,
} from "./decompress.ts";
import { changedFile, unreadableFile } from "./file_errors.ts";

/** Read at once. Messages are views of a block, so each block is a buffer of its own. */
const BLOCK_BYTES = 1024 * 1024;
const POLL_INTERVAL_MS = 200;

/** The bytes behind a source, decompressed, as blocks that nobody else changes. */
export interface Input extends AsyncDisposable {
  /** What a person calls it. */
  readonly name: string;
  /** Whether it can be read from the start more than once. */
  readonly isRepeatable: boolean;
  /** Its size in bytes as decompressed, where that is known. */
  size(): Promise<number | undefined>;
  /** Blocks from a byte on. Ends at the end of the input, or early on `stop`. */
  blocks(fromByte: number, options: BlockOptions): AsyncGenerator<Buffer>;
}

export interface BlockOptions {
  readonly stop: AbortSignal;
  /** Wait at the end for what comes. */
  readonly follow: boolean;
}

/** Opens a file, plain or compressed. Throws when it is missing, a folder or unreadable. */
export async function openFile(path: string): Promise<Input> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    const head = Buffer.alloc(MAGIC_BYTES);
    const { bytesRead } = await handle.read(head, 0, MAGIC_BYTES, 0);
    const compression = sniffCompression(head.subarray(0, bytesRead));
    return compression
      ? new CompressedFile(path, handle, compression)
      : new PlainFile(path, handle);
  } catch (error) {
    await handle?.close();
    throw unreadableFile(path, error);
  }
}

class PlainFile implements Input {
  readonly name: string;
  readonly isRepeatable = true;
  readonly #handle: FileHandle;

  constructor(name: string, handle: FileHandle) {
    this.name = name;
    this.#handle = handle;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async *blocks(fromByte: number, { stop, follow }: BlockOptions): AsyncGenerator<Buffer> {
    let at = fromByte;
    while (!stop.aborted) {
      const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      const bytesRead = await this.#read(block, at);
      if (bytesRead > 0) {
        at += bytesRead;
        yield block.subarray(0, bytesRead);
      } else if (follow) {
        await this.#refuseShrunk(at);
        await sleep(POLL_INTERVAL_MS, stop);
      } else return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  async #read(block: Buffer, at: number): Promise<number> {
    try {
      return (await this.#handle.read(block, 0, block.length, at)).bytesRead;
    } catch (error) {
      throw unreadableFile(this.name, error);
    }
  }

  async #refuseShrunk(at: number): Promise<void> {
    const size = await this.size();
    if (size < at) throw changedFile(this.name, { byte: at }, `it has only ${size} bytes now`);
  }
}

class CompressedFile implements Input {
  readonly name: string;
  readonly isRepeatable = true;
  readonly #file: PlainFile;
  readonly #compression: Compression;

  constructor(name: string, handle: FileHandle, compression: Compression) {
    this.name = name;
    this.#file = new PlainFile(name, handle);
    this.#compression = compression;
  }

  size(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  /** An archive has no way to begin in the middle: what lies before is decompressed and dropped. */
  async *blocks(fromByte: number, { stop }: BlockOptions): AsyncGenerator<Buffer> {
    const packed = this.#file.blocks(0, { stop, follow: false });
    const options = { compression: this.#compression, name: this.name, stop };
    let dropBytes = fromByte;
    for await (const chunk of regroup(decompress(packed, options))) {
      const dropped = Math.min(dropBytes, chunk.length);
      dropBytes -= dropped;
      if (dropped < chunk.length) yield chunk.subarray(dropped);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }
}

/** stdin, or whatever stream stands for it. It is read once, in whatever pieces it comes. */
export function streamInput(stream: AsyncIterable<Uint8Array>): Input {
  return {
    name: "stdin",
    isRepeatable: false,
    size: () => Promise.resolve(undefined),
    blocks: (_fromByte, { stop }) => streamBlocks(stream, stop),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function* streamBlocks(
  stream: AsyncIterable<Uint8Array>,
  stop: AbortSignal,
): AsyncGenerator<Buffer> {
  const iterator = stream[Symbol.asyncIterator]();
  const first = await nextOrStop(iterator, stop);
  if (!first) return;
  const pieces = chain(first, iterator, stop);
  const compression = sniffCompression(first);
  yield* compression ? regroup(decompress(pieces, { compression, name: "stdin", stop })) : pieces;
}

async function* chain(
  first: Buffer,
  iterator: AsyncIterator<Uint8Array>,
  stop: AbortSignal,
): AsyncGenerator<Buffer> {
  for (let piece: Buffer | undefined = first; piece; piece = await nextOrStop(iterator, stop)) {
    yield piece;
  }
}

/** The next piece, or undefined at the end and as soon as `stop` says so. */
async function nextOrStop(
  iterator: AsyncIterator<Uint8Array>,
  stop: AbortSignal,
): Promise<Buffer | undefined> {
  if (stop.aborted) return undefined;
  const { promise: stopped, resolve } = Promise.withResolvers<undefined>();
  const onStop = (): void => resolve(undefined);
  stop.addEventListener("abort", onStop, { once: true });
  try {
    const next = await Promise.race([iterator.next(), stopped]);
    return next === undefined || next.done ? undefined : asBuffer(next.value);
  } finally {
    stop.removeEventListener("abort", onStop);
  }
}

/** Decompressors give small pieces; larger blocks make larger batches. */
async function* regroup(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      pieces.push(chunk);
      bytes += chunk.length;
      if (bytes < BLOCK_BYTES) continue;
      yield Buffer.concat(pieces);
      pieces = [];
      bytes = 0;
    }
  } catch (error) {
    // What was whole before the fault stays valid.
    if (bytes > 0) yield Buffer.concat(pieces);
    throw error;
  }
  if (bytes > 0) yield Buffer.concat(pieces);
}
