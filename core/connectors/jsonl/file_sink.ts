import { type FileHandle, open, stat } from "node:fs/promises";
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
import type { Observer } from "../../observe/observer.ts";
import { systemCode } from "./file_errors.ts";
import { formatBatch } from "./format_lines.ts";
import {
  bytesBefore,
  fileIdOf,
  formatOutputState,
  outputDifference,
  parseOutputState,
} from "./output_state.ts";
import type { LineFormat } from "./position.ts";
import { contentHash, trailingBytes } from "./trailing_bytes.ts";

export interface FileSinkOptions {
  readonly path: string;
  readonly format: LineFormat;
  readonly existing: "refuse" | "append" | "overwrite";
  readonly observer: Observer;
}

const LINE_FEED = Buffer.from("\n");

interface QueuedWrite {
  readonly bytes: Buffer;
  readonly done: PromiseWithResolvers<string>;
}

/**
 * Appends lines to a file and syncs them; writes that wait share one sync. A device or a named pipe
 * can be neither synced nor gone on with, so it has no state.
 */
export class FileSink implements Sink {
  readonly #options: FileSinkOptions;
  #file: FileHandle | undefined;
  #isRegular = true;
  #length = 0;
  /** The last bytes that were written, for the hash in the state. */
  #tail: Buffer = Buffer.alloc(0);
  #fileId = "";
  #queue: QueuedWrite[] = [];
  #isWriting = false;
  /** What ended the first write that failed. What follows it must not be written either. */
  #failure: KonnError | undefined;

  constructor(options: FileSinkOptions) {
    this.#options = options;
  }

  address(): Promise<string> {
    return Promise.resolve(`file:${resolve(this.#options.path)}`);
  }

  async open({ resume, fromBeginning }: SinkOpenOptions): Promise<SinkOpening> {
    const state = fromBeginning ? undefined : resume?.state;
    try {
      const file = await this.#openFile(state !== undefined);
      this.#file = file;
      this.#isRegular = (await file.stat()).isFile();
      if (!this.#isRegular) return { identity: {}, state: undefined };
      this.#length = await (state === undefined ? endLastLine(file) : this.#cut(file, state));
      this.#tail = await bytesBefore(file, this.#length);
      this.#fileId = await fileIdOf(file);
      syncFolder(dirname(resolve(this.#options.path)));
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error instanceof KonnError ? error : unwritable(this.#options.path, error);
    }
    return { identity: {}, state: this.#state() };
  }

  async write(batch: Batch): Promise<WriteReport> {
    const { bytes, report } = formatBatch(batch, this.#options.format);
    const done = Promise.withResolvers<string>();
    this.#queue.push({ bytes, done });
    void this.#writeQueue();
    const state = await done.promise;
    return this.#isRegular ? { ...report, state } : report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #openFile(isResuming: boolean): Promise<FileHandle> {
    const { path, existing } = this.#options;
    if (isResuming) return await openExisting(path);
    if (existing === "append") return await open(path, "a+");
    if (existing === "overwrite") return await open(path, "w");
    try {
      return await open(path, "wx");
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw error;
      const found = await stat(path);
      if (!found.isFile()) return await open(path, "w");
      throw new KonnError(`Cannot write to ${path}: the file exists`, {
        code: "FILE_EXISTS",
        cause: error,
        hint: "Add to it with --append, replace it with --overwrite, or name another file.",
      });
    }
  }

  #state(): string {
    const hash = contentHash(this.#tail);
    return formatOutputState({ bytes: this.#length, hash, file: this.#fileId });
  }

  /**
   * To the length that the checkpoint knows: what lies behind was never settled. Another file is
   * left as it is.
   */
  async #cut(file: FileHandle, state: string): Promise<number> {
    const { path } = this.#options;
    const known = parseOutputState(state);
    if (known === undefined) throw outputChanged(path, "the checkpoint tells nothing of a file");
    const difference = await outputDifference(file, known);
    if (difference !== undefined) throw outputChanged(path, difference);
    const { size } = await file.stat();
    const length = known.bytes;
    if (size > length) {
      this.#options.observer.log.warn(`Cut from ${path} what stood behind the last checkpoint`, {
        bytes: size - length,
      });
    }
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
      if (this.#failure) throw this.#failure;
      let place = this.#isRegular ? this.#length : null;
      for (const { bytes } of writes) {
        await writeFully(this.#open(), bytes, place);
        if (place !== null) place += bytes.length;
      }
      if (this.#isRegular) await this.#open().datasync();
      for (const write of writes) {
        this.#length += write.bytes.length;
        this.#tail = trailingBytes(this.#tail, write.bytes);
        write.done.resolve(this.#isRegular ? this.#state() : "");
      }
    } catch (error) {
      this.#failure ??= unwritable(this.#options.path, error);
      for (const write of writes) write.done.reject(this.#failure);
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
    throw outputChanged(path, "it is gone");
  }
}

/** So that a line that is added does not become part of one that was cut off. */
async function endLastLine(file: FileHandle): Promise<number> {
  const { size } = await file.stat();
  if (await endsLineAt(file, size)) return size;
  await writeFully(file, LINE_FEED, size);
  return size + LINE_FEED.length;
}

async function endsLineAt(file: FileHandle, byte: number): Promise<boolean> {
  if (byte === 0) return true;
  const last = Buffer.alloc(LINE_FEED.length);
  await file.read(last, 0, last.length, byte - last.length);
  return last.equals(LINE_FEED);
}

/** @param at where in the file, or null where there are no places (a pipe) */
async function writeFully(file: FileHandle, bytes: Buffer, at: number | null): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const place = at === null ? null : at + written;
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, place);
    written += bytesWritten;
  }
}

function outputChanged(path: string, state: string): KonnError {
  return new KonnError(`Cannot go on writing to ${path}: ${state}`, {
    code: "OUTPUT_CHANGED",
    hint: "Put the file back, or begin it anew with --overwrite.",
  });
}

/** What the system's errors mean for whoever named the file. */
const FAULTS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such folder",
  ENOTDIR: "there is no such folder",
  EISDIR: "it is a folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the disk is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
};

function unwritable(path: string, cause: unknown): KonnError {
  const state = FAULTS[systemCode(cause) ?? ""] ?? messageOf(cause);
  return new KonnError(`Cannot write to ${path}: ${state}`, {
    code: "OUTPUT_UNWRITABLE",
    cause,
    hint: "Look at the folder, its permissions and the disk's free space.",
  });
}
