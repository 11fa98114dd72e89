import { type KonnProcess, resultOf, spawnKonn } from "../e2e/konn.ts";

/** A running `konn sync --group`. */
export interface Member {
  readonly child: KonnProcess;
  /** What it said, once it has ended. */
  readonly result: ReturnType<typeof resultOf>;
  isPaused: boolean;
  /** We made it end. */
  isEnding: boolean;
}

/** The konn that share a topic, on one machine and with one state folder. */
export class GroupMembers implements AsyncDisposable {
  /** What went wrong with them. */
  readonly faults: string[] = [];
  readonly #args: readonly string[];
  readonly #options: { readonly cwd: string; readonly environment: Record<string, string> };
  readonly #members = new Set<Member>();

  constructor(
    args: readonly string[],
    options: { readonly cwd: string; readonly environment: Record<string, string> },
  ) {
    this.#args = args;
    this.#options = options;
  }

  get running(): Member[] {
    return [...this.#members].filter(({ isPaused, isEnding }) => !isPaused && !isEnding);
  }

  start(): Member {
    const child = spawnKonn(this.#args, this.#options);
    const member = { child, result: resultOf(child), isPaused: false, isEnding: false };
    this.#members.add(member);
    void this.#watch(member);
    return member;
  }

  async kill(member: Member): Promise<void> {
    member.isEnding = true;
    member.child.kill("SIGKILL");
    await member.child.exited;
  }

  /** As a person stops it; the exit code must be 0. */
  async stop(member: Member): Promise<void> {
    member.isEnding = true;
    member.child.kill("SIGINT");
    const { exitCode, stderr } = await member.result;
    if (exitCode !== 0) this.faults.push(`a member left with ${exitCode}: ${stderr.slice(-500)}`);
  }

  pause(member: Member): void {
    member.isPaused = true;
    member.child.kill("SIGSTOP");
  }

  resume(member: Member): void {
    member.isPaused = false;
    member.child.kill("SIGCONT");
  }

  /** Kills whoever is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#members].map((member) => this.kill(member)));
  }

  async #watch(member: Member): Promise<void> {
    const { exitCode, signal, stderr } = await member.result;
    this.#members.delete(member);
    if (member.isEnding) return;
    this.faults.push(`a member ended with ${signal ?? exitCode}: ${stderr.slice(-500)}`);
  }
}
