import { sleep } from "../../base/backoff.ts";
import { KonnError } from "../../base/errors.ts";
import { FETCH_API_KEY, FETCH_VERSION } from "./fetch_request.ts";
import { CLIENT_ID, type KafkajsBroker, type KafkajsConnection } from "./kafkajs.ts";
import { METADATA_API_KEY, METADATA_OLD_VERSION } from "./metadata_request.ts";
import { PRODUCE_API_KEY, PRODUCE_VERSION } from "./produce_request.ts";
import { LinkLostError, ProtocolError } from "./protocol_error.ts";
import { encodeHeader, type KafkaRequest, type KafkaResponse } from "./request.ts";
import { entryError, isCutLogin, type KafkaSecurity } from "./security.ts";
import { ResponseReader } from "./wire.ts";

/** Dialling, the exchange of versions and the authentication together. */
const OPEN_TIMEOUT_MS = 4_000;

/** The errors of kafkajs that mean: this connection is of no more use. */
const CONNECTION_ERRORS: ReadonlySet<string> = new Set([
  "KafkaJSConnectionError",
  "KafkaJSConnectionClosedError",
  "KafkaJSRequestTimeoutError",
  "KafkaJSLockTimeout",
]);

/** The versions that konn speaks and no broker it supports lacks. */
const NEEDED_VERSIONS: readonly { name: string; apiKey: number; version: number }[] = [
  { name: "Produce", apiKey: PRODUCE_API_KEY, version: PRODUCE_VERSION },
  { name: "Fetch", apiKey: FETCH_API_KEY, version: FETCH_VERSION },
  { name: "Metadata", apiKey: METADATA_API_KEY, version: METADATA_OLD_VERSION },
];

/**
 * One connection to one broker, for its whole life: a link that broke, or on which an answer did
 * not come in time, stays lost, and the next one starts with a clean state.
 */
export class BrokerLink {
  readonly address: string;
  /** Resolves once the broker has answered and accepted us. */
  readonly ready: Promise<void>;
  readonly #security: KafkaSecurity;
  readonly #closing = new AbortController();
  readonly #pending = new Set<(error: LinkLostError) => void>();
  #broker: KafkajsBroker | undefined;
  #loss: LinkLostError | undefined;
  #throttledUntilMs = 0;

  /**
   * Dials at once; `ready` tells how that went.
   *
   * @param security as the broker was made with it: its errors are explained by it
   */
  constructor(
    address: string,
    makeBroker: () => Promise<KafkajsBroker>,
    security: KafkaSecurity = {},
  ) {
    this.address = address;
    this.#security = security;
    this.ready = this.#open(makeBroker);
    // Whoever waits for it gets the error; nobody has to.
    this.ready.catch(() => undefined);
  }

  get isLost(): boolean {
    return this.#loss !== undefined;
  }

  /** The highest version of a request that the broker knows, or 0. */
  maxVersion(apiKey: number): number {
    return this.#broker?.versions?.[apiKey]?.maxVersion ?? 0;
  }

  /**
   * Sends a request of ours. Throws `LinkLostError` when the link breaks or the time is over, and
   * `ProtocolError` for an error code that concerns the whole response.
   */
  async send<T>(request: KafkaRequest<T>, timeoutMs: number): Promise<T> {
    const throttleMs = this.#throttledUntilMs - Date.now();
    if (throttleMs > 0) await sleep(throttleMs, this.#closing.signal);
    const { value, throttleMs: nextThrottleMs } = await this.#guard(
      () => this.#exchange(request),
      timeoutMs,
    );
    this.#throttledUntilMs = Date.now() + nextThrottleMs;
    return value;
  }

  /** Sends a request that kafkajs encodes. Throws as `send` does. */
  async call<T>(use: (broker: KafkajsBroker) => Promise<T>, timeoutMs: number): Promise<T> {
    return await this.#guard(() => use(this.#openBroker()), timeoutMs);
  }

