import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SupervisedProcess } from "./supervised.ts";

/** The first start on a machine installs both servers. */
const INSTALL_TIMEOUT_MS = 10 * 60_000;
const GONE_LIMIT_MS = 15_000;

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

test(
  "no server outlives a test run that is killed together with its supervisors",
  async () => {
    const run = Bun.spawn([process.execPath, MAIN], { stdio: ["ignore", "pipe", "ignore"] });
    const [brokers = "", url = ""] = await addressesOf(run.stdout);
    const openSearchPort = Number(new URL(url).port);
    const kafkaPort = Number(brokers.split(":")[1]);
    const supervisors = childrenOf(run.pid).filter(({ command }) => command.includes("supervisor"));
    const servers = supervisors.flatMap(({ pid }) => childrenOf(pid)).map(({ pid }) => pid);
    expect(supervisors).toHaveLength(2);
    expect(servers.length).toBeGreaterThanOrEqual(2);
    expect([await answers(kafkaPort), await answers(openSearchPort)]).toEqual([true, true]);

    // One of the servers can do nothing for itself.
    const [paused = 0] = servers;
    process.kill(paused, "SIGSTOP");
    for (const pid of [run.pid, ...supervisors.map((own) => own.pid)]) process.kill(pid, "SIGKILL");
    await gone(servers);
    expect([await answers(kafkaPort), await answers(openSearchPort)]).toEqual([false, false]);
  },
  INSTALL_TIMEOUT_MS,
);

test("what a server started ends with it when the supervisor is killed", async () => {
  const { server, folder } = await supervise("sleep 600 & sleep 601");
  await eventually(() => childrenOf(server.pid).length === 2);
  const sleeping = childrenOf(server.pid).map(({ pid }) => pid);
  process.kill(parentOf(server.pid), "SIGKILL");
  await gone([server.pid, ...sleeping]);
  await eventually(() => !existsSync(folder));
});

test("a supervisor that is killed with its whole process group leaves no folder", async () => {
  const { server, folder } = await supervise("sleep 600; true");
  const supervisor = parentOf(server.pid);
  // It leads a group of its own, with the server in it.
  process.kill(-supervisor, "SIGKILL");
  await gone([supervisor, server.pid]);
  await eventually(() => !existsSync(folder));
});

test("an end in good order leaves the folder to those who asked for it", async () => {
  const { server, folder } = await supervise("sleep 1; exit 7");
  const helpers = childrenOf(parentOf(server.pid)).map(({ pid }) => pid);
  expect(helpers.length).toBeGreaterThan(1);
  expect(await server.exited()).toBe(7);
  await gone(helpers);
  expect(existsSync(folder)).toBe(true);
  rmSync(folder, { recursive: true });
});

/** A shell that runs a script in place of a server. */
async function supervise(script: string): Promise<{ server: SupervisedProcess; folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), "konn-supervised-"));
  const log = join(folder, "server.log");
  const command = ["sh", "-c", script];
  return { server: await SupervisedProcess.start({ command, folder, log }), folder };
}

/** The addresses of both servers, as the command prints them when they answer. */
async function addressesOf(stdout: ReadableStream<Uint8Array>): Promise<string[]> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stdout) {
    text += decoder.decode(bytes, { stream: true });
    const found = /^export KONN_BROKERS=(.*)\nexport KONN_OPENSEARCH_URL=(.*)\n/.exec(text);
    if (found !== null) return found.slice(1);
  }
  throw new Error(`the servers did not start: ${text}`);
}

interface ListedProcess {
  readonly pid: number;
  readonly parent: number;
  /** Begins with Z for one that has ended and was not asked for yet. */
  readonly state: string;
  readonly command: string;
}

function processes(): ListedProcess[] {
  const { stdout } = Bun.spawnSync(["ps", "-axo", "pid=,ppid=,state=,command="]);
  const lines = stdout.toString().matchAll(/^ *(\d+) +(\d+) +(\S+) +(.*)$/gm);
  return Array.from(lines, ([, pid, parent, state = "", command = ""]) => {
    return { pid: Number(pid), parent: Number(parent), state, command };
  });
}

function childrenOf(parent: number): ListedProcess[] {
  return processes().filter((own) => own.parent === parent);
}

function parentOf(pid: number): number {
  return processes().find((own) => own.pid === pid)?.parent ?? 0;
}

async function gone(pids: readonly number[]): Promise<void> {
  await eventually(() => {
    const alive = processes().filter(({ state }) => !state.startsWith("Z"));
    return !alive.some(({ pid }) => pids.includes(pid));
  });
}

async function answers(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

async function eventually(isSo: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + GONE_LIMIT_MS;
  while (!isSo()) {
    if (Date.now() > deadlineMs) throw new Error(`it did not happen within ${GONE_LIMIT_MS} ms`);
    await Bun.sleep(50);
  }
}
