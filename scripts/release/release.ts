import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { type ArchiveEntry, tarGz, zip } from "./archive.ts";
import { billOfMaterials } from "./bill_of_materials.ts";
import { type BuildStamp, buildStamp } from "./build_stamp.ts";
import { compileKonn, isoSeconds } from "./compile.ts";
import { describeExecutable } from "./executable.ts";
import { changedPagesCount, signAdHoc } from "./mach_o_signature.ts";
import { thirdPartyNotices } from "./notices.ts";
import { executableName, type Target, TARGETS } from "./targets.ts";
import { installTools } from "./tools.ts";

const ROOT = join(import.meta.dir, "..", "..");
const NAME = `konn-v${packageJson.version}`;
/** The oldest time that a ZIP archive can say. */
const NO_DATE = new Date("1980-01-01T00:00:00Z");

/**
 * Makes everything that a release page offers, in `dist/release`: an archive for each target, the
 * list of what is in them, and the checksums.
 */
export async function buildRelease(): Promise<void> {
  const work = join(ROOT, "dist", "release-work");
  const output = join(ROOT, "dist", "release");
  for (const folder of [work, output]) rmSync(folder, { recursive: true, force: true });
  for (const folder of [work, output]) mkdirSync(folder, { recursive: true });
  const stamp = buildStamp();
  if (stamp.commit?.endsWith("-dirty") === true) say("Files were changed since the last commit");
  say("Installing Bun for each target, and the other tools of a release");
  const tools = installTools(join(ROOT, "dist", "release-tools"));

  const programs = new Map<Target, string>();
  let metafile: Bun.BuildMetafile | undefined;
  for (const target of TARGETS) {
    const outfile = join(work, target.name, executableName(target));
    mkdirSync(join(work, target.name));
    metafile = await compileKonn({ outfile, stamp, target, runtime: tools.runtime(target) });
    finish(outfile, target);
    say(`${target.name}: built; ${tryToRun(outfile, { target, stamp })}`);
    programs.set(target, outfile);
  }
  if (!metafile) throw new Error("There is nothing to build");

  const date = stamp.date;
  const { document, packages } = await billOfMaterials({ metafile, tools, folder: work, date });
  writeFileSync(join(output, `${NAME}-sbom.cdx.json`), document);
  const documents: ArchiveEntry[] = [
    textEntry("LICENSE", readFileSync(join(ROOT, "LICENSE"))),
    textEntry("README.md", readFileSync(join(ROOT, "README.md"))),
    textEntry("THIRD_PARTY_NOTICES.txt", Buffer.from(thirdPartyNotices(packages))),
    ...completions(programs),
  ];
  for (const [target, program] of programs) {
    const file = pack(target, { program, documents, time: date ?? NO_DATE });
    writeFileSync(join(output, file.name), file.bytes);
    say(`${file.name}: ${(file.bytes.length / 1024 / 1024).toFixed(0)} MiB`);
  }
  writeFileSync(join(output, "SHA256SUMS"), checksums(output));
  rmSync(work, { recursive: true });
  say(`dist/release holds ${NAME}`);
}

/** Signs what macOS would refuse, and checks that the file is what its name will say. */
function finish(outfile: string, { name, kind }: Target): void {
  let program: Uint8Array = readFileSync(outfile);
  if (kind.format === "mach-o" && changedPagesCount(program) > 0) {
    program = signAdHoc(program, "konn");
    writeFileSync(outfile, program);
    if (changedPagesCount(program) > 0) throw new Error(`The signature of ${name} is wrong`);
  }
  const found = describeExecutable(program);
  if (Bun.deepEquals(found, kind)) return;
  throw new Error(`${name} is ${JSON.stringify(found)}, and not ${JSON.stringify(kind)}`);
}

/** Runs a program where this machine can, and says what came of it. Throws where it says another version. */
function tryToRun(program: string, expected: { target: Target; stamp: BuildStamp }): string {
  const { kind, name } = expected.target;
  const { interpreter } = kind;
  const isOfHere =
    kind.format === "elf" && process.platform === "linux" && kind.machine === process.arch;
  const isMac = kind.format === "mach-o" && process.platform === "darwin";
  const isMacOfHere = isMac && (kind.machine === process.arch || kind.machine === "x64");
  if (!isOfHere && !isMacOfHere) return "not run, it is for another machine";
  if (interpreter === undefined || (isOfHere && !existsSync(interpreter))) {
    return `not run, there is no ${interpreter} here`;
  }
  const { exitCode, stdout, stderr } = Bun.spawnSync([program, "--version", "--json"]);
  // musl's loader is there, and the C++ library that goes with it is not.
  const LIBRARY_MISSING = 127;
  if (exitCode === LIBRARY_MISSING) return `not run: ${stderr.toString().split("\n")[0]}`;
  const { commit, date } = expected.stamp;
  const wanted = {
    version: packageJson.version,
    commit,
    date: date === null ? null : isoSeconds(date),
    bun: Bun.version,
    target: name,
  };
  const said = exitCode === 0 ? stdout.toString().trim() : stderr.toString();
  if (said === JSON.stringify(wanted)) return "run";
  throw new Error(`${name} says ${said}, and not ${JSON.stringify(wanted)}`);
}

/** The scripts for shells, as the program of this machine writes them. */
function completions(programs: ReadonlyMap<Target, string>): readonly ArchiveEntry[] {
  const own = [...programs].find(([{ name }]) => name === `${process.platform}-${process.arch}`);
  if (own === undefined)
    throw new Error("No target is this machine: nothing can write completions");
  const FILES = { bash: "konn.bash", fish: "konn.fish", zsh: "_konn" };
  return Object.entries(FILES).map(([shell, file]) => {
    const { exitCode, stdout, stderr } = Bun.spawnSync([own[1], "completions", shell]);
    if (exitCode !== 0) throw new Error(`Cannot write ${file}: ${stderr.toString()}`);
    return textEntry(`completions/${file}`, stdout);
  });
}

interface Pack {
  readonly program: string;
  readonly documents: readonly ArchiveEntry[];
  readonly time: Date;
}

function pack(
  target: Target,
  { program, documents, time }: Pack,
): { name: string; bytes: Uint8Array } {
  const folder = `${NAME}-${target.name}`;
  const path = executableName(target);
  const entries = [...documents, { path, content: readFileSync(program), isExecutable: true }];
  return target.kind.format === "pe"
    ? { name: `${folder}.zip`, bytes: zip(entries, { folder, time }) }
    : { name: `${folder}.tar.gz`, bytes: tarGz(entries, { folder, time }) };
}

/** As `sha256sum --check` reads them. */
function checksums(folder: string): string {
  const names = [...new Bun.Glob("*").scanSync(folder)].toSorted();
  return names
    .map((name) => {
      const hash = createHash("sha256")
        .update(readFileSync(join(folder, name)))
        .digest("hex");
      return `${hash}  ${name}\n`;
    })
    .join("");
}

function textEntry(path: string, content: Uint8Array): ArchiveEntry {
  return { path, content, isExecutable: false };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
