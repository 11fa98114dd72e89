/**
 * Builds dist/konn: one executable, with bytecode for a quick start. The switches that keep a
 * compiled binary from reading a bunfig.toml or .env of the folder it is started in are not
 * optional: such a file could preload code of somebody else's.
 */
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
const OUTPUT = join(ROOT, "dist", process.platform === "win32" ? "konn.exe" : "konn");

mkdirSync(join(ROOT, "dist"), { recursive: true });
const { exitCode, stderr } = Bun.spawnSync({
  cmd: [
    process.execPath,
    "build",
    "cmd/konn.ts",
    "--compile",
    "--bytecode",
    "--format=esm",
    "--minify-syntax",
    "--minify-whitespace",
    "--splitting",
    "--no-compile-autoload-bunfig",
    "--no-compile-autoload-dotenv",
    `--outfile=${OUTPUT}`,
  ],
  cwd: ROOT,
});
if (exitCode !== 0) {
  console.error(stderr.toString());
  process.exit(1);
}
console.log(`${OUTPUT} ${(statSync(OUTPUT).size / 1024 / 1024).toFixed(0)} MiB`);
