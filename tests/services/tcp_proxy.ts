/** A bad network between clients and a server, made to order. */

import { connect, createServer, type Server, type Socket } from "node:net";
import { freePort, LOOPBACK } from "./ports.ts";

/** Between whom the proxy stands. */
export interface TcpProxyOptions {
  /** The server's port on the loopback interface; nothing has to listen there yet. */
  readonly upstreamPort: number;
  /** The port for clients; by default a random free one. */
  readonly port?: number;
}

/** Bytes that one direction of a connection holds back before its sender is no longer read. */
const HELD_LIMIT_BYTES = 1024 * 1024;

/**
 * Passes bytes on between clients and one server, and does what a network does on a bad day.
 * The faults can be combined; each stays until it is taken back.
 */
export class TcpProxy implements AsyncDisposable {
  /** The port that clients connect to. */
  readonly port: number;
  /** How often `cut` met at least one connection. */
  cutsCount = 0;
  readonly #upstreamPort: number;
  readonly #weather: Weather = { isPaused: false, delayMs: 0 };
  readonly #connections = new Set<Connection>();
  #server: Server | undefined;

  private constructor(port: number, upstreamPort: number) {
    this.port = port;
    this.#upstreamPort = upstreamPort;
  }

  /** Starts a proxy that passes everything on. */
  static async start(options: TcpProxyOptions): Promise<TcpProxy> {
    const proxy = new TcpProxy(options.port ?? (await freePort()), options.upstreamPort);
    await proxy.accept();
    return proxy;
  }

  /** `host:port` for clients. */
  get address(): string {
    return `${LOOPBACK}:${this.port}`;
  }

  /** How many connections are open now. */
  get connectionsCount(): number {
    return this.#connections.size;
  }

  /**
   * Ends all connections at once, in both directions: what was sent may have arrived, and what was
   * answered may be lost. New ones are welcome.
   */
  cut(): void {
    if (this.#connections.size > 0) this.cutsCount++;
    for (const connection of this.#connections) connection.destroy();
  }

  /** Holds all bytes back. Connections stay, and new ones are made, but nothing comes through. */
  pause(): void {
    this.#weather.isPaused = true;
  }

  /** Ends a pause: what was held back goes on, in order. */
  resume(): void {
    this.#weather.isPaused = false;
    for (const connection of this.#connections) connection.pump();
  }

  /** Lets all bytes that arrive from now on take that much longer, each way. 0 ends it. */
  delay(ms: number): void {
    this.#weather.delayMs = ms;
  }

  /** Ends all connections, and refuses new ones: nobody listens on the port. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => {
      if (server === undefined) resolve();
      else server.close(() => resolve());
    });
    this.cut();
    await closed;
  }

  /** Ends a refusal. */
  async accept(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer({ allowHalfOpen: true }, (client) => this.#join(client));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.port, LOOPBACK, () => resolve());
    });
  }

  /** Ends all connections and the proxy itself. */
  async stop(): Promise<void> {
    await this.refuse();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #join(client: Socket): void {
    const connection = new Connection(client, this.#upstreamPort, this.#weather);
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
  }
}

/** What all connections of a proxy suffer from. */
interface Weather {
  isPaused: boolean;
  delayMs: number;
}

/** A client's connection and its twin to the server. */
class Connection {
  /** Resolves when neither is open any more. */
  readonly closed: Promise<unknown>;
  readonly #sockets: readonly [Socket, Socket];
  readonly #flows: readonly [Flow, Flow];

  constructor(client: Socket, upstreamPort: number, weather: Weather) {
    const upstream = connect({ port: upstreamPort, host: LOOPBACK, allowHalfOpen: true });
    this.#sockets = [client, upstream];
    this.#flows = [new Flow(client, upstream, weather), new Flow(upstream, client, weather)];
    this.closed = Promise.all(
      this.#sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve))),
    );
    for (const socket of this.#sockets) {
      socket.setNoDelay(true);
      socket.on("error", () => this.destroy());
      // One that closes without an end was torn down, and so is its twin.
      socket.on("close", () => !socket.readableEnded && this.destroy());
    }
  }

  pump(): void {
    for (const flow of this.#flows) flow.pump();
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Some bytes, or the end of them, and when they may go on by `performance.now()`. */
interface Parcel {
  readonly bytes: Buffer | undefined;
  readonly dueMs: number;
}

/** One direction of a connection. */
class Flow {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #weather: Weather;
  readonly #held: Parcel[] = [];
  #heldBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, weather: Weather) {
    this.#from = from;
    this.#to = to;
    this.#weather = weather;
    from.on("data", (bytes: Buffer) => this.#hold(bytes));
    from.on("end", () => this.#hold(undefined));
    to.on("drain", () => this.pump());
    to.on("close", () => clearTimeout(this.#timer));
  }

  /** Passes on what is due. */
  pump(): void {
    clearTimeout(this.#timer);
    while (!this.#weather.isPaused && !this.#to.writableNeedDrain && !this.#to.destroyed) {
      const head = this.#held[0];
      if (head === undefined) break;
      const waitMs = head.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.pump(), waitMs);
        break;
      }
      this.#held.shift();
      this.#heldBytes -= head.bytes?.length ?? 0;
      if (head.bytes === undefined) this.#to.end();
      else this.#to.write(head.bytes);
    }
    if (this.#heldBytes < HELD_LIMIT_BYTES && this.#from.isPaused()) this.#from.resume();
  }

  #hold(bytes: Buffer | undefined): void {
    this.#held.push({ bytes, dueMs: performance.now() + this.#weather.delayMs });
    this.#heldBytes += bytes?.length ?? 0;
    if (this.#heldBytes >= HELD_LIMIT_BYTES) this.#from.pause();
    this.pump();
  }
}
