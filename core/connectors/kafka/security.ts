import { KonnError } from "../../base/errors.ts";
import { tlsFailure, type TlsPeer } from "../../base/tls_failure.ts";
import {
  type Credentials,
  exposedCredentialsError,
  isLoopback,
  type TlsMaterial,
} from "../../base/transport_security.ts";
import { formatAddress } from "./address.ts";
import type { Address } from "./kafkajs.ts";
import { ERROR_CODES } from "./protocol_error.ts";

export type SaslMechanism = "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";

/** Who we are to Kafka, and by which mechanism we prove it. */
export interface SaslCredentials extends Credentials {
  readonly mechanism: SaslMechanism;
}

/** How to enter a cluster. Without anything: in plaintext and as nobody. */
export interface KafkaSecurity {
  /** Speak TLS. An empty one trusts the authorities of the system. */
  readonly tls?: TlsMaterial | undefined;
  readonly sasl?: SaslCredentials | undefined;
  /** Credentials may go over plaintext to hosts other than this machine. */
  readonly insecure?: boolean | undefined;
}

/** Throws `KAFKA_CREDENTIALS_EXPOSED` before a password would leave this machine in the clear. */
export function refuseExposedCredentials(
  { host, port }: Address,
  { tls, sasl, insecure = false }: KafkaSecurity,
): void {
  if (tls !== undefined || sasl === undefined || insecure || isLoopback(host)) return;
  const remedy = "Use a port that speaks TLS, with --kafka-tls";
  throw exposedCredentialsError("Kafka", { host: formatAddress({ host, port }), remedy });
}

/** A broker as the errors of TLS name it. */
export function peerOf(address: string, { tls }: KafkaSecurity): TlsPeer {
  return {
    service: "KAFKA",
    name: `Kafka broker ${address}`,
    hasCertificate: tls?.cert !== undefined,
    plaintextRemedy:
      "Name a port that does with --brokers, or leave out --kafka-tls and what belongs to it.",
  };
}

/** What kafkajs says at the end of its messages when the connection broke meanwhile. */
const CUT_MEANWHILE =
  /(?:Closed connection|Connection closed by the server|Connection timeout|Not connected|Connection error: .*)$/s;

/** kafkajs's error for a login that the broker did not accept, and for all that went wrong in it. */
function isSaslError(thrown: unknown): thrown is Error {
  return thrown instanceof Error && thrown.name === "KafkaJSSASLAuthenticationError";
}

/** Whether a login ended without an answer: it may succeed the next time. */
export function isCutLogin(thrown: unknown): thrown is Error {
  return isSaslError(thrown) && CUT_MEANWHILE.test(thrown.message);
}

/**
 * The error for an entrance that no waiting opens, from what kafkajs threw and the code of Kafka's
 * protocol in it. Undefined when it is something else.
 */
export function entryError(
  thrown: unknown,
  {
    code,
    address,
    security,
  }: { code: number | undefined; address: string; security: KafkaSecurity },
): KonnError | undefined {
  if (code === ERROR_CODES.UNSUPPORTED_SASL_MECHANISM) {
    const mechanism = security.sasl?.mechanism ?? "this mechanism";
    return new KonnError(
      `Cannot log in at Kafka broker ${address}: it does not offer ${mechanism}`,
      {
        code: "KAFKA_SASL_MECHANISM_UNSUPPORTED",
        hint: "Choose another with --kafka-sasl-mechanism: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512.",
        cause: thrown,
      },
    );
  }
  if (code === ERROR_CODES.ILLEGAL_SASL_STATE) {
    return new KonnError(`Cannot log in at Kafka broker ${address}: this port has no users`, {
      code: "KAFKA_SASL_NOT_SPOKEN",
      hint: "Name a port with SASL with --brokers, or leave out --kafka-sasl-mechanism and what belongs to it.",
      cause: thrown,
    });
  }
  const isRefused = code === ERROR_CODES.SASL_AUTHENTICATION_FAILED || isSaslError(thrown);
  return isRefused ? loginError(thrown, address) : tlsFailure(thrown, peerOf(address, security));
}

function loginError(thrown: unknown, address: string): KonnError {
  return new KonnError(
    `Cannot log in at Kafka broker ${address}: it does not accept this user and password`,
    {
      code: "KAFKA_AUTHENTICATION_FAILED",
      hint: "Look at --kafka-username, at KONN_KAFKA_PASSWORD or --kafka-password-file, and at --kafka-sasl-mechanism: a user may have a password for one mechanism alone.",
      cause: thrown,
    },
  );
}
