/** A server as a process of this machine: start, wait until it answers, crash, restart, stop. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { KonnError } from "../../core/base/errors.ts";
import { lastLines } from "./log_file.ts";
import type { Service } from "./service.ts";
import { SupervisedProcess } from "./supervised.ts";

/** How to run a server, and how to tell that it is up. */
export interface LocalServerOptions {
  /** Name and version, for messages. */
  readonly title: string;
  readonly command: readonly string[];
  /** Everything that the server writes lies here; removed by `stop`. */
  readonly folder: string;
  /**
   * Whether this very process serves now: another one may have won the race for the port.
   * `log` is what the process has printed since it was started.
   */
  isReady(pid: number, log: string): Promise<boolean>;
}

const READY_TIMEOUT_MS = 90_000;
const POLL_INTERVAL_MS = 25;
const STOP_TIMEOUT_MS = 15_000;

/** One server of this machine. */
export class LocalServer implements Service {
  private readonly options: LocalServerOptions;
  private process: SupervisedProcess;

  private constructor(options: LocalServerOptions, process: SupervisedProcess) {
    this.options = options;
    this.process = process;
  }

  /** @throws KonnError PORT_TAKEN or START_FAILED; the folder is removed then */
  static async start(options: LocalServerOptions): Promise<LocalServer> {
    try {
      return new LocalServer(options, await launch(options));
    } catch (error) {
      rmSync(options.folder, { recursive: true, force: true });
      throw error;
    }
  }

  async stop(timeoutMs = STOP_TIMEOUT_MS): Promise<void> {
    await this.process.terminate(timeoutMs);
    rmSync(this.options.folder, { recursive: true, force: true });
  }

  async kill(): Promise<void> {
    await this.process.kill();
  }

  async restart(): Promise<void> {
    await this.process.terminate(STOP_TIMEOUT_MS);
    this.process = await launch(this.options);
  }

  async pause(): Promise<void> {
    await this.process.signal("SIGSTOP");
  }

  async resume(): Promise<void> {
    await this.process.signal("SIGCONT");
  }
}

async function launch(options: LocalServerOptions): Promise<SupervisedProcess> {
  const { title, command, folder } = options;
  const log = join(folder, "server.log");
  const start = Bun.file(log).size;
  const process = await SupervisedProcess.start({ command, folder, log });
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const text = await Bun.file(log).slice(start).text();
    if (await options.isReady(process.pid, text)) return process;
    if (!process.isRunning) throw await startFailure(title, log);
    if (Date.now() > deadline) {
      await process.kill();
      throw await startFailure(title, log);
    }
    await sleep(POLL_INTERVAL_MS);
  }
}

async function startFailure(title: string, log: string): Promise<KonnError> {
  const text = await Bun.file(log).text();
  if (text.includes("Address already in use")) {
    return new KonnError(`Cannot start ${title}: its port is taken`, { code: "PORT_TAKEN" });
  }
  return new KonnError(`Cannot start ${title}: it ended or did not answer in time`, {
    code: "START_FAILED",
    hint: `Its log ends with:\n${lastLines(text)}`,
  });
}
