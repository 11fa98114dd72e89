import { KonnError } from "./errors.ts";

/** The service that a TLS connection was for, as messages name it. */
export interface TlsPeer {
  /** Where its error codes begin: `KAFKA_CERTIFICATE_EXPIRED`. */
  readonly service: "KAFKA" | "OPENSEARCH";
  /** "Kafka broker host:port". */
  readonly name: string;
  /** What to do when the port does not speak TLS. */
  readonly plaintextRemedy: string;
  /** Whether we show a certificate of our own. */
  readonly hasCertificate: boolean;
}

type Failure =
  | "CERTIFICATE_EXPIRED"
  | "CERTIFICATE_NOT_YET_VALID"
  | "CERTIFICATE_WRONG_HOST"
  | "CERTIFICATE_UNTRUSTED"
  | "CLIENT_CERTIFICATE_MISSING"
  | "CLIENT_CERTIFICATE_REFUSED"
  | "TLS_NOT_SPOKEN"
  | "TLS_FAILED";

/** What Node's names of OpenSSL's verification errors mean. */
const VERIFICATION_FAILURES: Readonly<Record<string, Failure>> = {
  CERT_HAS_EXPIRED: "CERTIFICATE_EXPIRED",
  CERT_NOT_YET_VALID: "CERTIFICATE_NOT_YET_VALID",
  ERR_TLS_CERT_ALTNAME_INVALID: "CERTIFICATE_WRONG_HOST",
  SELF_SIGNED_CERT_IN_CHAIN: "CERTIFICATE_UNTRUSTED",
  DEPTH_ZERO_SELF_SIGNED_CERT: "CERTIFICATE_UNTRUSTED",
  UNABLE_TO_GET_ISSUER_CERT: "CERTIFICATE_UNTRUSTED",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "CERTIFICATE_UNTRUSTED",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "CERTIFICATE_UNTRUSTED",
  CERT_UNTRUSTED: "CERTIFICATE_UNTRUSTED",
  CERT_SIGNATURE_FAILURE: "CERTIFICATE_UNTRUSTED",
  CERT_REVOKED: "CERTIFICATE_UNTRUSTED",
  CERT_CHAIN_TOO_LONG: "CERTIFICATE_UNTRUSTED",
  INVALID_CA: "CERTIFICATE_UNTRUSTED",
  INVALID_PURPOSE: "CERTIFICATE_UNTRUSTED",
};

/** The other side ended the handshake over our certificate, or over its absence. */
const CERTIFICATE_ALERT =
  /^ERR_SSL_.*_ALERT_(?:BAD_CERTIFICATE|CERTIFICATE_\w+|UNSUPPORTED_CERTIFICATE|NO_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)$/;
const NO_TLS = /^ERR_SSL_(?:WRONG_VERSION_NUMBER|HTTP_REQUEST|HTTPS_PROXY_REQUEST)$/;

/**
 * The error for a TLS connection that failed for a reason that no waiting mends. Undefined for
 * everything else: a connection that was cut may be better next time.
 */
export function tlsFailure(thrown: unknown, peer: TlsPeer): KonnError | undefined {
  const failure = failureOf(codeOf(thrown), peer);
  return failure && tlsError(failure, peer, thrown);
}

/** The port speaks something else. */
export function tlsNotSpoken(peer: TlsPeer, cause: unknown): KonnError {
  return tlsError("TLS_NOT_SPOKEN", peer, cause);
}

function failureOf(code: string, { hasCertificate }: TlsPeer): Failure | undefined {
  const verification = Object.hasOwn(VERIFICATION_FAILURES, code);
  if (verification) return VERIFICATION_FAILURES[code];
  if (CERTIFICATE_ALERT.test(code)) {
    return hasCertificate ? "CLIENT_CERTIFICATE_REFUSED" : "CLIENT_CERTIFICATE_MISSING";
  }
  if (NO_TLS.test(code)) return "TLS_NOT_SPOKEN";
  return code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") ? "TLS_FAILED" : undefined;
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string"
    ? thrown.code
    : "";
}

function tlsError(failure: Failure, peer: TlsPeer, cause: unknown): KonnError {
  const { state, hint } = EXPLANATIONS[failure](`--${peer.service.toLowerCase()}`, peer);
  const code = `${peer.service}_${failure}`;
  return new KonnError(`Cannot connect to ${peer.name}: ${state}`, { code, hint, cause });
}

/** What is wrong and what to do, with the beginning of the flags that are concerned. */
const EXPLANATIONS: Readonly<
  Record<Failure, (flag: string, peer: TlsPeer) => { state: string; hint: string }>
> = {
  CERTIFICATE_EXPIRED: () => ({
    state: "its certificate has expired",
    hint: "Whoever runs it has to renew it. Is the clock of this machine right?",
  }),
  CERTIFICATE_NOT_YET_VALID: () => ({
    state: "its certificate is not valid yet",
    hint: "Is the clock of this machine right?",
  }),
  CERTIFICATE_WRONG_HOST: () => ({
    state: "its certificate is for another host",
    hint: "Name it by a host that stands in its certificate, or have it issued for this one.",
  }),
  CERTIFICATE_UNTRUSTED: (flag) => ({
    state: "its certificate was not issued by an authority that is trusted here",
    hint: `Name the file with its authority: ${flag}-ca-file FILE.`,
  }),
  CLIENT_CERTIFICATE_MISSING: (flag) => ({
    state: "it demands a client certificate",
    hint: `Give it one: ${flag}-cert-file FILE ${flag}-key-file FILE.`,
  }),
  CLIENT_CERTIFICATE_REFUSED: (flag) => ({
    state: "it does not accept our client certificate",
    hint: `Its authority must be one that the server trusts. Look at ${flag}-cert-file.`,
  }),
  TLS_NOT_SPOKEN: (_flag, { plaintextRemedy }) => ({
    state: "it does not speak TLS",
    hint: plaintextRemedy,
  }),
  TLS_FAILED: () => ({
    state: "the TLS handshake failed",
    hint: "Both sides need a common version (TLS 1.2 or newer) and cipher.",
  }),
};
