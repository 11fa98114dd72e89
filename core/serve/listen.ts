import { KonnError, messageOf } from "../base/errors.ts";
import type { ListenAddress } from "./allowed_hosts.ts";

/** Seconds after which a silent connection is closed. */
const IDLE_TIMEOUT_SECONDS = 30;
/** No request of ours has a body. */
const REQUEST_BODY_MAX_BYTES = 1_024;

/** Answers a request; `address` is whose it is. */
type Answer = (request: Request, client: { readonly address: string }) => Promise<Response>;

/**
 * Listens on an address, of which the port 0 is any that is free.
 *
 * @throws KonnError `LISTEN_FAILED`, with the system's error as its cause
 */
export function listenOn({ hostname, port }: ListenAddress, answer: Answer): Bun.Server<undefined> {
  try {
    return Bun.serve({
      hostname,
      port,
      development: false,
      // Outside of development Bun would share the port with whoever listens on it already.
      reusePort: false,
      idleTimeout: IDLE_TIMEOUT_SECONDS,
      maxRequestBodySize: REQUEST_BODY_MAX_BYTES,
      fetch: (request, self) =>
        answer(request, { address: self.requestIP(request)?.address ?? "" }),
    });
  } catch (cause) {
    throw new KonnError(`Cannot listen on ${hostname}:${port}: ${messageOf(cause)}`, {
      code: "LISTEN_FAILED",
      cause,
      hint: "Stop what listens there, or name another address; port 0 takes any that is free.",
    });
  }
}
