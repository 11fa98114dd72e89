/** Chooses free ports on the loopback interface. */

import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { KonnError } from "../../core/base/errors.ts";

/** The only interface that the servers listen on. */
export const LOOPBACK = "127.0.0.1";

/**
 * Below the ports that Linux and macOS give to outgoing connections, so that no connection
 * occupies the port of a server between its end and its restart.
 */
const FIRST_PORT = 15_000;
const PORT_COUNT = 15_000;
const CHOICES_COUNT = 100;
const STARTS_COUNT = 5;

/** Whether a server could listen on the port at this moment. */
export async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  return await new Promise((resolve) => {
    probe.once("error", () => resolve(false));
    probe.listen(port, LOOPBACK, () => probe.close(() => resolve(true)));
  });
}

/** A random port that is free at this moment. */
export async function freePort(): Promise<number> {
  for (let choice = 0; choice < CHOICES_COUNT; choice++) {
    const port = FIRST_PORT + randomInt(PORT_COUNT);
    if (await isFree(port)) return port;
  }
  throw new KonnError(`Cannot choose a port: ${CHOICES_COUNT} tried ones are all taken`, {
    code: "NO_FREE_PORT",
  });
}

/** That many different random ports, each free at this moment. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

/**
 * Starts a server on a port for clients (the wanted one, else a random one) and a port for its own
 * use. Another process may take a port after it was found free: `start` throws PORT_TAKEN then,
 * and gets other ports.
 */
export async function startOnFreePorts<T>(
  wantedPort: number | undefined,
  start: (port: number, innerPort: number) => Promise<T>,
): Promise<T> {
  if (wantedPort !== undefined && !(await isFree(wantedPort))) throw portTaken(wantedPort);
  return await retryOnTakenPort(async () =>
    start(wantedPort ?? (await freePort()), await freePort()),
  );
}

/** Starts again, up to five times, while `start` throws PORT_TAKEN: it is to choose other ports. */
export async function retryOnTakenPort<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      const isTaken = error instanceof KonnError && error.code === "PORT_TAKEN";
      if (!isTaken || attempt === STARTS_COUNT) throw error;
    }
  }
}

function portTaken(port: number): KonnError {
  return new KonnError(`Cannot listen on port ${port}: another process does`, {
    code: "PORT_TAKEN",
    hint: "Choose another port",
  });
}
