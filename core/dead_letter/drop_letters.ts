import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { syncFolder } from "../base/atomic_file.ts";
import { KonnError } from "../base/errors.ts";
import { numberedLetters, rewriteLetters } from "./letter_list.ts";

/**
 * Forgets letters: these, or all with their file. The caller holds the lock of the run.
 *
 * @throws KonnError `DEAD_LETTERS_UNWRITABLE`
 */
export function dropLetters(path: string, numbers: ReadonlySet<number> | undefined): void {
  if (numbers) {
    rewriteLetters(path, ({ number, letter }) => (numbers.has(number) ? undefined : letter));
    return;
  }
  try {
    rmSync(path, { force: true });
    syncFolder(dirname(path));
  } catch (cause) {
    throw new KonnError(`Cannot remove ${path}`, {
      code: "DEAD_LETTERS_UNWRITABLE",
      cause,
      hint: "Look at the permissions of the state folder.",
    });
  }
}

/** Throws a usage error when one of these letters is not there. */
export function refuseMissingNumbers(path: string, numbers: ReadonlySet<number> | undefined): void {
  if (!numbers) return;
  const missing = new Set(numbers);
  let count = 0;
  for (const { number } of numberedLetters(path)) {
    missing.delete(number);
    count = number;
  }
  const [first] = missing;
  if (first === undefined) return;
  throw new KonnError(`Cannot find dead letter ${first}: the last one is ${count}`, {
    code: "LETTER_NOT_FOUND",
    kind: "usage",
    hint: "Numbers change when letters go: `konn dead-letters list` shows them.",
  });
}
