import { KonnError } from "../../base/errors.ts";
import type { TlsPeer } from "../../base/tls_failure.ts";
import {
  type Credentials,
  exposedCredentialsError,
  isLoopback,
  type TlsMaterial,
} from "../../base/transport_security.ts";

/** How to enter a cluster. Whether TLS is spoken says the scheme of its URL. */
export interface OpenSearchSecurity {
  /** For https. An empty one, or none, trusts the authorities of the system. */
  readonly tls?: TlsMaterial | undefined;
  readonly credentials?: Credentials | undefined;
  /** Credentials may go over plaintext to hosts other than this machine. */
  readonly insecure?: boolean | undefined;
}

/** An address without credentials, and what stood in it. */
export interface Entrance {
  readonly url: URL;
  readonly security: OpenSearchSecurity;
}

/**
 * Takes a URL apart. Credentials in it count where there are no others.
 *
 * @throws KonnError (usage) `OPENSEARCH_CREDENTIALS_EXPOSED` when a password would leave this machine
 * in the clear, `OPENSEARCH_NOT_TLS` when there are files for TLS that would not be spoken
 */
export function entranceOf(address: string, security: OpenSearchSecurity): Entrance {
  const url = new URL(address);
  const inUrl =
    url.username === ""
      ? undefined
      : {
          username: decodeURIComponent(url.username),
          password: decodeURIComponent(url.password),
        };
  const credentials = security.credentials ?? inUrl;
  url.username = "";
  url.password = "";
  const entrance = { url, security: { ...security, credentials } };
  if (url.protocol === "https:") return entrance;
  const { tls, insecure = false } = security;
  if (tls?.ca !== undefined || tls?.cert !== undefined) throw notTls(shownUrl(url));
  if (credentials === undefined || insecure || isLoopback(url.hostname)) return entrance;
  const remedy = "Write https:// in --opensearch-url";
  throw exposedCredentialsError("OpenSearch", { host: url.host, remedy });
}

/** For messages: without credentials and without a slash at the end. */
export function shownUrl({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname.replace(/\/$/, "")}`;
}

/** The host and the port that a URL leads to. */
export function addressOf({ protocol, hostname, port }: URL): { host: string; port: number } {
  const usual = protocol === "https:" ? 443 : 80;
  return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port === "" ? usual : port) };
}

/** OpenSearch as the errors of TLS name it. */
export function peerOf({ url, security }: Entrance): TlsPeer {
  return {
    service: "OPENSEARCH",
    name: `OpenSearch at ${shownUrl(url)}`,
    hasCertificate: security.tls?.cert !== undefined,
    plaintextRemedy: "Write http:// in --opensearch-url.",
  };
}

function notTls(url: string): KonnError {
  return new KonnError(`Cannot use certificates with ${url}: it is not https`, {
    code: "OPENSEARCH_NOT_TLS",
    kind: "usage",
    hint: "Write https:// in --opensearch-url, or leave out the files.",
  });
}

/** The port speaks TLS, and we did not. */
export function tlsExpected(url: string): KonnError {
  return new KonnError(`Cannot use OpenSearch at ${url}: this port speaks TLS`, {
    code: "OPENSEARCH_TLS_EXPECTED",
    hint: "Write https:// in --opensearch-url, and add --opensearch-ca-file FILE when its authority is your own.",
  });
}

/** It wants to know who we are, and does not believe it. */
export function notAccepted(url: string, { credentials, tls }: OpenSearchSecurity): KonnError {
  const hasTold = credentials !== undefined || tls?.cert !== undefined;
  const state = hasTold
    ? "it does not accept this user and password"
    : "it demands a user and password";
  const places =
    "--opensearch-username, and KONN_OPENSEARCH_PASSWORD or --opensearch-password-file";
  return new KonnError(`Cannot log in to OpenSearch at ${url}: ${state}`, {
    code: "OPENSEARCH_UNAUTHORIZED",
    hint: hasTold ? `Look at ${places}.` : `Set ${places}.`,
  });
}
