/**
 * `bun run gate`: everything that must hold before a change lands. Format, types, lint with the
 * layer arrows, build, tests on real services, a quick benchmark, of which only figures are wanted, and
 * a smoke run of the built binary.
 */
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
const BUN = process.execPath;
const KONN = join(ROOT, "dist", process.platform === "win32" ? "konn.exe" : "konn");

interface Step {
  readonly title: string;
  readonly cmd: readonly string[];
}

const STEPS: readonly Step[] = [
  { title: "install", cmd: [BUN, "install", "--frozen-lockfile"] },
  { title: "format", cmd: [BUN, "x", "oxfmt", "--check", "."] },
  { title: "types", cmd: [BUN, "x", "tsc", "--noEmit"] },
  { title: "types of the page", cmd: [BUN, "x", "tsc", "--noEmit", "-p", "core/serve/page"] },
  { title: "lint", cmd: [BUN, "x", "oxlint", "--deny-warnings"] },
  { title: "files of deployment", cmd: [BUN, "scripts/lint_deployment.ts"] },
  { title: "build and test", cmd: [BUN, "run", "test"] },
  { title: "bench", cmd: [BUN, "tests/bench/main.ts", "--quick"] },
  { title: "smoke: version", cmd: [KONN, "--version"] },
  { title: "smoke: help", cmd: [KONN, "--help"] },
];

for (const { title, cmd } of STEPS) {
  const startedMs = performance.now();
  console.log(`\n> ${title}`);
  const { exitCode } = Bun.spawnSync({
    cmd: [...cmd],
    cwd: ROOT,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (exitCode !== 0) {
    console.error(`The gate is closed: ${title} failed with exit code ${exitCode}.`);
    process.exit(1);
  }
  console.log(`  ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
}
