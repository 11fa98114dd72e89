import { mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { syncFolder, writeFileAtomically } from "../../core/base/atomic_file.ts";
import { KonnError, messageOf } from "../../core/base/errors.ts";
import type {
  Batch,
  Message,
  Rejection,
  Sink,
  SinkOpening,
  WriteReport,
} from "../../core/connector/mod.ts";

/** The longest name that file systems take, less the room for a temporary one. */
const NAME_MAX_CHARS = 200;

/** Keeps the last event of each key in a file of its own. Errors: `FOLDER_UNUSABLE`. */
export function createFolderSink(path: string): Sink {
  return new FolderSink(resolve(path));
}

class FolderSink implements Sink {
  readonly #path: string;
  /** Writes wait for each other, so that the events of a key take effect in their order. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  address(): Promise<string> {
    return Promise.resolve(`folder:${this.#path}`);
  }

  open(): Promise<SinkOpening> {
    try {
      mkdirSync(this.#path, { recursive: true });
    } catch (cause) {
      throw new KonnError(`Cannot use the folder ${this.#path}: ${messageOf(cause)}`, {
        code: "FOLDER_UNUSABLE",
        hint: "Name a folder that konn may write to.",
        cause,
      });
    }
    // A file is replaced in one step, so writing a batch again does no harm: no state is needed.
    return Promise.resolve({ identity: {}, state: undefined });
  }

  write(batch: Batch, signal: AbortSignal): Promise<WriteReport> {
    const report = this.#last.then(() => this.#writeAll(batch, signal));
    this.#last = report.catch(() => undefined);
    return report;
  }

  #writeAll({ messages }: Batch, signal: AbortSignal): WriteReport {
    const rejections: Rejection[] = [];
    let written = 0;
    let deleted = 0;
    for (const message of messages) {
      signal.throwIfAborted();
      const name = nameOf(message);
      if (name === undefined) rejections.push(rejectionOf(message));
      else if (message.value === null) {
        rmSync(join(this.#path, name), { force: true });
        deleted += 1;
      } else {
        writeFileAtomically(join(this.#path, name), Buffer.from(message.value).toString());
        written += 1;
      }
    }
    // What was removed is gone for good only when the folder says so on disk.
    syncFolder(this.#path);
    return { written, deleted, skipped: {}, rejections };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
  }
}

/** A key as the name of a file; undefined where there is none or it is too long. */
function nameOf({ key }: Message): string | undefined {
  if (key === null || key.length === 0) return undefined;
  const name = encodeURIComponent(Buffer.from(key).toString()).replaceAll(".", "%2E");
  return name.length > NAME_MAX_CHARS ? undefined : name;
}

function rejectionOf({ sequence, line }: Message): Rejection {
  const reason = `The event has no key, or one that is too long for a file name`;
  return { sequence, line, code: "KEY_UNUSABLE", reason };
}
