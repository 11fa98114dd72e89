import { type FileHandle, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { syncFolder } from "../../base/atomic_file.ts";
import { KonnError, messageOf } from "../../base/errors.ts";
import type {
  Batch,
  Sink,
  SinkOpening,
  SinkOpenOptions,
  WriteReport,
} from "../../connector/mod.ts";
import { systemCode } from "./file_errors.ts";
import { formatBatch } from "./format_lines.ts";
import type { LineFormat } from "./position.ts";

export interface FileSinkOptions {
  readonly path: string;
  readonly format: LineFormat;
  readonly existing: "refuse" | "append" | "overwrite";
}

interface QueuedWrite {
  readonly bytes: Buffer;
  readonly done: PromiseWithResolvers<number>;
}

/** Appends lines to a file and syncs them; writes that wait share one sync. */
export class FileSink implements Sink {
  readonly address: string;
  readonly #options: FileSinkOptions;
  #file: FileHandle | undefined;
  #length = 0;
  #queue: QueuedWrite[] = [];
  #isWriting = false;

  constructor(options: FileSinkOptions) {
    this.#options = options;
    this.address = `file:${resolve(options.path)}`;
  }

  async open({ resume, fromBeginning }: SinkOpenOptions): Promise<SinkOpening> {
    const state = fromBeginning ? undefined : resume?.state;
    try {
      this.#file = await this.#openFile(state !== undefined);
      this.#length = await this.#cut(this.#file, state);
      syncFolder(dirname(resolve(this.#options.path)));
    } catch (error) {
      throw error instanceof KonnError ? error : unwritable(this.#options.path, error);
    }
    return { identity: {}, state: String(this.#length) };
  }

  async write(batch: Batch): Promise<WriteReport> {
    const { bytes, report } = formatBatch(batch, this.#options.format);
    const done = Promise.withResolvers<number>();
    this.#queue.push({ bytes, done });
    void this.#writeQueue();
    return { ...report, state: String(await done.promise) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #openFile(isResuming: boolean): Promise<FileHandle> {
    const { path, existing } = this.#options;
    if (isResuming) return await openExisting(path);
    if (existing === "append") return await open(path, "a");
    if (existing === "overwrite") return await open(path, "w");
    try {
      return await open(path, "wx");
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw error;
      throw new KonnError(`Cannot write to ${path}: the file exists`, {
        code: "FILE_EXISTS",
        cause: error,
        hint: "Add to it with --append, replace it with --overwrite, or name another file.",
      });
    }
  }

  /** To the length that the checkpoint knows: what lies behind was never settled. */
  async #cut(file: FileHandle, state: string | undefined): Promise<number> {
    const { size } = await file.stat();
    if (state === undefined) return size;
    const length = Number(state);
    if (size < length) throw outputChanged(this.#options.path, { size, length });
    await file.truncate(length);
    return length;
  }

  async #writeQueue(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    while (this.#queue.length > 0) {
      const writes = this.#queue;
      this.#queue = [];
      await this.#writeTogether(writes);
    }
    this.#isWriting = false;
  }

  async #writeTogether(writes: readonly QueuedWrite[]): Promise<void> {
    try {
      const bytes = Buffer.concat(writes.map((write) => write.bytes));
      await writeFully(this.#open(), bytes, this.#length);
      await this.#open().datasync();
      for (const write of writes) {
        this.#length += write.bytes.length;
        write.done.resolve(this.#length);
      }
    } catch (error) {
      const failure = unwritable(this.#options.path, error);
      for (const write of writes) write.done.reject(failure);
    }
  }

  #open(): FileHandle {
    if (this.#file) return this.#file;
    throw new Error("the sink is not open");
  }
}

async function openExisting(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r+");
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    throw outputChanged(path, { size: 0, length: undefined });
  }
}

async function writeFully(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, at + written);
    written += bytesWritten;
  }
}

function outputChanged(
  path: string,
  { size, length }: { size: number; length: number | undefined },
): KonnError {
  const state = length === undefined ? "it is gone" : `it has ${size} bytes and had ${length}`;
  return new KonnError(`Cannot go on writing to ${path}: ${state}`, {
    code: "OUTPUT_CHANGED",
    hint: "Put the file back, or write a new one with another --state-dir.",
  });
}

function unwritable(path: string, cause: unknown): KonnError {
  return new KonnError(`Cannot write to ${path}: ${messageOf(cause)}`, {
    code: "OUTPUT_UNWRITABLE",
    cause,
    hint: "Look at the folder, its permissions and the disk's free space.",
  });
}
