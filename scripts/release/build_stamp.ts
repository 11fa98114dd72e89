import { execFileSync } from "node:child_process";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");

/** From what a binary is built. */
export interface BuildStamp {
  /** `-dirty` behind it: some files were changed since. Null without a repository. */
  readonly commit: string | null;
  /** Of the commit, so that the same commit gives the same binary. */
  readonly date: Date | null;
}

/**
 * Asks git, after SOURCE_COMMIT and SOURCE_DATE_EPOCH (seconds): a container is built where there is
 * no repository.
 */
export function buildStamp(environment: NodeJS.ProcessEnv = process.env): BuildStamp {
  const { SOURCE_COMMIT: commit, SOURCE_DATE_EPOCH: epoch } = environment;
  const seconds = epoch === undefined || epoch === "" ? git("log", "-1", "--format=%ct") : epoch;
  if (seconds !== undefined && !/^\d{1,12}$/.test(seconds)) {
    throw new Error(`SOURCE_DATE_EPOCH is ${JSON.stringify(seconds)}, and no number of seconds`);
  }
  return {
    commit: commit === undefined || commit === "" ? commitOfFolder() : commit,
    date: seconds === undefined ? null : new Date(Number(seconds) * 1_000),
  };
}

function commitOfFolder(): string | null {
  const commit = git("rev-parse", "HEAD");
  if (commit === undefined) return null;
  return git("status", "--porcelain", "--untracked-files=no") === "" ? commit : `${commit}-dirty`;
}

function git(...args: string[]): string | undefined {
  try {
    return execFileSync("git", args, { cwd: ROOT, encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    return undefined;
  }
}
