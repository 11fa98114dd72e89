/** Runs a tool of the machine to its end. */

import { join } from "node:path";
import { KonnError } from "../../core/base/errors.ts";
import { lastLines } from "./log_file.ts";
import { SupervisedProcess } from "./supervised.ts";

/** Where a tool runs. */
export interface RunOptions {
  /** The working folder. It is removed when this process dies before the tool is done. */
  readonly folder: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * Runs the command and waits for it.
 *
 * @throws KonnError TOOL_FAILED when its exit code is not 0, with the end of what it printed
 */
export async function run(command: readonly string[], options: RunOptions): Promise<void> {
  const log = join(options.folder, "run.log");
  const process = await SupervisedProcess.start({ command, log, ...options });
  if ((await process.exited()) === 0) return;
  throw new KonnError(`Cannot run ${command[0]}: it failed`, {
    code: "TOOL_FAILED",
    hint: `It printed:\n${lastLines(await Bun.file(log).text())}`,
  });
}
