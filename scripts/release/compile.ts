import { join } from "node:path";
import type { BuildStamp } from "./build_stamp.ts";
import type { Target } from "./targets.ts";

const ROOT = join(import.meta.dir, "..", "..");

export interface CompileOptions {
  readonly outfile: string;
  readonly stamp: BuildStamp;
  /** The machine that it is for; this one without it. */
  readonly target?: Target | undefined;
  /** The Bun to put konn into, where it is not the one that runs this. */
  readonly runtime?: string | undefined;
}

/**
 * Builds konn into one executable, with bytecode for a quick start.
 *
 * @returns what was put in, by file
 */
export async function compileKonn(options: CompileOptions): Promise<Bun.BuildMetafile> {
  const { outfile, stamp, target, runtime } = options;
  const build = {
    commit: stamp.commit,
    date: stamp.date === null ? null : isoSeconds(stamp.date),
    target: target?.name ?? `${process.platform}-${process.arch}`,
  };
  const { metafile } = await Bun.build({
    entrypoints: [join(ROOT, "cmd", "konn.ts")],
    root: ROOT,
    target: "bun",
    format: "esm",
    bytecode: true,
    splitting: true,
    metafile: true,
    minify: { syntax: true, whitespace: true },
    define: {
      KONN_BUILD: JSON.stringify(build),
      "process.env.NODE_ENV": JSON.stringify("production"),
    },
    compile: {
      outfile,
      // Files of these names in the folder that konn is started in could preload code of somebody
      // else's.
      autoloadBunfig: false,
      autoloadDotenv: false,
      ...(target && { target: target.bun }),
      ...(runtime !== undefined && { executablePath: runtime }),
    },
  });
  if (!metafile) throw new Error("Bun did not say what it put in");
  return metafile;
}

/** A time without its fraction, as in `2026-11-24T09:25:57Z`. */
export function isoSeconds(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, "Z");
}
