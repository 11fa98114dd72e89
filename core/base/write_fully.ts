import { writeSync } from "node:fs";
import { outputError } from "./output_errors.ts";

/** Writes all of a text to a descriptor, so that nothing is lost when the process ends after it. */
export function writeFully(descriptor: 1 | 2, text: string): void {
  const bytes = Buffer.from(text);
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(descriptor, bytes, written);
    } catch (error) {
      if (codeOf(error) === "EAGAIN") Bun.sleepSync(1);
      else throw outputError(error);
    }
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
