import { spawnKonn } from "./konn.ts";

const ADDRESS = /http:\/\/[\w.:-]+\//;

/** A konn that serves. Disposing kills it where a test has not ended it. */
export interface Serving extends AsyncDisposable {
  readonly url: string;
  /** What it said until then. */
  readonly text: string;
  /** Interrupts it and waits for its end. */
  stop(): Promise<{ exitCode: number; stdout: string; stderr: string }>;
}

/** Starts konn and waits for the address that it serves at. */
export async function serving(
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Serving> {
  const child = spawnKonn(args, { cwd, environment });
  await child.stdin.end();
  const decoder = new TextDecoder();
  const isServing = Promise.withResolvers<void>();
  let text = "";
  const ended = (async () => {
    for await (const bytes of child.stderr) {
      text += decoder.decode(bytes, { stream: true });
      if (ADDRESS.test(text)) isServing.resolve();
    }
    isServing.reject(new Error(`konn ended without serving: ${text}`));
    return text;
  })();
  await isServing.promise;
  return {
    url: ADDRESS.exec(text)?.[0] ?? "",
    text,
    stop: async () => {
      child.kill("SIGINT");
      const [stdout, stderr] = await Promise.all([child.stdout.text(), ended]);
      return { exitCode: await child.exited, stdout, stderr };
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
