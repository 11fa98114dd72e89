import { KonnError, messageOf } from "./errors.ts";

/** What writing to stdout or stderr threw, as an error for a person. */
export function outputError(cause: unknown): KonnError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "EPIPE") {
    return new KonnError("Cannot write the output: its reader has gone", {
      code: "OUTPUT_CLOSED",
      kind: "failed",
      cause,
    });
  }
  return new KonnError(`Cannot write the output: ${messageOf(cause)}`, {
    code: "OUTPUT_UNWRITABLE",
    cause,
    hint: "Look at the disk that it goes to.",
  });
}
