import { sleep } from "../base/backoff.ts";
import { KonnError, messageOf } from "../base/errors.ts";
import { allowedHosts, type ListenAddress } from "./allowed_hosts.ts";
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

/** Seconds after which a silent connection is closed. */
const IDLE_TIMEOUT_SECONDS = 30;
/** No request of ours has a body. */
const REQUEST_BODY_MAX_BYTES = 1_024;
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
  let failure: unknown;
  for (let offset = 0; offset < portsCount && listen.port + offset <= PORT_MAX; offset += 1) {
    const address = { ...listen, port: listen.port + offset };
    try {
      return runningServer(options, address, names);
    } catch (error) {
      failure = error;
      if (!isTaken(error)) break;
    }
  }
  throw new KonnError(`Cannot listen on ${listen.hostname}:${listen.port}: ${messageOf(failure)}`, {
    code: "LISTEN_FAILED",
    cause: failure,
    hint: "Choose another port, or stop what listens there.",
  });
}

function runningServer(
  options: ServerOptions,
  listen: ListenAddress,
  names: readonly string[] | undefined,
): RunningServer {
  let handle = createHandler({ ...options, hosts: new Set() });
  const server = Bun.serve({
    hostname: listen.hostname,
    port: listen.port,
    development: false,
    // Outside of development Bun would share the port with whoever listens on it already.
    reusePort: false,
    idleTimeout: IDLE_TIMEOUT_SECONDS,
    maxRequestBodySize: REQUEST_BODY_MAX_BYTES,
    fetch: (request, self) => handle(request, { address: self.requestIP(request)?.address ?? "" }),
  });
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
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}

/** A wildcard is nothing that a browser can open. */
function shownName(hostname: string): string {
  if (hostname === "0.0.0.0" || hostname === "::") return "localhost";
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}
