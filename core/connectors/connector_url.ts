import { KonnError } from "../base/errors.ts";

/** The end of a run as a person writes it: `kafka://h:9092/topic`, `opensearch:cdc`, `a.jsonl`. */
export interface ConnectorUrl {
  readonly scheme: string;
  /** `h1:p1,h2:p2`, where the URL names hosts; otherwise the settings do. */
  readonly hosts: string | undefined;
  /** The topic, the index, the path. */
  readonly name: string;
}

/** Two letters at least, so that a drive of Windows is a path. */
const SCHEME = /^([a-z][a-z-]+):(.*)$/s;
/** Of files that hold a database, which nobody fills with lines of JSON on purpose. */
const DATABASE_FILE = /\.(?:sqlite3?|db)$/i;
const AUTHORITY = /^\/\/([^/]*)\/(.+)$/s;

/**
 * Reads a connector URL. Without a scheme it is the path of a file; `-` is stdin or stdout.
 *
 * @throws KonnError (usage) for an incomplete URL, for one that holds credentials, and for a path that
 * may be meant as an index
 */
export function parseConnectorUrl(url: string): ConnectorUrl {
  if (url === "-") return { scheme: "-", hosts: undefined, name: "-" };
  const [, scheme, rest = ""] = SCHEME.exec(url) ?? [];
  if (scheme === undefined) return { scheme: "file", hosts: undefined, name: plainPath(url) };
  if (scheme === "file") return { scheme, hosts: undefined, name: filePath(rest) };
  if (scheme === "sqlite") return named(scheme, undefined, filePath(rest));
  if (!rest.startsWith("//")) return named(scheme, undefined, rest);
  const [, hosts, name = ""] = AUTHORITY.exec(rest) ?? [];
  // No name of a topic or an index has one, and a password may hold a slash.
  if (rest.includes("@")) {
    throw new KonnError(`Cannot use a ${scheme} URL that holds credentials`, {
      code: "URL_WITH_CREDENTIALS",
      kind: "usage",
      hint: "Secrets come from the environment or from files, never from the command line.",
    });
  }
  return named(scheme, hosts, name);
}

/** Whether a URL is of lines, in a file or in a pipe. */
export function isLines(url: string): boolean {
  const { scheme } = parseConnectorUrl(url);
  return scheme === "file" || scheme === "-";
}

function named(scheme: string, hosts: string | undefined, name: string): ConnectorUrl {
  if (name !== "" && hosts !== "") return { scheme, hosts, name };
  const hint =
    scheme === "sqlite"
      ? "Write sqlite:FILE."
      : `Write ${scheme}:NAME or ${scheme}://HOST:PORT/NAME.`;
  throw new KonnError(`Cannot use a ${scheme} URL without a name`, {
    code: "URL_INVALID",
    kind: "usage",
    hint,
  });
}

function plainPath(path: string): string {
  if (!DATABASE_FILE.test(path)) return path;
  throw new KonnError(`Cannot tell what ${path} is: an index, or lines of JSON`, {
    code: "URL_AMBIGUOUS",
    kind: "usage",
    hint: `Write sqlite:${path} for the index, file:${path} for lines.`,
  });
}

function filePath(rest: string): string {
  return rest.startsWith("///") ? rest.slice(2) : rest;
}
