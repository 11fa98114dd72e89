import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Target } from "./targets.ts";

const OWN = join(import.meta.dir, "tools");

/** What a release needs beside what a build needs. */
export interface ReleaseTools {
  /** The Bun of a target. */
  runtime(target: Target): string;
  /** Runs a script of the tools, and throws with what it said when it fails. */
  run(script: string, ...args: readonly string[]): void;
}

/**
 * Installs the tools into a folder: packages of the npm registry, all with the checksums of their
 * lock file, those of other machines included. Nothing else is fetched.
 */
export function installTools(folder: string): ReleaseTools {
  mkdirSync(folder, { recursive: true });
  for (const name of ["package.json", "bun.lock", "validate_sbom.mjs"]) {
    cpSync(join(OWN, name), join(folder, name));
  }
  const run = (...args: readonly string[]): void => {
    const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, ...args], {
      cwd: folder,
    });
    if (exitCode === 0) return;
    throw new Error(`Cannot run ${args[0]}: ${stdout.toString()}${stderr.toString()}`);
  };
  run("install", "--frozen-lockfile", "--os=*", "--cpu=*", "--omit=optional", "--omit=peer");
  return {
    runtime: ({ runtime, kind }) =>
      join(folder, "node_modules", runtime, "bin", kind.format === "pe" ? "bun.exe" : "bun"),
    run,
  };
}
