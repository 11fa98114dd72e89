import { closeSync, openSync, writeSync } from "node:fs";

/** Keys of the rows in the file: enough for every partition, few enough to meet again and again. */
export const ROWS_COUNT = 5_000;
const LINES_PER_WRITE = 5_000;

/** Writes events of some 500 bytes, each with its number in it, so that no line is like another. */
export function writeNumberedFile(path: string, linesCount: number): void {
  const file = openSync(path, "w");
  try {
    for (let start = 0; start < linesCount; start += LINES_PER_WRITE) {
      const count = Math.min(LINES_PER_WRITE, linesCount - start);
      const lines = Array.from({ length: count }, (_, at) => numberedLine(start + at));
      writeSync(file, `${lines.join("\n")}\n`);
    }
  } finally {
    closeSync(file);
  }
}

/** Line `number`, counted from 0. */
export function numberedLine(number: number): string {
  const id = `00000000-0000-4000-8000-${String(number % ROWS_COUNT).padStart(12, "0")}`;
  const key = `c/11111111-1111-4111-8111-111111111111/o/service/${id}`;
  const value = {
    type: "service",
    object: { id, name: `service-${number % ROWS_COUNT}`, host: "example.com", revision: number },
    notes: "x".repeat(120),
  };
  const after = { key, value };
  return JSON.stringify({ before: null, after, op: "u", ts_ms: 1_700_000_000_000 + number });
}

/** The number in a line. Throws on a line that is no whole one of ours. */
export function numberOf(line: string): number {
  const { ts_ms }: { ts_ms: number } = JSON.parse(line);
  const number = ts_ms - 1_700_000_000_000;
  if (numberedLine(number) !== line) throw new Error(`line ${number} is not what was written`);
  return number;
}
