import type { ExecutableKind } from "./executable.ts";

/** A machine that konn is built for. */
export interface Target {
  /** As in the names of the downloads. */
  readonly name: string;
  /** As Bun calls it. */
  readonly bun: Bun.Build.CompileTarget;
  /** The package that holds Bun for it; `tools/package.json` names its version. */
  readonly runtime: string;
  /** What a binary for it must be. */
  readonly kind: ExecutableKind;
}

const GLIBC_X64 = "/lib64/ld-linux-x86-64.so.2";

/** All downloads, in the order in which a release lists them. */
export const TARGETS: readonly Target[] = [
  {
    name: "linux-x64",
    bun: "bun-linux-x64",
    runtime: "@oven/bun-linux-x64",
    kind: { format: "elf", machine: "x64", interpreter: GLIBC_X64 },
  },
  {
    // For processors without AVX2. Today's Bun is the same for both; that may change again.
    name: "linux-x64-baseline",
    bun: "bun-linux-x64-baseline",
    runtime: "@oven/bun-linux-x64-baseline",
    kind: { format: "elf", machine: "x64", interpreter: GLIBC_X64 },
  },
  {
    name: "linux-x64-musl",
    bun: "bun-linux-x64-musl",
    runtime: "@oven/bun-linux-x64-musl",
    kind: { format: "elf", machine: "x64", interpreter: "/lib/ld-musl-x86_64.so.1" },
  },
  {
    name: "linux-arm64",
    bun: "bun-linux-arm64",
    runtime: "@oven/bun-linux-aarch64",
    kind: { format: "elf", machine: "arm64", interpreter: "/lib/ld-linux-aarch64.so.1" },
  },
  {
    name: "linux-arm64-musl",
    bun: "bun-linux-arm64-musl",
    runtime: "@oven/bun-linux-aarch64-musl",
    kind: { format: "elf", machine: "arm64", interpreter: "/lib/ld-musl-aarch64.so.1" },
  },
  {
    name: "darwin-arm64",
    bun: "bun-darwin-arm64",
    runtime: "@oven/bun-darwin-aarch64",
    kind: { format: "mach-o", machine: "arm64", interpreter: "/usr/lib/dyld" },
  },
  {
    name: "darwin-x64",
    bun: "bun-darwin-x64",
    runtime: "@oven/bun-darwin-x64",
    kind: { format: "mach-o", machine: "x64", interpreter: "/usr/lib/dyld" },
  },
  {
    name: "windows-x64",
    bun: "bun-windows-x64",
    runtime: "@oven/bun-windows-x64",
    kind: { format: "pe", machine: "x64", interpreter: undefined },
  },
];

/** The name of konn's file for a target. */
export function executableName({ kind }: Target): string {
  return kind.format === "pe" ? "konn.exe" : "konn";
}
