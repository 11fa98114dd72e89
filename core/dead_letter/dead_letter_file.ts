import {
  appendFileSync,
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { makePrivateFolder, syncFolder } from "../base/atomic_file.ts";
import { KonnError } from "../base/errors.ts";
import { type DeadLetter, formatLetter, parseLetter } from "./letter_format.ts";
import { numberedLetters } from "./letter_list.ts";

export type { DeadLetter } from "./letter_format.ts";

/** Letters that are remembered, some 10 MiB. Of more than these a second copy may be written. */
const MAX_KNOWN_COUNT = 100_000;
/** A resumed run meets again what it refused last, so the end of the file is what it looks at. */
const KNOWN_TAIL_BYTES = 8 * 1024 * 1024;
const COUNT_BLOCK_BYTES = 1024 * 1024;

export interface DeadLetterFileOptions {
  readonly runName: string;
  /** The run goes on from a checkpoint. */
  readonly isResumed: boolean;
  /** False for a run that leaves nothing behind: its letters are counted by others, and gone. */
  readonly isKept?: boolean | undefined;
  /** The fingerprint of the stream's identity: see `StoredLetter`. */
  readonly stream?: string | undefined;
}

/**
 * The dead letters of one run, a JSON line each in a file that only its owner may read. They name
 * the place and the reason, never the content.
 *
 * A run that goes on from a checkpoint meets again what the last one refused behind it, and does
 * not write that a second time. A run from the beginning may meet other records at the same places.
 */
export class DeadLetterFile implements Disposable {
  /** Undefined where nothing is kept. */
  readonly path: string | undefined;
  #file: number | undefined;
  #known: Set<string> | undefined;
  readonly #stream: string | undefined;

  constructor(
    stateDir: string,
    { runName, isResumed, isKept = true, stream }: DeadLetterFileOptions,
  ) {
    this.#stream = stream;
    this.path = isKept ? deadLettersPath(stateDir, runName) : undefined;
    if (!isResumed) this.#known = new Set();
  }

  /** Where to read why events were refused, for a person. */
  get hint(): string {
    return this.path === undefined
      ? "The log names the first of them; a run without --dry-run keeps them all."
      : `\`konn dead-letters list\` tells the reasons, which are in ${this.path}.`;
  }

  /** Appends and makes durable. Returns only when the letters are on disk. */
  append(letters: readonly DeadLetter[]): void {
    if (this.path !== undefined) this.#append(this.path, letters);
  }

  #append(path: string, letters: readonly DeadLetter[]): void {
    try {
      this.#known ??= new Set(parseDeadLetters(readTail(path, KNOWN_TAIL_BYTES)).map(identityOf));
      const fresh = letters.filter((letter) => !this.#known?.has(identityOf(letter)));
      if (fresh.length === 0) return;
      this.#file ??= openForAppend(path);
      const time = new Date();
      const stored = fresh.map((letter) => ({ ...letter, time, stream: this.#stream }));
      appendFileSync(this.#file, stored.map(formatLetter).join(""));
      fdatasyncSync(this.#file);
      for (const letter of fresh) {
        if (this.#known.size < MAX_KNOWN_COUNT) this.#known.add(identityOf(letter));
      }
    } catch (cause) {
      throw new KonnError(`Cannot write dead letters to ${path}: the file cannot be written`, {
        code: "DEAD_LETTERS_UNWRITABLE",
        cause,
        hint: "Look at the disk's free space and at the permissions of the state folder.",
      });
    }
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/** Where the dead letters of a run are. */
export function deadLettersPath(stateDir: string, runName: string): string {
  return join(stateDir, "dead-letters", `${runName}.jsonl`);
}

/** The letters in a file, in the order of writing. A torn last line of a crash is left out. */
export function readDeadLetters(path: string): readonly DeadLetter[] {
  return [...numberedLetters(path)].map(({ letter }) => letter);
}

/** The names of the runs that have left dead letters in a state folder, in order. */
export function runsWithDeadLetters(stateDir: string): readonly string[] {
  const folder = join(stateDir, "dead-letters");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith(".jsonl"))
    .map((file) => file.slice(0, -".jsonl".length))
    .toSorted();
}

/** How many letters a file holds, however long it has become. Throws `DEAD_LETTERS_UNREADABLE`. */
export function countDeadLetters(path: string): number {
  if (!existsSync(path)) return 0;
  try {
    return countLines(path);
  } catch (cause) {
    throw new KonnError(`Cannot read the dead letters in ${path}: the file cannot be read`, {
      code: "DEAD_LETTERS_UNREADABLE",
      cause,
      hint: "Look at the file's permissions.",
    });
  }
}

function countLines(path: string): number {
  const file = openSync(path, "r");
  const block = Buffer.alloc(COUNT_BLOCK_BYTES);
  let count = 0;
  try {
    for (let bytes = readSync(file, block); bytes > 0; bytes = readSync(file, block)) {
      const read = block.subarray(0, bytes);
      for (let at = read.indexOf("\n"); at >= 0; at = read.indexOf("\n", at + 1)) count += 1;
    }
    return count;
  } finally {
    closeSync(file);
  }
}

function parseDeadLetters(text: string): readonly DeadLetter[] {
  return text.split("\n").flatMap((line) => parseLetter(line) ?? []);
}

/** The end of a file, empty where there is none. Never all of a large one. */
function readTail(path: string, maxBytes: number): string {
  if (!existsSync(path)) return "";
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const tail = Buffer.alloc(Math.min(size, maxBytes));
    const bytesRead = readSync(file, tail, 0, tail.length, size - tail.length);
    return tail.toString("utf8", 0, bytesRead);
  } finally {
    closeSync(file);
  }
}

function identityOf({ lane, sequence, code, key, reason }: DeadLetter): string {
  return JSON.stringify([lane, String(sequence), code, key, reason]);
}

function openForAppend(path: string): number {
  const folder = dirname(path);
  makePrivateFolder(folder);
  const tornLine = existsSync(path) && !["", "\n"].includes(readTail(path, 1));
  const file = openSync(path, "a", 0o600);
  if (tornLine) appendFileSync(file, "\n");
  syncFolder(folder);
  return file;
}
