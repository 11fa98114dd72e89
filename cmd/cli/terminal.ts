import { writeFully } from "../../core/base/write_fully.ts";
import type { Settings } from "../../core/config/mod.ts";
import { createLogger } from "../../core/observe/logger.ts";
import type { Logger } from "../../core/observe/observer.ts";
import {
  loggedProgress,
  NO_PROGRESS,
  type ProgressDisplay,
  terminalProgress,
} from "../../core/observe/progress.ts";
import type { CommonSettingName } from "./declare.ts";

/** The two streams of a command. Results go to stdout, everything else to stderr. */
export interface Terminal extends Disposable {
  readonly log: Logger;
  readonly progress: ProgressDisplay;
  /** Whether the result is wanted as one JSON object. */
  readonly json: boolean;
  /** Writes a line of the result to stdout. */
  result(line: string): void;
  /** Writes a line for a person to stderr: the summary. Nothing with --quiet. */
  note(line: string): void;
}

/** Opens the terminal of a command by its common settings. */
export function createTerminal(settings: Settings<CommonSettingName>): Terminal {
  const isTerminal = process.stderr.isTTY;
  const format = settings["log-format"] ?? (isTerminal ? "pretty" : "json");
  const quiet = settings.quiet;
  let progress: ProgressDisplay = NO_PROGRESS;
  const print = (line: string) => progress.around(() => writeError(`${line}\n`));
  const log = createLogger({
    format,
    level: quiet ? "warn" : settings["log-level"],
    colors: useColors(settings["no-color"]),
    write: print,
  });
  if (!quiet) {
    progress =
      isTerminal && format === "pretty" ? terminalProgress(writeError) : loggedProgress(log);
  }
  return {
    log,
    progress,
    json: settings.json,
    result: (line) => progress.around(() => writeFully(1, `${line}\n`)),
    note: (line) => {
      if (quiet) return;
      if (format === "json") log.info(line);
      else print(line);
    },
    [Symbol.dispose]: () => progress[Symbol.dispose](),
  };
}

function writeError(text: string): void {
  writeFully(2, text);
}

/** Whether a stream shows colours: a terminal, and nobody asked for none (no-color.org). */
export function useColors(
  noColor: boolean,
  stream: { readonly isTTY: boolean } = process.stderr,
): boolean {
  return stream.isTTY && !noColor && !process.env["NO_COLOR"];
}
