import { createInterface } from "node:readline/promises";
import { KonnError } from "../../core/base/errors.ts";

/** Asks on the terminal. Where there is none it is a usage error: nobody could have answered. */
export async function confirm(question: string, stop: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new KonnError(`Cannot ask here: ${question}`, {
      code: "CONFIRMATION_NEEDED",
      kind: "usage",
      hint: "Say --yes where nobody can answer.",
    });
  }
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  // It takes Ctrl-C for itself while it asks.
  const given = new AbortController();
  asking.once("SIGINT", () => given.abort());
  asking.once("close", () => given.abort());
  try {
    const signal = AbortSignal.any([stop, given.signal]);
    const answer = await asking.question(`${question} [y/N] `, { signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    return false;
  } finally {
    asking.close();
  }
}
