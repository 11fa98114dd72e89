/** What Linux tells of processes. On other systems there is nothing to be read: undefined. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { loadavg } from "node:os";

/** In which /proc counts the time of processors. It is the same on every Linux. */
const TICKS_PER_SECOND = 100;

/** The state of a listening socket in /proc/net/tcp. */
const LISTENING = "0A";

/** User and system time that the process has taken until now, in seconds. */
export function cpuSecondsOf(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name of the command stands in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

export interface ResidentMemory {
  readonly nowBytes: number;
  /** The most that it ever was. */
  readonly peakBytes: number;
}

export function residentMemoryOf(pid: number): ResidentMemory | undefined {
  const status = read(`/proc/${pid}/status`);
  const kibibytes = (name: string) =>
    Number(RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status ?? "")?.[1]);
  const nowBytes = kibibytes("VmRSS") * 1024;
  return Number.isNaN(nowBytes) ? undefined : { nowBytes, peakBytes: kibibytes("VmHWM") * 1024 };
}

/** The process that listens on a port of this machine. */
export function pidListeningOn(port: number): number | undefined {
  const inode = listeningInode(port);
  if (inode === undefined) return undefined;
  return processIds().find((pid) => openFiles(pid).includes(`socket:[${inode}]`));
}

/** What all processors of the machine have done until now, in seconds. */
export function machineCpuSeconds(): number | undefined {
  const line = read("/proc/stat")?.split("\n", 1)[0];
  const [user, nice, system, , , interrupts, softInterrupts, stolen] =
    line?.trim().split(/\s+/).slice(1).map(Number) ?? [];
  const parts = [user, nice, system, interrupts, softInterrupts, stolen];
  const ticks = parts.reduce<number>((sum, part) => sum + (part ?? 0), 0);
  return line === undefined ? undefined : ticks / TICKS_PER_SECOND;
}

/** How many processes have waited for a processor in the last minute, on average. */
export function loadAverage(): number {
  return loadavg()[0] ?? 0;
}

function listeningInode(port: number): string | undefined {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of read(table)?.split("\n") ?? []) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(wanted) && fields[3] === LISTENING) return fields[9];
    }
  }
  return undefined;
}

function processIds(): readonly number[] {
  return readdirSync("/proc").map(Number).filter(Number.isInteger);
}

function openFiles(pid: number): readonly string[] {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).map((name) => readlinkSync(`${folder}/${name}`));
  } catch {
    // It is another user's, or gone.
    return [];
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
