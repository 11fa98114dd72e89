import { KonnError, messageOf } from "../../base/errors.ts";

/** The `code` of an error of the operating system: ENOENT, EACCES. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Turns what opening or reading a file threw into an error for a person. */
export function unreadableFile(path: string, cause: unknown): KonnError {
  switch (systemCode(cause)) {
    case "ENOENT":
    case "ENOTDIR":
      return new KonnError(`Cannot read ${path}: no such file`, {
        code: "FILE_NOT_FOUND",
        cause,
        hint: "Check the path, or read from stdin with `-`.",
      });
    case "EISDIR":
      return new KonnError(`Cannot read ${path}: it is a folder`, {
        code: "FILE_IS_FOLDER",
        cause,
        hint: "Name a file in it.",
      });
    case undefined:
    default:
      return new KonnError(`Cannot read ${path}: ${messageOf(cause)}`, {
        code: "FILE_UNREADABLE",
        cause,
        hint: "Check the file's permissions and its disk.",
      });
  }
}

/** Where in a file something was found. */
export interface FilePlace {
  readonly byte: number;
  readonly line?: number;
}

/** The file is not the one, or not as it was, when konn read it last. */
export function changedFile(name: string, place: FilePlace, state: string): KonnError {
  const line = place.line === undefined ? "" : ` (line ${place.line})`;
  return new KonnError(`Cannot go on in ${name} at byte ${place.byte}${line}: ${state}`, {
    code: "FILE_CHANGED",
    hint: "Put the file back as it was. Or go on with a line of it: --from-line N; read all of it once more: replay --again, pipe --from-beginning; or, if it is another file that begins with the same line, give it a name of its own: --stream NAME.",
  });
}

/** The archive is broken from some byte on. */
export function corruptFile(name: string, compressedByte: number, cause: unknown): KonnError {
  const state = `the archive is broken at or before byte ${compressedByte}`;
  return new KonnError(`Cannot decompress ${name}: ${state}`, {
    code: "FILE_CORRUPT",
    cause,
    hint: "Fetch the file again, or test it with `gzip -t` or `zstd -t`. The lines before it were read.",
  });
}
