import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { syncFolder } from "../base/atomic_file.ts";
import { KonnError } from "../base/errors.ts";
import { formatLetter, parseLetter, type StoredLetter } from "./letter_format.ts";

const BLOCK_BYTES = 1024 * 1024;
/** What is held back before it is written to a file that takes the place of another. */
const MAX_HELD_CHARS = 1024 * 1024;
const LINE_FEED = 0x0a;

/** A letter and its number, from 1 in the order of its file: what a person calls it. */
export interface NumberedLetter {
  readonly number: number;
  readonly letter: StoredLetter;
}

/** The letters of a file, one after the other however many. Throws `DEAD_LETTERS_UNREADABLE`. */
export function* numberedLetters(path: string): Generator<NumberedLetter> {
  let number = 0;
  for (const line of linesOf(path)) {
    const letter = parseLetter(line);
    if (letter) yield { number: (number += 1), letter };
  }
}

/**
 * Replaces the letters of a file, so that a crash leaves either the old ones or the new ones. A
 * file without any goes. The caller holds the lock of the run.
 *
 * @param replace returns what is to stand in the place of a letter, undefined for nothing
 * @throws KonnError `DEAD_LETTERS_UNWRITABLE`
 */
export function rewriteLetters(
  path: string,
  replace: (numbered: NumberedLetter) => StoredLetter | undefined,
): void {
  if (!existsSync(path)) return;
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const isEmpty = copyLetters(path, temporary, replace);
    if (isEmpty) rmSync(path);
    else renameSync(temporary, path);
    rmSync(temporary, { force: true });
    syncFolder(dirname(path));
  } catch (cause) {
    rmSync(temporary, { force: true });
    if (cause instanceof KonnError) throw cause;
    throw new KonnError(`Cannot change the dead letters in ${path}: the file cannot be replaced`, {
      code: "DEAD_LETTERS_UNWRITABLE",
      cause,
      hint: "Look at the disk's free space and at the permissions of the state folder.",
    });
  }
}

/** Returns whether nothing is left. Lines that are no letters stay: they may be of a later konn. */
function copyLetters(
  path: string,
  temporary: string,
  replace: (numbered: NumberedLetter) => StoredLetter | undefined,
): boolean {
  const file = openSync(temporary, "w", 0o600);
  let held = "";
  let isEmpty = true;
  let number = 0;
  try {
    for (const line of linesOf(path)) {
      const letter = parseLetter(line);
      const kept = letter && replace({ number: (number += 1), letter });
      if (letter && !kept) continue;
      held += kept ? formatLetter(kept) : `${line}\n`;
      isEmpty = false;
      if (held.length < MAX_HELD_CHARS) continue;
      writeFileSync(file, held);
      held = "";
    }
    writeFileSync(file, held);
    fsyncSync(file);
    return isEmpty;
  } finally {
    closeSync(file);
  }
}

/** The lines of a file that are not empty. */
function* linesOf(path: string): Generator<string> {
  if (!existsSync(path)) return;
  const file = open(path);
  const block = Buffer.alloc(BLOCK_BYTES);
  let rest = Buffer.alloc(0);
  try {
    for (let bytes = readSync(file, block); bytes > 0; bytes = readSync(file, block)) {
      const read = Buffer.concat([rest, block.subarray(0, bytes)]);
      let start = 0;
      for (let end = read.indexOf(LINE_FEED); end >= 0; end = read.indexOf(LINE_FEED, start)) {
        if (end > start) yield read.toString("utf8", start, end);
        start = end + 1;
      }
      rest = read.subarray(start);
    }
    if (rest.length > 0) yield rest.toString("utf8");
  } finally {
    closeSync(file);
  }
}

function open(path: string): number {
  try {
    return openSync(path, "r");
  } catch (cause) {
    throw new KonnError(`Cannot read the dead letters in ${path}: the file cannot be read`, {
      code: "DEAD_LETTERS_UNREADABLE",
      cause,
      hint: "Look at the file's permissions.",
    });
  }
}
