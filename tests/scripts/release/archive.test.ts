import { expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ArchiveEntry, tarGz, zip } from "../../../scripts/release/archive.ts";
import { TemporaryFolder } from "../../fakes/temporary_folder.ts";

const OPTIONS = { folder: "konn-v1.2.3-plan9-x64", time: new Date("2026-11-24T09:25:58Z") };
const ENTRIES: readonly ArchiveEntry[] = [
  { path: "konn", content: Buffer.from("binary".repeat(400)), isExecutable: true },
  { path: "LICENSE", content: Buffer.from("terms"), isExecutable: false },
  { path: "completions/_konn", content: Buffer.from("ü".repeat(256)), isExecutable: false },
];

/** Runs a program of this machine in a folder, and returns what it prints. */
function tool(folder: string, ...cmd: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(cmd, {
    cwd: folder,
    env: { ...process.env, TZ: "UTC", LC_ALL: "C" },
  });
  expect([cmd, exitCode, stderr.toString()]).toEqual([cmd, 0, ""]);
  return stdout.toString();
}

function expectFiles(folder: string): void {
  for (const { path, content } of ENTRIES) {
    expect(readFileSync(join(folder, OPTIONS.folder, path))).toEqual(Buffer.from(content));
  }
}

test("tar reads what tarGz() writes: sorted, with modes and one time", () => {
  using folder = new TemporaryFolder();
  writeFileSync(folder.file("a.tar.gz"), tarGz(ENTRIES, OPTIONS));
  const lines = tool(folder.path, "tar", "tvzf", "a.tar.gz", "--full-time").trimEnd().split("\n");
  expect(lines.map((line) => line.replaceAll(/ +/g, " "))).toEqual([
    "-rw-r--r-- root/root 5 2026-11-24 09:25:58 konn-v1.2.3-plan9-x64/LICENSE",
    "-rw-r--r-- root/root 512 2026-11-24 09:25:58 konn-v1.2.3-plan9-x64/completions/_konn",
    "-rwxr-xr-x root/root 2400 2026-11-24 09:25:58 konn-v1.2.3-plan9-x64/konn",
  ]);
  tool(folder.path, "tar", "xzf", "a.tar.gz");
  expectFiles(folder.path);
  expect(statSync(join(folder.path, OPTIONS.folder, "konn")).mode & 0o777).toBe(0o755);
});

// The JDK that the services of the tests need has it.
test.skipIf(Bun.which("jar") === null)("jar reads what zip() writes", () => {
  using folder = new TemporaryFolder();
  writeFileSync(folder.file("a.zip"), zip(ENTRIES, OPTIONS));
  const listed = tool(folder.path, "jar", "tvf", "a.zip").trimEnd().split("\n");
  expect(listed.map((line) => line.trim())).toEqual([
    "5 Tue Nov 24 09:25:58 UTC 2026 konn-v1.2.3-plan9-x64/LICENSE",
    "512 Tue Nov 24 09:25:58 UTC 2026 konn-v1.2.3-plan9-x64/completions/_konn",
    "2400 Tue Nov 24 09:25:58 UTC 2026 konn-v1.2.3-plan9-x64/konn",
  ]);
  tool(folder.path, "jar", "xf", "a.zip");
  expectFiles(folder.path);
});

test.each([tarGz, zip])("%p gives the same bytes for files in any order", (pack) => {
  expect(pack(ENTRIES.toReversed(), OPTIONS)).toEqual(pack(ENTRIES, OPTIONS));
});

test("tarGz() refuses a name that ustar cannot hold", () => {
  const long = { path: "a".repeat(90), content: new Uint8Array(), isExecutable: false };
  expect(() => tarGz([long], OPTIONS)).toThrow("too long");
});
