import { isIPv4 } from "node:net";
import { getCACertificates } from "node:tls";
import { KonnError } from "./errors.ts";

/** What a connection over TLS is made with. The other side is verified, always. */
export interface TlsMaterial {
  /** PEM of the authorities to trust, and no others. Those of the system where it is not said. */
  readonly ca?: string | undefined;
  /** PEM of the certificate that we show, with its chain. */
  readonly cert?: string | undefined;
  /** PEM of its private key. */
  readonly key?: string | undefined;
}

/** Who we are to a service. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** The options of a TLS socket. `NODE_TLS_REJECT_UNAUTHORIZED` has no say in them. */
export interface TlsSocketOptions {
  readonly ca: string | string[];
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized: true;
}

export function tlsSocketOptions({ ca, cert, key }: TlsMaterial): TlsSocketOptions {
  return {
    ca: ca ?? commonAuthorities(),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    rejectUnauthorized: true,
  };
}

let common: string[] | undefined;

/** Those that Bun brings, those of the system, and those of NODE_EXTRA_CA_CERTS. */
function commonAuthorities(): string[] {
  common ??= [...new Set([...getCACertificates("default"), ...getCACertificates("system")])];
  return common;
}

/** Whether what is sent to a host does not leave this machine. Brackets of IPv6 may be there. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, "").toLowerCase();
  return name === "localhost" || name === "::1" || (isIPv4(name) && name.startsWith("127."));
}

/** A name and a password would go over the network for everybody to read. */
export function exposedCredentialsError(
  service: "Kafka" | "OpenSearch",
  { host, remedy }: { host: string; remedy: string },
): KonnError {
  return new KonnError(
    `Cannot send a user and password to ${service} at ${host}: without TLS anybody between could read them`,
    {
      code: `${service.toUpperCase()}_CREDENTIALS_EXPOSED`,
      kind: "usage",
      hint: `${remedy}, or allow it with --insecure.`,
    },
  );
}
