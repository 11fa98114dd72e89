/**
 * The process between a test run and a server that it started: it passes signals on, and kills the
 * server when the test run is gone, however that ended.
 *
 * The test run holds the other end of the standard input, so the kernel closes it even after a
 * SIGKILL. Each line that arrives names a signal for the server. It goes to a child that only this
 * process can reap, so its process id cannot have become another process'.
 *
 * Arguments: LOG [WORD ...] -- COMMAND ..., where the words before "--" are a command to run when
 * the test run is gone. The working folder is the server's, and is removed then.
 */

import { openSync, rmSync } from "node:fs";
import { constants } from "node:os";

const [logFile = "server.log", ...words] = process.argv.slice(2);
const separator = words.indexOf("--");
const whenOrphaned = words.slice(0, separator);
const log = openSync(logFile, "a");
const server = Bun.spawn(words.slice(separator + 1), { stdio: ["ignore", log, log] });
process.stdout.write(`${server.pid}\n`);

const ended = server.exited.then(() => "ended" as const);
const orphaned = passSignalsOn().then(() => "orphaned" as const);
if ((await Promise.race([ended, orphaned])) === "orphaned") {
  server.kill("SIGKILL");
  await server.exited;
  if (whenOrphaned.length > 0) {
    await Bun.spawn(whenOrphaned, { stdio: ["ignore", log, log] }).exited;
  }
  rmSync(process.cwd(), { recursive: true, force: true });
}
process.exit(server.exitCode ?? 1);

/** Ends with the standard input. */
async function passSignalsOn(): Promise<void> {
  for await (const line of console) {
    if (isSignal(line)) server.kill(line);
  }
}

function isSignal(name: string): name is NodeJS.Signals {
  return name in constants.signals;
}
