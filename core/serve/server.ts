import { sleep } from "../base/backoff.ts";
import { KonnError } from "../base/errors.ts";
import { allowedHosts, type ListenAddress } from "./allowed_hosts.ts";
import { listenOn } from "./listen.ts";
import { createHandler, type HandlerOptions } from "./handler.ts";

export interface ServerOptions extends Omit<HandlerOptions, "hosts"> {
  readonly listen: ListenAddress;
  /** How many ports to try, from that of `listen` up. */
  readonly portsCount?: number;
  /** Names under which the server is reached besides those of its address. */
  readonly names?: readonly string[];
}

/** A server that runs. Disposing stops it. */
export interface RunningServer extends AsyncDisposable {
  /** Where a person opens it. */
  readonly url: string;
  readonly port: number;
}

/** How long answers that are under way may take when the server stops. */
const GRACE_MS = 500;
const PORT_MAX = 65_535;

/**
 * Starts a server.
 *
 * @throws KonnError `LISTEN_FAILED` when the address cannot be listened on, also at no other port
 */
export function startServer(options: ServerOptions): RunningServer {
  const { listen, portsCount = 1, names } = options;
  const lastPort = Math.min(listen.port + portsCount - 1, PORT_MAX);
  for (let { port } = listen; ; port += 1) {
    try {
      return runningServer(options, { ...listen, port }, names);
    } catch (error) {
      if (!isTaken(error) || port >= lastPort) throw error;
    }
  }
}

function runningServer(
  options: ServerOptions,
  listen: ListenAddress,
  names: readonly string[] | undefined,
): RunningServer {
  let handle = createHandler({ ...options, hosts: new Set() });
  const server = listenOn(listen, (request, client) => handle(request, client));
  // Port 0 is any free one, which is known only now.
  const port = server.port ?? listen.port;
  const hosts = allowedHosts({ ...listen, port }, names);
  handle = createHandler({ ...options, hosts });
  return {
    url: `http://${shownName(listen.hostname)}:${port}/`,
    port,
    [Symbol.asyncDispose]: async () => {
      // A browser keeps its connection open, so this alone may never end.
      await Promise.race([server.stop(), sleep(GRACE_MS)]);
      await server.stop(true);
    },
  };
}

function isTaken(error: unknown): boolean {
  const cause = error instanceof KonnError ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE";
}

/** A wildcard is nothing that a browser can open. */
function shownName(hostname: string): string {
  if (hostname === "0.0.0.0" || hostname === "::") return "localhost";
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}
