import { KonnError } from "../../base/errors.ts";
import type { Address } from "./kafkajs.ts";

/** What Kafka listens on where nobody said otherwise. */
const DEFAULT_PORT = 9092;
const MAX_PORT = 65_535;
/** A name or an IPv4 address, or an IPv6 address in brackets; then perhaps a port. */
const BROKER = /^(?:\[(?<ipv6>[0-9a-fA-F:.]+)\]|(?<name>[^\s:[\]/@]+))(?::(?<port>\d+))?$/;

/** Reads `host:port`. Throws `KAFKA_ADDRESS_INVALID`. */
export function parseAddress(text: string): Address {
  const parts = BROKER.exec(text)?.groups;
  const host = parts?.["ipv6"] ?? parts?.["name"];
  const port = Number(parts?.["port"] ?? DEFAULT_PORT);
  if (host === undefined || port < 1 || port > MAX_PORT) {
    // What stands before an @ could be a password.
    const shown = JSON.stringify(text.slice(text.lastIndexOf("@") + 1));
    throw new KonnError(`Cannot use the broker address ${shown}: it is not HOST:PORT`, {
      code: "KAFKA_ADDRESS_INVALID",
      kind: "usage",
      hint: "Write --brokers HOST:PORT, several of them separated by commas.",
    });
  }
  return { host: host.toLowerCase(), port };
}

/** The way that `parseAddress` reads. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * The one form in which these topics of this cluster are named in checkpoints. A cluster is known
 * by its id, since its brokers come and go; only where it tells none, by the brokers.
 */
export function canonicalAddress(
  { clusterId, brokers }: { clusterId: string | null; brokers: readonly string[] },
  topics: readonly string[],
): string {
  return `kafka://${clusterId ?? brokerList(brokers)}/${sortedList(topics)}`;
}

/** The URL by which a person would name these topics. */
export function connectorUrl(brokers: readonly string[], topics: readonly string[]): string {
  return `kafka://${brokerList(brokers)}/${topics.join(",")}`;
}

const GROUP_PARAMETER = "?group=";

/** An address or a URL of topics, as a consumer group reads them. */
export function withGroup(address: string, group: string): string {
  return `${address}${GROUP_PARAMETER}${encodeURIComponent(group)}`;
}

/** Takes apart what `withGroup` has put together. */
export function splitGroup(address: string): { address: string; group: string | undefined } {
  const at = address.indexOf(GROUP_PARAMETER);
  if (at < 0) return { address, group: undefined };
  const group = decodeURIComponent(address.slice(at + GROUP_PARAMETER.length));
  return { address: address.slice(0, at), group };
}

function brokerList(brokers: readonly string[]): string {
  return sortedList(brokers.map((broker) => formatAddress(oneLoopback(parseAddress(broker)))));
}

/** This machine has several names and is one place. */
function oneLoopback({ host, port }: Address): Address {
  return { host: host === "127.0.0.1" || host === "::1" ? "localhost" : host, port };
}

function sortedList(items: readonly string[]): string {
  return [...new Set(items)].toSorted().join(",");
}
