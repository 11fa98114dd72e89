import { KonnError } from "../base/errors.ts";
import { type NamedFile, readSecretFile } from "./secret_file.ts";

/** So long that nobody guesses it, and so short that every client can send it. */
const TOKEN = /^[\x21-\x7e]{16,512}$/;

/**
 * Reads tokens from a file that only its owner may read: one a line, blank lines and those that
 * begin with # left out.
 *
 * @throws KonnError `TOKEN_INVALID`, and those of {@link readSecretFile}; never with a token
 */
export function readTokenFile(file: NamedFile): readonly string[] {
  const lines = readSecretFile(file)
    .split("\n")
    .map((line, index) => ({ text: line.trim(), number: index + 1 }))
    .filter(({ text }) => text !== "" && !text.startsWith("#"));
  const wrong = lines.find(({ text }) => !TOKEN.test(text));
  if (wrong) throw invalid(file, `line ${wrong.number} is no token`);
  if (lines.length === 0) throw invalid(file, "it holds no token");
  return lines.map(({ text }) => text);
}

function invalid({ setting, path }: NamedFile, state: string): KonnError {
  return new KonnError(`Cannot use ${setting} ${path}: ${state}`, {
    code: "TOKEN_INVALID",
    kind: "usage",
    hint: "A token has 16 to 512 visible ASCII characters: openssl rand -hex 32",
  });
}
