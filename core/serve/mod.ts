/**
 * The search bar and its API over HTTP, on top of any {@link Searcher}.
 *
 * ```ts
 * await using server = startServer({ searcher, log, listen: { hostname: "127.0.0.1", port: 7700 } });
 * ```
 *
 * `createHandler` is the same without a server: a request goes in, a response comes out.
 */
export type { ListenAddress } from "./allowed_hosts.ts";
export { createHandler, type Handler, type HandlerOptions } from "./handler.ts";
export { isLoopback } from "./rate_limit.ts";
export { type RunningServer, type ServerOptions, startServer } from "./server.ts";
