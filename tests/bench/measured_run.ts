/** Runs a program and looks at what it takes: time, processors, memory, its own and its services'. */
import { availableParallelism } from "node:os";
import type { BenchServices } from "./services.ts";
import { cpuSecondsOf, machineCpuSeconds, residentMemoryOf } from "./process_stats.ts";

const SAMPLE_INTERVAL_MS = 20;

export interface MeasuredRun {
  /** From the start of the process to its end. */
  readonly seconds: number;
  /** User and system time of the process. */
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  /** The same of the services meanwhile; undefined where they cannot be looked at. */
  readonly kafkaCpuSeconds: number | undefined;
  readonly openSearchCpuSeconds: number | undefined;
  /** Which part of the machine others had, 0 to 1. */
  readonly othersShare: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly services: BenchServices;
  readonly environment?: Readonly<Record<string, string>>;
  /** For output that would be too much to keep. */
  readonly stdoutPath?: string;
  /** Hears of the memory in use, some 50 times a second. */
  readonly onMemory?: (residentBytes: number) => void;
}

/** Runs a command to its end. Throws when it fails. */
export async function measuredRun(
  command: readonly string[],
  { cwd, services, environment = {}, stdoutPath, onMemory }: RunOptions,
): Promise<MeasuredRun> {
  const spent = () => spentSeconds(services);
  const before = spent();
  const startedMs = performance.now();
  const child = Bun.spawn({
    cmd: [...command],
    cwd,
    env: { PATH: process.env["PATH"], HOME: cwd, ...environment },
    stdio: ["ignore", stdoutPath === undefined ? "pipe" : Bun.file(stdoutPath), "pipe"],
  });
  let peakBytes = 0;
  const look = (): void => {
    const memory = residentMemoryOf(child.pid);
    if (memory === undefined) return;
    peakBytes = Math.max(peakBytes, memory.peakBytes);
    onMemory?.(memory.nowBytes);
  };
  look();
  const timer = setInterval(look, SAMPLE_INTERVAL_MS);
  const stdout = child.stdout instanceof ReadableStream ? child.stdout.text() : "";
  const stderr = await child.stderr.text();
  const exitCode = await child.exited;
  const seconds = (performance.now() - startedMs) / 1_000;
  clearInterval(timer);
  if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}: ${stderr}`);
  const after = spent();
  const { cpuTime, maxRSS } = child.resourceUsage() ?? { cpuTime: { total: 0n }, maxRSS: 0 };
  const cpuSeconds = Number(cpuTime.total) / 1_000_000;
  const taken = (name: keyof typeof after) => difference(after[name], before[name]);
  const known =
    cpuSeconds + (taken("kafka") ?? 0) + (taken("openSearch") ?? 0) + (taken("own") ?? 0);
  const all = taken("machine");
  return {
    seconds,
    cpuSeconds,
    // The kernel counts what the parent had until it became another program, so look for ourselves.
    peakBytes: process.platform === "linux" ? peakBytes || NaN : maxRSS,
    kafkaCpuSeconds: taken("kafka"),
    openSearchCpuSeconds: taken("openSearch"),
    othersShare: all && Math.max(0, (all - known) / seconds / availableParallelism()),
    stdout: await stdout,
    stderr,
  };
}

function spentSeconds({ kafkaPid, openSearchPid }: BenchServices) {
  return {
    kafka: kafkaPid && cpuSecondsOf(kafkaPid),
    openSearch: openSearchPid && cpuSecondsOf(openSearchPid),
    own: cpuSecondsOf(process.pid),
    machine: machineCpuSeconds(),
  };
}

function difference(after: number | undefined, before: number | undefined): number | undefined {
  return after === undefined || before === undefined ? undefined : after - before;
}
