import { type KonnProcess, spawnKonn } from "../e2e/konn.ts";

const RESTART_DELAY_MS = 200;
/** Far more than a konn takes to deliver what is in hand and to leave. */
const LEAVE_LIMIT_MS = 90_000;

interface RunnerOptions {
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Keeps one konn running, as a supervisor does: starts another whenever one ends. */
export class KonnRunner implements AsyncDisposable {
  /** Runs that ended by themselves, or left with something else than 0: how many, with which code. */
  readonly ends: Record<string, number> = {};
  /** How often each of the texts was said in the log of all runs. */
  readonly said: Map<string, number>;
  readonly #spawn: () => KonnProcess;
  #child: KonnProcess;
  #killed: KonnProcess | undefined;
  #isAway = false;
  #isPaused = false;

  /**
   * @param args of each run
   * @param options where it runs, and the texts in its log that are to be counted
   */
  constructor(
    args: readonly string[],
    { watchFor = [], ...options }: RunnerOptions & { readonly watchFor?: readonly string[] },
  ) {
    this.said = new Map(watchFor.map((text) => [text, 0]));
    this.#spawn = () => spawnKonn(args, options);
    this.#child = this.#start();
  }

  /** Runs, or is about to: neither sent away nor paused. */
  get isRunning(): boolean {
    return !this.#isAway && !this.#isPaused;
  }

  /** One that has just ended is waited for until it runs again. */
  async kill(): Promise<void> {
    for (;;) {
      const child = this.#child;
      child.kill("SIGKILL");
      await child.exited;
      const isOurs = child.signalCode === "SIGKILL" && child !== this.#killed;
      this.#killed = child;
      if (isOurs || this.#isAway) return;
      await Bun.sleep(RESTART_DELAY_MS);
    }
  }

  /** One that has just ended is waited for: nothing stands still that does not run. */
  async pause(durationMs: number): Promise<void> {
    while (hasEnded(this.#child) && !this.#isAway) await Bun.sleep(RESTART_DELAY_MS);
    const child = this.#child;
    this.#isPaused = true;
    child.kill("SIGSTOP");
    await Bun.sleep(durationMs);
    child.kill("SIGCONT");
    this.#isPaused = false;
  }

  /** As a person stops it; it stays away until `comeBack`. */
  async leave(): Promise<void> {
    this.#isAway = true;
    const child = this.#child;
    child.kill("SIGINT");
    const timer = setTimeout(() => {
      this.#count(this.ends, "did not leave");
      child.kill("SIGKILL");
    }, LEAVE_LIMIT_MS);
    await child.exited;
    clearTimeout(timer);
  }

  comeBack(): void {
    this.#isAway = false;
    this.#child = this.#start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isAway = true;
    await this.kill();
  }

  #start(): KonnProcess {
    const child = this.#spawn();
    void this.#watch(child);
    return child;
  }

  async #watch(child: KonnProcess): Promise<void> {
    const log = await child.stderr.text();
    const exitCode = await child.exited;
    for (const [text, count] of this.said) this.said.set(text, count + log.split(text).length - 1);
    if (child.signalCode !== "SIGKILL" && !(exitCode === 0 && this.#isAway)) {
      const last = log.trim().split("\n").at(-1) ?? "";
      this.#count(this.ends, `${exitCode} ${/"code":"(\w+)"/.exec(last)?.[1] ?? last}`);
      await Bun.sleep(RESTART_DELAY_MS);
    }
    if (!this.#isAway && child === this.#child) this.#child = this.#start();
  }

  #count(counts: Record<string, number>, what: string): void {
    counts[what] = (counts[what] ?? 0) + 1;
  }
}

function hasEnded({ exitCode, signalCode }: Bun.Subprocess): boolean {
  return exitCode !== null || signalCode !== null;
}
