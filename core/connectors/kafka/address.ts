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

/** The one form in which these topics of this cluster are named in checkpoints. */
export function canonicalAddress(brokers: readonly string[], topics: readonly string[]): string {
  const addresses = brokers.map((broker) => formatAddress(oneLoopback(parseAddress(broker))));
  return `kafka://${sortedList(addresses)}/${sortedList(topics)}`;
}

/** This machine has several names and is one place. */
function oneLoopback({ host, port }: Address): Address {
  return { host: host === "127.0.0.1" || host === "::1" ? "localhost" : host, port };
}

function sortedList(items: readonly string[]): string {
  return [...new Set(items)].toSorted().join(",");
}
