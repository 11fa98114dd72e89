import { existsSync } from "node:fs";
import { join } from "node:path";
import { sharedServices } from "../services/mod.ts";

const ROOT = join(import.meta.dir, "..", "..");

/** The built binary. `bun run test` builds it before the tests. */
export const KONN = join(ROOT, "dist", process.platform === "win32" ? "konn.exe" : "konn");

/** The sample stream: 726 events, 105 keys, 15 types. */
export const SAMPLE = join(ROOT, "tests", "fixtures", "stream.jsonl");

export interface KonnResult {
  readonly exitCode: number;
  readonly signal: string | number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface KonnOptions {
  readonly cwd: string;
  readonly stdin?: Uint8Array | string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs the binary to its end in a folder of the test's own. */
export async function konn(args: readonly string[], options: KonnOptions): Promise<KonnResult> {
  const child = spawnKonn(args, options);
  if (options.stdin !== undefined) {
    await child.stdin.write(options.stdin);
  }
  await child.stdin.end();
  return await resultOf(child);
}

export type KonnProcess = ReturnType<typeof spawnKonn>;

/** Starts the binary. The caller ends it. */
export function spawnKonn(args: readonly string[], { cwd, environment = {} }: KonnOptions) {
  if (!existsSync(KONN)) throw new Error(`${KONN} is missing: run \`bun run build\` first`);
  return Bun.spawn({
    cmd: [KONN, ...args],
    cwd,
    env: { PATH: process.env["PATH"], HOME: cwd, ...environment },
    stdio: ["pipe", "pipe", "pipe"],
  });
}

/** Of a process, what tells how it ended. */
type Ended = Pick<KonnProcess, "stdout" | "stderr" | "exited" | "signalCode">;

/** Waits for a process to end and collects what it printed. */
export async function resultOf(child: Ended): Promise<KonnResult> {
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const exitCode = await child.exited;
  return { exitCode, signal: child.signalCode, stdout, stderr };
}

/** The environment that points konn to the tests' services. */
export async function serviceEnvironment(): Promise<Record<string, string>> {
  const { kafka, openSearch } = await sharedServices();
  return { KONN_BROKERS: kafka.brokers, KONN_OPENSEARCH_URL: openSearch.url };
}

/** A name that no other test uses, fit for a topic and for an index. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${crypto.randomUUID().slice(0, 8)}`;
}
