import { type FileHandle, open, stat } from "node:fs/promises";
import { sleep } from "../../base/backoff.ts";
import { KonnError } from "../../base/errors.ts";
import {
  asBuffer,
  type Compression,
  decompress,
  MAGIC_BYTES,
  sniffCompression,
} from "./decompress.ts";
import { changedFile, systemCode, unreadableFile } from "./file_errors.ts";
import { trailingBytes } from "./trailing_bytes.ts";

/** At most so much is read at once. */
const BLOCK_BYTES = 1024 * 1024;
const POLL_INTERVAL_MS = 200;
const NOTHING = Buffer.alloc(0);

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
  /**
   * Gives memory for a block, of at most so many bytes, where there is some: an input may read into
   * it. By default each block has memory of its own.
   */
  readonly room?: (maxBytes: number) => Buffer;
}

/**
 * Opens a file, plain or compressed. Throws when it is missing, no file or unreadable, and when a
 * compressed one is to be followed.
 */
export async function openFile(path: string, { follow }: { follow: boolean }): Promise<Input> {
  let handle: FileHandle | undefined;
  try {
    // Not opened first: that would wait for somebody to write to a pipe.
    const found = await stat(path);
    if (!found.isFile() && !found.isDirectory()) throw notSeekable(path);
    handle = await open(path, "r");
    const head = Buffer.alloc(MAGIC_BYTES);
    const { bytesRead } = await handle.read(head, 0, MAGIC_BYTES, 0);
    const compression = sniffCompression(head.subarray(0, bytesRead));
    if (!compression) return new PlainFile(path, handle);
    if (follow) throw notFollowable(path, compression);
    return new CompressedFile(path, handle, compression);
  } catch (error) {
    await handle?.close();
    throw error instanceof KonnError ? error : unreadableFile(path, error);
  }
}

function memoryOfItsOwn(bytes: number): Buffer {
  return Buffer.allocUnsafeSlow(bytes);
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

  async *blocks(fromByte: number, options: BlockOptions): AsyncGenerator<Buffer> {
    const { stop, follow, room = memoryOfItsOwn } = options;
    let at = fromByte;
    let witness: Buffer = NOTHING;
    while (!stop.aborted) {
      const lengthBytes = Math.min((await this.size()) - at, BLOCK_BYTES);
      const block = lengthBytes > 0 ? await this.#read(at, room(lengthBytes)) : NOTHING;
      if (block.length > 0) {
        if (follow) await this.#refuseRewritten(at, witness);
        // A copy, since whoever gave the room may use it for something else.
        if (follow) witness = Buffer.from(trailingBytes(witness, block));
        at += block.length;
        yield block;
      } else if (!follow || (await this.#waitForMore(at, stop)) === "replaced") return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  async #read(at: number, block: Buffer): Promise<Buffer> {
    try {
      const { bytesRead } = await this.#handle.read(block, 0, block.length, at);
      return block.subarray(0, bytesRead);
    } catch (error) {
      throw unreadableFile(this.name, error);
    }
  }

  async #waitForMore(at: number, stop: AbortSignal): Promise<"grown" | "replaced"> {
    while (!stop.aborted) {
      const isReplaced = await this.#isReplaced();
      // Asked last: it may have grown once more before another file took its name.
      const size = await this.size();
      if (size > at) return "grown";
      if (size < at) throw changedFile(this.name, { byte: at }, `it has only ${size} bytes now`);
      if (isReplaced) return "replaced";
      await sleep(POLL_INTERVAL_MS, stop);
    }
    return "grown";
  }

  /** Whether its name is that of another file. One that was only moved away may still grow. */
  async #isReplaced(): Promise<boolean> {
    try {
      const [ours, named] = await Promise.all([this.#handle.stat(), stat(this.name)]);
      return ours.ino !== named.ino || ours.dev !== named.dev;
    } catch (error) {
      if (systemCode(error) === "ENOENT") return false;
      throw unreadableFile(this.name, error);
    }
  }

  /** What was cut and written anew can be longer by now, so that its size does not tell. */
  async #refuseRewritten(at: number, witness: Buffer): Promise<void> {
    if (witness.length === 0) return;
    const found = await this.#read(at - witness.length, memoryOfItsOwn(witness.length));
    if (!found.equals(witness)) throw changedFile(this.name, { byte: at }, "it was rewritten");
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
  const head = await readHead(iterator, stop);
  const pieces = chain(head, iterator, stop);
  const compression = sniffCompression(head);
  yield* compression ? regroup(decompress(pieces, { compression, name: "stdin", stop })) : pieces;
}

/** Enough to tell the compression, however small the pieces are. */
async function readHead(iterator: AsyncIterator<Uint8Array>, stop: AbortSignal): Promise<Buffer> {
  let head: Buffer = NOTHING;
  while (head.length < MAGIC_BYTES) {
    const piece = await nextOrStop(iterator, stop);
    if (!piece) break;
    head = Buffer.concat([head, piece]);
  }
  return head;
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
  } catch (error) {
    throw unreadableFile("stdin", error);
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

function notSeekable(path: string): KonnError {
  return new KonnError(`Cannot read ${path}: it is a pipe or a device`, {
    code: "FILE_IS_PIPE",
    hint: "Give it as stdin instead: `-` for the file's name, and the pipe after `<`.",
  });
}

function notFollowable(path: string, compression: Compression): KonnError {
  return new KonnError(`Cannot follow ${path}: it is compressed (${compression})`, {
    code: "FILE_NOT_FOLLOWABLE",
    kind: "usage",
    hint: "Read it without --follow, or follow the file that it is made of.",
  });
}
