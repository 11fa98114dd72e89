import { join } from "node:path";
import { eventually } from "./waiting.ts";

/** A shell that people type into, as a test types into it. */
export interface Shell {
  readonly command: readonly string[];
  /** Lines before anything is asked. They define `konn`, which shows its arguments. */
  readonly setUp: readonly string[];
}

/** A shell at a terminal of its own. */
export interface ShellTerminal extends AsyncDisposable {
  /** Types a line, tabs included, and returns the arguments that its command was called with. */
  argumentsOf(line: string): Promise<readonly string[]>;
}

/** What a shell does behind a tab takes it a moment, in which it may drop what is typed ahead. */
const AFTER_TAB_MS = 150;

export async function openShell({ command, setUp }: Shell, cwd: string): Promise<ShellTerminal> {
  let screen = "";
  const decoder = new TextDecoder();
  const child = Bun.spawn({
    cmd: [...command],
    cwd,
    env: { PATH: process.env["PATH"], HOME: cwd, TERM: "dumb", PS1: "$ " },
    terminal: {
      cols: 200,
      rows: 50,
      data: (_terminal, bytes) => {
        screen += decoder.decode(bytes, { stream: true });
      },
    },
  });
  const { terminal } = child;
  if (terminal === undefined) throw new Error("there is no terminal");
  const enter = async (line: string) => {
    for (const part of line.split(/(?<=\t)/)) {
      terminal.write(part);
      if (part.endsWith("\t")) await Bun.sleep(AFTER_TAB_MS);
    }
    terminal.write("\r");
  };
  const called = join(cwd, "called");
  let lastCall = "";
  for (const [at, line] of [...setUp, "konn ready"].entries()) {
    await Bun.sleep(at === 0 ? 500 : 0);
    await enter(line);
  }
  const nextCall = async (): Promise<readonly string[]> => {
    await eventually(async () => {
      const text = await Bun.file(called)
        .text()
        .catch(() => "");
      const isNew = text.endsWith("end\n") && text !== lastCall;
      if (isNew) lastCall = text;
      return isNew;
    }).catch(() => {
      throw new Error(`no command was called: ${screen}`);
    });
    return lastCall.split("\n").slice(1, -2);
  };
  await nextCall();
  return {
    argumentsOf: async (line) => {
      await enter(line);
      return await nextCall();
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.exited;
      terminal.close();
    },
  };
}
