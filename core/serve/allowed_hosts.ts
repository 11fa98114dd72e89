import { hostname as nameOfMachine, networkInterfaces } from "node:os";
import { isLoopback } from "./rate_limit.ts";

/** Where a server listens. */
export interface ListenAddress {
  /** A name or an address; IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
}

const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);
const LOOPBACK: readonly string[] = ["127.0.0.1", "localhost", "::1"];
const DEFAULT_PORT = 80;

/**
 * What a request may name as its host, and nothing else: a page of somebody else's that has its own
 * name resolve to this address (DNS rebinding) would read the answers otherwise.
 *
 * @param names names under which the server is reached besides, with or without a port
 */
export function allowedHosts(
  { hostname, port }: ListenAddress,
  names: readonly string[] = [],
): ReadonlySet<string> {
  const own = ownNames(hostname).map(bracketed);
  const hosts = own.map((name) => `${name}:${port}`);
  // A client leaves out the port that everybody knows.
  if (port === DEFAULT_PORT) hosts.push(...own);
  // A proxy that stands before the server is reached at another port.
  const given = names.flatMap((name) => [name, `${name}:${port}`]);
  return new Set([...hosts, ...given].map((host) => host.toLowerCase()));
}

function ownNames(hostname: string): readonly string[] {
  if (WILDCARDS.has(hostname)) {
    const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    return [...LOOPBACK, nameOfMachine(), ...addresses.map(({ address }) => address)];
  }
  return isLoopback(hostname) ? [hostname, ...LOOPBACK] : [hostname];
}

function bracketed(name: string): string {
  return name.includes(":") ? `[${name}]` : name;
}
