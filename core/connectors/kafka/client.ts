import { KonnError, messageOf } from "../../base/errors.ts";
import type { Logger } from "../../observe/observer.ts";
import { formatAddress, parseAddress } from "./address.ts";
import { BrokerLink } from "./broker_link.ts";
import { loadKafkajs, type Address, type BrokerFactory } from "./kafkajs.ts";
import {
  METADATA_API_KEY,
  metadataRequest,
  type BrokerAddress,
  type ClusterMetadata,
} from "./metadata_request.ts";
import { diagnose } from "./diagnosis.ts";
import { isTransient, LinkLostError } from "./protocol_error.ts";
import { type KafkaSecurity, refuseExposedCredentials } from "./security.ts";

/** A command at a terminal must not wait longer than five seconds to hear that nobody answers. */
export const CONNECT_DEADLINE_MS = 4_500;
const METADATA_TIMEOUT_MS = 3_000;

/** How to reach and enter a cluster. */
export interface KafkaConnection extends KafkaSecurity {
  /** `host:port`, at least one. Others of the cluster are found by asking these. */
  readonly brokers: readonly string[];
}

/** What a link is for. A long poll, or waiting for a group, must not hold up anything else. */
export type LinkPurpose = "control" | "fetch" | "produce" | "group";

/** The links to the brokers of one cluster, dialled when they are first needed. */
export class KafkaClient {
  readonly #makeBroker: BrokerFactory;
  readonly #bootstrap: readonly Address[];
  readonly #security: KafkaSecurity;
  readonly #links = new Map<string, BrokerLink>();
  readonly #brokers = new Map<number, BrokerAddress>();
  #isClosed = false;

  private constructor(
    makeBroker: BrokerFactory,
    { bootstrap, security }: { bootstrap: readonly Address[]; security: KafkaSecurity },
  ) {
    this.#makeBroker = makeBroker;
    this.#bootstrap = bootstrap;
    this.#security = security;
  }

  /**
   * Asks all given brokers at once and takes the first answer.
   *
   * Throws `KAFKA_UNREACHABLE` within five seconds, or what the brokers said against us; and
   * `KAFKA_CREDENTIALS_EXPOSED` before anything is dialled.
   */
  static async connect(
    connection: KafkaConnection,
    options: { log: Logger; signal: AbortSignal },
  ): Promise<KafkaClient> {
    const { tls, sasl, insecure, brokers } = connection;
    const security = { tls, sasl, insecure };
    const bootstrap = brokers.map(parseAddress);
    for (const address of bootstrap) refuseExposedCredentials(address, security);
    const makeBroker = await loadKafkajs(options.log, security);
    const client = new KafkaClient(makeBroker, { bootstrap, security });
    const timeout = setTimeout(
      () => client.#loseLinks(`no answer within ${CONNECT_DEADLINE_MS} ms`),
      CONNECT_DEADLINE_MS,
    );
    const abort = (): void => client.#loseLinks("the start was cancelled");
    options.signal.addEventListener("abort", abort, { once: true });
    try {
      options.signal.throwIfAborted();
      await Promise.any(bootstrap.map((address) => client.#askForBrokers(address, [])));
      return client;
    } catch (thrown) {
      client.close();
      const error = connectError(thrown, brokers);
      const [first] = bootstrap;
      if (first === undefined || options.signal.aborted || !isUnreachable(error)) throw error;
      throw (await diagnose(error.cause, first, { security, log: options.log })) ?? error;
    } finally {
      clearTimeout(timeout);
      options.signal.removeEventListener("abort", abort);
    }
  }

  /**
   * The brokers and these topics, as the first broker knows them that answers. Throws
   * `LinkLostError` when none does.
   */
  async metadata(topics: readonly string[]): Promise<ClusterMetadata> {
    let lastError: unknown = new LinkLostError("", "there is no broker to ask");
    for (const address of this.#brokersToAsk()) {
      try {
        return await this.#askForBrokers(address, topics);
      } catch (thrown) {
        if (!isTransient(thrown) || this.#isClosed) throw thrown;
        lastError = thrown;
      }
    }
    throw lastError;
  }

  /** A link that is open. Throws `LinkLostError` when the broker cannot be reached. */
  async link(nodeId: number, purpose: LinkPurpose): Promise<BrokerLink> {
    const broker = this.#brokers.get(nodeId);
    if (broker === undefined) throw new LinkLostError(`${nodeId}`, "its address is not known");
    return await this.#linkTo(broker, purpose);
  }

  /** A link to the controller, or to a broker that passes requests on to it. */
  async controllerLink(): Promise<BrokerLink> {
    const { controllerId } = await this.metadata([]);
    return await this.link(controllerId, "control");
  }

  /** Ends all links at once, long polls included. May be called more than once. */
  close(): void {
    this.#isClosed = true;
    this.#loseLinks("the client was closed");
  }

  async #askForBrokers(address: Address, topics: readonly string[]): Promise<ClusterMetadata> {
    const link = await this.#linkTo(address, "control");
    const request = metadataRequest(topics, link.maxVersion(METADATA_API_KEY));
    const metadata = await link.send(request, METADATA_TIMEOUT_MS);
    this.#brokers.clear();
    for (const broker of metadata.brokers) this.#brokers.set(broker.nodeId, broker);
    return metadata;
  }

  async #linkTo(address: Address, purpose: LinkPurpose): Promise<BrokerLink> {
    const name = formatAddress(address);
    if (this.#isClosed) throw new LinkLostError(name, "the client was closed");
    const key = linkKey(name, purpose);
    let link = this.#links.get(key);
    if (link === undefined || link.isLost) {
      // The brokers of the cluster are where it says they are.
      refuseExposedCredentials(address, this.#security);
      link = new BrokerLink(name, () => this.#makeBroker(address), this.#security);
      this.#links.set(key, link);
    }
    await link.ready;
    return link;
  }

  /** Those with a living link first, then the others, then those of the command line. */
  #brokersToAsk(): Iterable<Address> {
    const byName = new Map<string, Address>();
    const known = [...this.#brokers.values(), ...this.#bootstrap];
    for (const isLinked of [true, false]) {
      for (const address of known) {
        const name = formatAddress(address);
        const link = this.#links.get(linkKey(name, "control"));
        if ((link !== undefined && !link.isLost) === isLinked) byName.set(name, address);
      }
    }
    return byName.values();
  }

  #loseLinks(state: string): void {
    for (const link of this.#links.values()) link.lose(state);
    this.#links.clear();
  }
}

function linkKey(address: string, purpose: LinkPurpose): string {
  return `${purpose} ${address}`;
}

/** What a person is told when none of the brokers was of use. */
function connectError(thrown: unknown, brokers: readonly string[]): unknown {
  if (!(thrown instanceof AggregateError)) return thrown;
  const errors: readonly unknown[] = thrown.errors;
  const refusal = errors.find((error) => error instanceof KonnError);
  return refusal ?? unreachableError(brokers, errors[0]);
}

function isUnreachable(error: unknown): error is KonnError {
  return error instanceof KonnError && error.code === UNREACHABLE;
}

const UNREACHABLE = "KAFKA_UNREACHABLE";

/** Kafka does not answer at these addresses. */
export function unreachableError(brokers: readonly string[], cause: unknown): KonnError {
  return new KonnError(`Cannot reach Kafka at ${brokers.join(", ")}: ${messageOf(cause)}`, {
    code: UNREACHABLE,
    mayPass: true,
    hint: "Is Kafka running there? Name its address with --brokers HOST:PORT, or give it time to start with --wait 60s.",
    cause,
  });
}
