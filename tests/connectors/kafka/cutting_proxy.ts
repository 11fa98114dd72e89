import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * Passes bytes on between clients and a server, and cuts the connections when told to: what was
 * sent may have arrived, and what was answered may be lost.
 */
export class CuttingProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  cutsCount = 0;

  constructor(port: number, upstreamPort: number) {
    this.#server = createServer((client) => {
      const upstream = connect(upstreamPort, "127.0.0.1");
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#sockets.add(from);
        from.pipe(to);
        from.on("error", () => to.destroy());
        from.on("close", () => {
          this.#sockets.delete(from);
          to.destroy();
        });
      }
    });
    this.#server.listen(port, "127.0.0.1");
  }

  cut(): void {
    if (this.#sockets.size > 0) this.cutsCount++;
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
