/**
 * Builds konn:
 *
 *     bun scripts/build.ts                            dist/konn, for this machine
 *     bun scripts/build.ts --target linux-arm64       dist/konn, for another
 *     bun scripts/build.ts --all                      dist/release: all that a release page offers
 *
 * The same commit gives the same bytes, with the same Bun.
 */
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildStamp } from "./release/build_stamp.ts";
import { compileKonn } from "./release/compile.ts";
import { executableName, TARGETS } from "./release/targets.ts";

const DIST = join(import.meta.dir, "..", "dist");

const { values } = parseArgs({
  options: { all: { type: "boolean", default: false }, target: { type: "string" } },
});
if (values.all) {
  const { buildRelease } = await import("./release/release.ts");
  await buildRelease();
} else await buildOne(values.target);

async function buildOne(name: string | undefined): Promise<void> {
  mkdirSync(DIST, { recursive: true });
  const stamp = buildStamp();
  if (name === undefined) {
    const outfile = join(DIST, process.platform === "win32" ? "konn.exe" : "konn");
    await compileKonn({ outfile, stamp });
    sayBuilt(outfile);
    return;
  }
  const target = TARGETS.find((one) => one.name === name);
  if (target === undefined) {
    console.error(`${name} is none of ${TARGETS.map((one) => one.name).join(", ")}`);
    process.exit(2);
  }
  const { installTools } = await import("./release/tools.ts");
  const runtime = installTools(join(DIST, "release-tools")).runtime(target);
  const outfile = join(DIST, executableName(target));
  await compileKonn({ outfile, stamp, target, runtime });
  sayBuilt(outfile);
}

function sayBuilt(outfile: string): void {
  console.log(`${outfile} ${(statSync(outfile).size / 1024 / 1024).toFixed(0)} MiB`);
}
