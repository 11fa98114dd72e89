import packageJson from "../../package.json" with { type: "json" };

/** What the build of a binary says of itself. */
interface BuildStamp {
  readonly commit: string | null;
  readonly date: string | null;
  readonly target: string;
}

/** Put in by `scripts/release/compile.ts`. Nothing where the sources run. */
declare const KONN_BUILD: BuildStamp | undefined;

/** The version of konn, as in package.json. */
export const VERSION: string = packageJson.version;

/** Which konn this is, for bug reports and for scripts. */
export interface BuildInfo extends BuildStamp {
  readonly version: string;
  /** The version of Bun that runs it. */
  readonly bun: string;
}

/**
 * Which konn this is. Commit (`-dirty` behind it where files were changed) and date (that of the
 * commit, or SOURCE_DATE_EPOCH) are null where nobody knew them; the target is a name of the
 * downloads.
 */
export function buildInfo(): BuildInfo {
  const { commit, date, target } =
    typeof KONN_BUILD === "undefined"
      ? { commit: null, date: null, target: `${process.platform}-${process.arch}` }
      : KONN_BUILD;
  return { version: VERSION, commit, date, bun: Bun.version, target };
}
