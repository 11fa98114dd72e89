import { afterEach, beforeEach, expect, test } from "bun:test";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { LOOPBACK } from "./ports.ts";
import { TcpProxy } from "./tcp_proxy.ts";

/** A server that sends back what it gets. */
let server: Server;
let proxy: TcpProxy;

beforeEach(async () => {
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
  proxy = await TcpProxy.start({ upstreamPort: (server.address() as AddressInfo).port });
});

afterEach(async () => {
  await proxy.stop();
  await new Promise((resolve) => server.close(resolve));
});

test("passes all bytes on in order, both ways, and the end after them", async () => {
  const sent = crypto.getRandomValues(new Uint8Array(65_536));
  const client = await Client.connect(proxy.port);
  for (let round = 0; round < 200; round++) client.socket.write(sent);
  client.socket.end();
  await client.closed;
  const received = Buffer.concat(client.received);
  expect(received.length).toBe(200 * sent.length);
  expect(received.equals(Buffer.concat(Array.from({ length: 200 }, () => sent)))).toBe(true);
});

test("cut() ends the connections that are open, and only those", async () => {
  const first = await Client.connect(proxy.port);
  expect(await first.echo("a")).toBe("a");
  expect(proxy.connectionsCount).toBe(1);
  proxy.cut();
  await first.closed;
  expect(proxy.cutsCount).toBe(1);
  const second = await Client.connect(proxy.port);
  expect(await second.echo("b")).toBe("b");
  second.socket.destroy();
});

test("pause() holds bytes of old and new connections back until resume()", async () => {
  const first = await Client.connect(proxy.port);
  expect(await first.echo("a")).toBe("a");
  proxy.pause();
  const second = await Client.connect(proxy.port);
  const answers = Promise.all([first.echo("b"), second.echo("c")]);
  expect(await Promise.race([answers, Bun.sleep(150)])).toBeUndefined();
  proxy.resume();
  expect(await answers).toEqual(["b", "c"]);
  first.socket.destroy();
  second.socket.destroy();
});

test("pause() stops a sender whose bytes nobody takes", async () => {
  const client = await Client.connect(proxy.port);
  expect(await client.echo("a")).toBe("a");
  proxy.pause();
  // Far more than the proxy and the kernel hold.
  client.socket.write(Buffer.alloc(64 * 1024 * 1024));
  expect(await Promise.race([client.drained(), Bun.sleep(300)])).toBeUndefined();
  proxy.resume();
  await client.drained();
  client.socket.destroy();
});

test("delay() lets bytes take that much longer each way, without a limit to their rate", async () => {
  const client = await Client.connect(proxy.port);
  expect(await client.echo("a")).toBe("a");
  proxy.delay(100);
  const startMs = performance.now();
  expect(await client.echo("b")).toBe("b");
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(195);
  // Bytes on their way do not wait for those before them.
  const manyStartMs = performance.now();
  for (let index = 0; index < 50; index++) {
    client.socket.write("c");
    await Bun.sleep(2);
  }
  await client.until(() => client.text.endsWith("c".repeat(50)));
  expect(performance.now() - manyStartMs).toBeLessThan(50 * 100);
  proxy.delay(0);
  client.socket.destroy();
});

test("refuse() leaves nobody who listens until accept()", async () => {
  const client = await Client.connect(proxy.port);
  expect(await client.echo("a")).toBe("a");
  await proxy.refuse();
  await client.closed;
  expect(await Client.connect(proxy.port).catch((error) => error.code)).toBe("ECONNREFUSED");
  await proxy.accept();
  const next = await Client.connect(proxy.port);
  expect(await next.echo("b")).toBe("b");
  next.socket.destroy();
});

test("a client of a server that is down is cut off", async () => {
  await using orphan = await TcpProxy.start({ upstreamPort: 1 });
  const client = await Client.connect(orphan.port);
  await client.closed;
  expect(orphan.connectionsCount).toBe(0);
});

/** A connection to the proxy. */
class Client {
  readonly socket: Socket;
  readonly received: Buffer[] = [];
  readonly closed: Promise<unknown>;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => this.received.push(bytes));
  }

  static async connect(port: number): Promise<Client> {
    return await new Promise((resolve, reject) => {
      const socket = connect(port, LOOPBACK, () => resolve(new Client(socket)));
      socket.once("error", reject);
    });
  }

  get text(): string {
    return Buffer.concat(this.received).toString();
  }

  /** Sends a text, and gives it when it has come back. */
  async echo(text: string): Promise<string> {
    const before = this.text.length;
    this.socket.write(text);
    await this.until(() => this.text.length >= before + text.length);
    return this.text.slice(before);
  }

  async drained(): Promise<true> {
    await this.until(() => this.socket.writableLength === 0);
    return true;
  }

  async until(isSo: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + 10_000;
    while (!isSo()) {
      if (performance.now() > deadlineMs) throw new Error("it did not happen within 10 s");
      await Bun.sleep(2);
    }
  }
}
