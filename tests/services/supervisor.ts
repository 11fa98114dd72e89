/**
 * The process between a test run and a server that it started: it passes signals on, and ends when
 * the test run is gone, however that ended.
 *
 * The test run holds the other end of the standard input, so the kernel closes it even after a
 * SIGKILL. Each line that arrives names a signal for the server. It goes to a child that only this
 * process can reap, so its process id cannot have become another process'.
 *
 * This process may be killed as well: a test runner kills the children of a test that took too
 * long, and would leave the server behind. So a watchdog in a session of its own waits for the end
 * of this process, and kills the server then unless it was told that the server has ended.
 *
 * Arguments: LOG [WORD ...] -- COMMAND ..., where the words before "--" are a command to run when
 * the test run is gone. The working folder is the server's, and is removed then.
 */

import { openSync } from "node:fs";
import { constants } from "node:os";

/**
 * A shell, as nothing else is small and on every machine. SIGKILL ends a server that is paused as
 * well, and what the server started: all are of the process group that this process leads. The
 * second before the folder is removed is for their last writes.
 */
const WATCHDOG = `
read -r word
[ "$word" = ended ] && exit
kill -9 "-$1"
folder=$2
shift 2
[ $# -gt 0 ] && "$@"
sleep 1
rm -rf "$folder"
`;

const [logFile = "server.log", ...words] = process.argv.slice(2);
const separator = words.indexOf("--");
const whenOrphaned = words.slice(0, separator);
const log = openSync(logFile, "a");
const server = Bun.spawn(words.slice(separator + 1), { stdio: ["ignore", log, log] });
const watchdog = Bun.spawn(
  ["sh", "-c", WATCHDOG, "watchdog", String(process.pid), process.cwd(), ...whenOrphaned],
  { stdio: ["pipe", log, log], detached: true },
);
process.stdout.write(`${server.pid}\n`);

const ended = server.exited.then(() => "ended" as const);
const orphaned = passSignalsOn().then(() => "orphaned" as const);
if ((await Promise.race([ended, orphaned])) === "ended") {
  await watchdog.stdin.write("ended\n");
  await watchdog.stdin.end();
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
