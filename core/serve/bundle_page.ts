import { join } from "node:path";

/**
 * The script of the page for browsers. Called as a macro: it runs while konn is built, or while its
 * source is read by Bun, and what it returns takes the place of the call.
 */
export function bundlePage(): string {
  const { stdout, stderr, exitCode } = Bun.spawnSync([
    process.execPath,
    "build",
    join(import.meta.dir, "page", "main.ts"),
    "--target=browser",
    "--format=iife",
    "--minify",
  ]);
  if (exitCode !== 0) throw new Error(`Cannot bundle the page: ${stderr.toString()}`);
  return stdout.toString();
}
