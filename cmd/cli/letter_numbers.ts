import { KonnError } from "../../core/base/errors.ts";

const RANGE = /^(\d{1,9})(?:-(\d{1,9}))?$/;
/** More would be all of them. */
const MAX_NUMBERS_COUNT = 100_000;

/** `3`, `3,5-9` -> the numbers; undefined for none. Throws a usage error for anything else. */
export function parseNumbers(text: string): ReadonlySet<number> | undefined {
  if (text === "") return undefined;
  const numbers = new Set<number>();
  for (const part of text.split(",")) {
    const [, first, last = first] = RANGE.exec(part.trim()) ?? [];
    const [from, to] = [Number(first ?? 0), Number(last ?? 0)];
    if (from < 1 || to < from || to - from >= MAX_NUMBERS_COUNT) throw notNumbers(text);
    for (let number = from; number <= to; number += 1) numbers.add(number);
  }
  return numbers;
}

function notNumbers(text: string): KonnError {
  return new KonnError(`Cannot use ${JSON.stringify(text)} as numbers of dead letters`, {
    code: "USAGE",
    kind: "usage",
    hint: "Write 3, or several: 3,5-9. `konn dead-letters list` shows them.",
  });
}