  /** Ends the link and every request that waits on it. */
  lose(state: string, cause?: unknown): void {
    if (this.#loss !== undefined) return;
    this.#loss = new LinkLostError(this.address, state, cause);
    for (const reject of this.#pending) reject(this.#loss);
    this.#pending.clear();
    this.#closing.abort();
    this.#destroySockets(this.#loss);
  }

  async #open(makeBroker: () => Promise<KafkajsBroker>): Promise<void> {
    const broker = await makeBroker();
    this.#broker = broker;
    await this.#guard(() => broker.connect(), OPEN_TIMEOUT_MS);
    const { socket } = this.#connection();
    // A request is several writes, none of which may wait for an acknowledgement of the others.
    socket?.setNoDelay(true);
    socket?.once("close", () => this.lose("the connection was closed"));
    this.#requireVersions();
  }

  #requireVersions(): void {
    for (const { name, apiKey, version } of NEEDED_VERSIONS) {
      const range = this.#openBroker().versions?.[apiKey];
      if (range !== undefined && range.minVersion <= version && version <= range.maxVersion) {
        continue;
      }
      const error = new KonnError(
        `Cannot use Kafka at ${this.address}: it does not know ${name} requests of version ${version}`,
        { code: "KAFKA_VERSION_UNSUPPORTED", hint: "konn needs Kafka 2.3 or newer." },
      );
      this.lose(error.message, error);
      throw error;
    }
  }

  /**
   * Lets kafkajs find the response, but writes the request past it: its encoder copies everything
   * twice into buffers of up to twice the size.
   */
  async #exchange<T>(request: KafkaRequest<T>): Promise<KafkaResponse<T>> {
    const connection = this.#connection();
    await connection.authenticate();
    const { apiKey, apiVersion, apiName, isFlexible, body } = request;
    const correlationId = connection.nextCorrelationId();
    const { promise, resolve, reject } = Promise.withResolvers<{ readonly payload: Buffer }>();
    connection.requestQueue.push({
      entry: { apiKey, apiVersion, apiName, correlationId, resolve, reject },
      expectResponse: true,
      sendRequest: () => {
        connection.socket?.write(encodeHeader(request, { clientId: CLIENT_ID, correlationId }));
        for (const piece of body) connection.socket?.write(piece);
      },
    });
    const { payload } = await promise;
    return request.decode(new ResponseReader(payload, { isFlexible }));
  }

  /** Runs `work`, ends it when the link is lost, and loses the link when it takes too long. */
  async #guard<T>(work: () => Promise<T>, timeoutMs: number): Promise<T> {
    if (this.#loss !== undefined) throw this.#loss;
    const { promise: loss, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => this.lose(`no answer within ${timeoutMs} ms`), timeoutMs);
    this.#pending.add(reject);
    try {
      return await Promise.race([work(), loss]);
    } catch (thrown) {
      throw this.#translate(thrown);
    } finally {
      clearTimeout(timer);
      this.#pending.delete(reject);
    }
  }

  /** kafkajs's errors as ours; the loss of its connection is the loss of the link. */
  #translate(thrown: unknown): unknown {
    if (thrown instanceof ProtocolError) return thrown;
    if (isCutLogin(thrown)) {
      this.lose(`the connection was lost while logging in (${thrown.message})`, thrown);
      return this.#loss;
    }
    const code = protocolCodeOf(thrown);
    const { address } = this;
    const refusal = entryError(thrown, { code, address, security: this.#security });
    if (refusal !== undefined) {
      this.lose(refusal.message, refusal);
      return refusal;
    }
    if (code !== undefined) return new ProtocolError(code);
    if (thrown instanceof Error && CONNECTION_ERRORS.has(thrown.name)) {
      this.lose(thrown.message.replace(/^Connection error: /, ""), thrown);
      return this.#loss;
    }
    return thrown;
  }

  #openBroker(): KafkajsBroker {
    if (this.#broker === undefined) throw new LinkLostError(this.address, "not connected yet");
    return this.#broker;
  }

  #connection(): KafkajsConnection {
    // kafkajs would put fetches on a second connection. Here each purpose has a link of its own.
    const connection = this.#openBroker().connectionPool.pool[0];
    if (connection === undefined) throw new LinkLostError(this.address, "it has no connection");
    return connection;
  }

  #destroySockets(reason: Error): void {
    // With an error, since kafkajs clears its timers only when the socket reports one.
    for (const { socket } of this.#broker?.connectionPool.pool ?? []) socket?.destroy(reason);
  }
}

/** The code of Kafka's protocol in an error of kafkajs, or in the first of several. */
function protocolCodeOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error)) return undefined;
  if ("errors" in thrown && Array.isArray(thrown.errors)) return protocolCodeOf(thrown.errors[0]);
  // System errors have a code as well, which is a string.
  return "type" in thrown && "code" in thrown && typeof thrown.code === "number"
    ? thrown.code
    : undefined;
}
