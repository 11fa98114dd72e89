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
import { isTransient, LinkLostError } from "./protocol_error.ts";

/** A command at a terminal must not wait longer than five seconds to hear that nobody answers. */
export const CONNECT_DEADLINE_MS = 4_500;
const METADATA_TIMEOUT_MS = 3_000;

/** How to reach and enter a cluster. Whatever TLS and SASL need belongs here. */
export interface KafkaConnection {
  /** `host:port`, at least one. Others of the cluster are found by asking these. */
  readonly brokers: readonly string[];
}

/** What a link is for. A long poll must not hold up anything else. */
export type LinkPurpose = "control" | "fetch" | "produce";

/** The links to the brokers of one cluster, dialled when they are first needed. */
export class KafkaClient {
  readonly #makeBroker: BrokerFactory;
  readonly #bootstrap: readonly Address[];
  readonly #links = new Map<string, BrokerLink>();
  readonly #brokers = new Map<number, BrokerAddress>();
  #isClosed = false;

  private constructor(makeBroker: BrokerFactory, bootstrap: readonly Address[]) {
    this.#makeBroker = makeBroker;
    this.#bootstrap = bootstrap;
  }

  /**
   * Asks all given brokers at once and takes the first answer.
   *
   * Throws `KAFKA_UNREACHABLE` within five seconds, or what the brokers said against us.
   */
  static async connect(
    connection: KafkaConnection,
    options: { log: Logger; signal: AbortSignal },
  ): Promise<KafkaClient> {
    const bootstrap = connection.brokers.map(parseAddress);
    const client = new KafkaClient(await loadKafkajs(options.log), bootstrap);
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
      throw connectError(thrown, connection.brokers);
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
      link = new BrokerLink(name, () => this.#makeBroker(address));
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

/** Kafka does not answer at these addresses. */
export function unreachableError(brokers: readonly string[], cause: unknown): KonnError {
  return new KonnError(`Cannot reach Kafka at ${brokers.join(", ")}: ${messageOf(cause)}`, {
    code: "KAFKA_UNREACHABLE",
    mayPass: true,
    hint: "Is Kafka running there? Name its address with --brokers HOST:PORT, or give it time to start with --wait 60s.",
    cause,
  });
}
