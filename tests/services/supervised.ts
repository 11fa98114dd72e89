/** Child processes that never outlive this one. */

import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** What to run, and where. */
export interface SupervisedCommand {
  readonly command: readonly string[];
  /** Variables in addition to the inherited ones. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The working folder; removed when this process is gone before the command has ended. */
  readonly folder: string;
  /** The file that both output streams are appended to. */
  readonly log: string;
  /** One more command to run when this process is gone. */
  readonly whenOrphaned?: readonly string[];
}

const SUPERVISOR = fileURLToPath(new URL("supervisor.ts", import.meta.url));

type Supervisor = Bun.Subprocess<"pipe", "pipe", "inherit">;

/** A running command, its signals, and its end. */
export class SupervisedProcess {
  /** The process id of the command itself. */
  readonly pid: number;
  private readonly supervisor: Supervisor;

  private constructor(supervisor: Supervisor, pid: number) {
    this.supervisor = supervisor;
    this.pid = pid;
  }

  /** Starts the command below a supervisor, out of reach of the terminal's Ctrl-C. */
  static async start(options: SupervisedCommand): Promise<SupervisedProcess> {
    const { command, folder, log, environment, whenOrphaned = [] } = options;
    const supervisor = Bun.spawn(
      [process.execPath, SUPERVISOR, log, ...whenOrphaned, "--", ...command],
      {
        cwd: folder,
        env: { ...process.env, ...environment },
        stdio: ["pipe", "pipe", "inherit"],
        detached: true,
      },
    );
    const pid = Number(await firstLine(supervisor.stdout));
    // A server left running must not keep a finished test run waiting.
    supervisor.unref();
    return new SupervisedProcess(supervisor, pid);
  }

  get isRunning(): boolean {
    return this.supervisor.exitCode === null && this.supervisor.signalCode === null;
  }

  /** Sends a signal to the command, if it still runs. */
  async signal(name: NodeJS.Signals): Promise<void> {
    if (!this.isRunning) return;
    await this.supervisor.stdin.write(`${name}\n`);
    await this.supervisor.stdin.flush();
  }

  /** Waits for the end of the command and gives its exit code. */
  async exited(): Promise<number> {
    this.supervisor.ref();
    return await this.supervisor.exited;
  }

  /** SIGTERM, and SIGKILL when that does not end the command in time. */
  async terminate(timeoutMs: number): Promise<void> {
    await this.signal("SIGTERM");
    const timeout = new AbortController();
    await Promise.race([
      this.exited(),
      sleep(timeoutMs, undefined, { signal: timeout.signal }).catch(() => undefined),
    ]);
    timeout.abort();
    await this.kill();
  }

  /** SIGKILL, and waits until the command is gone. */
  async kill(): Promise<void> {
    await this.signal("SIGKILL");
    await this.exited();
  }
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  reader.releaseLock();
  return text.trim();
}
