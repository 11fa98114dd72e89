import { closeSync, fstatSync, openSync, readFileSync, type Stats } from "node:fs";
import { KonnError } from "../base/errors.ts";

/** Larger than any password or key. */
const MAX_SECRET_BYTES = 64 * 1024;
/** Whoever is not the owner. */
const OTHERS_MODE = 0o077;
/** Whoever is not the owner, but for the group's right to read. */
const OTHERS_BUT_GROUP_READS_MODE = 0o037;
const ROOT = 0;

/** A setting and the path that it names. */
export interface NamedFile {
  readonly setting: string;
  readonly path: string;
}

/**
 * Reads a secret: without a newline at its end, from a file or a pipe that only its owner may use, or
 * that belongs to root and to a group of konn's.
 *
 * @throws KonnError `SECRET_FILE_EXPOSED`, `SECRET_FILE_EMPTY`, `FILE_UNREADABLE`; never with a
 * part of the content
 */
export function readSecretFile(file: NamedFile): string {
  const text = readNamedFile(file, (stats) => refuseExposed(file, stats));
  const secret = text.replace(/\r?\n$/, "");
  if (secret !== "") return secret;
  throw new KonnError(`Cannot use ${file.setting} ${file.path}: the file is empty`, {
    code: "SECRET_FILE_EMPTY",
    hint: "It holds the secret and nothing else; a newline at its end does not count.",
  });
}

/** Reads a file that a setting names. Throws `FILE_UNREADABLE`. */
export function readNamedFile(
  { setting, path }: NamedFile,
  check?: (stats: Stats) => void,
): string {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (cause) {
    throw unreadable({ setting, path }, "it does not exist or may not be read", cause);
  }
  try {
    const stats = fstatSync(descriptor);
    check?.(stats);
    if (stats.isDirectory()) throw unreadable({ setting, path }, "it is a folder");
    if (stats.size > MAX_SECRET_BYTES) throw unreadable({ setting, path }, "it is too large");
    return readFileSync(descriptor, "utf8");
  } finally {
    closeSync(descriptor);
  }
}

/**
 * On Windows the mode says nothing. A file of root's that a group may read is how an administrator
 * hands a secret to one service, and how Kubernetes mounts one for a process that is not root.
 */
function refuseExposed({ setting, path }: NamedFile, { mode, uid }: Stats): void {
  const isHandedOver = uid === ROOT && process.getuid?.() !== ROOT;
  const refused = isHandedOver ? OTHERS_BUT_GROUP_READS_MODE : OTHERS_MODE;
  if (process.platform === "win32" || (mode & refused) === 0) return;
  const octal = (mode & 0o777).toString(8).padStart(4, "0");
  throw new KonnError(
    `Cannot use ${setting} ${path}: others than its owner may use the file (mode ${octal})`,
    { code: "SECRET_FILE_EXPOSED", hint: `Close it: chmod 600 ${path}` },
  );
}

function unreadable({ setting, path }: NamedFile, state: string, cause?: unknown): KonnError {
  return new KonnError(`Cannot read ${setting} ${path}: ${state}`, {
    code: "FILE_UNREADABLE",
    cause,
  });
}
