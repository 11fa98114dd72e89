/** Whether Docker can be used here. */

const PROBE_TIMEOUT_MS = 5000;

let answer: Promise<boolean> | undefined;

/** Whether an engine answers and has Compose: a `docker` on the PATH alone starts nothing. */
export function engineAnswers(): Promise<boolean> {
  answer ??= probe();
  return answer;
}

async function probe(): Promise<boolean> {
  if (Bun.which("docker") === null) return false;
  return (await succeeds(["docker", "info"])) && (await succeeds(["docker", "compose", "version"]));
}

async function succeeds(command: string[]): Promise<boolean> {
  const process = Bun.spawn(command, {
    stdio: ["ignore", "ignore", "ignore"],
    timeout: PROBE_TIMEOUT_MS,
  });
  return (await process.exited) === 0;
}
