import { KonnError } from "../../base/errors.ts";
import { tlsNotSpoken } from "../../base/tls_failure.ts";
import { speaksTls } from "../../base/tls_probe.ts";
import type { Logger } from "../../observe/observer.ts";
import { formatAddress } from "./address.ts";
import { BrokerLink } from "./broker_link.ts";
import { type Address, loadKafkajs } from "./kafkajs.ts";
import { LinkLostError } from "./protocol_error.ts";
import { saslHandshakeRequest } from "./sasl_handshake_request.ts";
import { type KafkaSecurity, peerOf } from "./security.ts";

const PROBE_TIMEOUT_MS = 1_000;

/** A broker ends a connection without a word when it does not understand what it hears. */
const ENDED_BY_BROKER = /closed|disconnected|ECONNRESET|EPIPE/i;

/**
 * Why a broker hung up on us, when the two of us do not speak the same protocol: asks it what it
 * does speak. Nothing secret is sent. Undefined when that is not the reason.
 */
export async function diagnose(
  thrown: unknown,
  address: Address,
  { security, log }: { security: KafkaSecurity; log: Logger },
): Promise<KonnError | undefined> {
  if (!(thrown instanceof LinkLostError) || !ENDED_BY_BROKER.test(thrown.message)) return undefined;
  const name = formatAddress(address);
  if (security.sasl === undefined) {
    const mechanisms = await offeredMechanisms(address, { security, log });
    if (mechanisms.length > 0) return loginNeeded(name, mechanisms, thrown);
  }
  if (security.tls === undefined) {
    return (await speaksTls(address)) ? tlsNeeded(name, thrown) : undefined;
  }
  return (await answersPlaintext(address, log))
    ? tlsNotSpoken(peerOf(name, security), thrown)
    : undefined;
}

/** None when the port has no users, or does not answer. */
async function offeredMechanisms(
  address: Address,
  { security, log }: { security: KafkaSecurity; log: Logger },
): Promise<readonly string[]> {
  return await withLink(address, { security, log }, async (link) => {
    const { mechanisms } = await link.send(saslHandshakeRequest("PLAIN"), PROBE_TIMEOUT_MS);
    return mechanisms;
  }).catch(() => []);
}

async function answersPlaintext(address: Address, log: Logger): Promise<boolean> {
  return await withLink(address, { security: {}, log }, async () => true).catch(() => false);
}

async function withLink<T>(
  address: Address,
  { security, log }: { security: KafkaSecurity; log: Logger },
  use: (link: BrokerLink) => Promise<T>,
): Promise<T> {
  const makeBroker = await loadKafkajs(log, security);
  const link = new BrokerLink(formatAddress(address), () => makeBroker(address), security);
  const timer = setTimeout(() => link.lose("the diagnosis took too long"), PROBE_TIMEOUT_MS);
  try {
    await link.ready;
    return await use(link);
  } finally {
    clearTimeout(timer);
    link.lose("the diagnosis is over");
  }
}

function loginNeeded(name: string, mechanisms: readonly string[], cause: Error): KonnError {
  return new KonnError(`Cannot use Kafka broker ${name}: it demands a login`, {
    code: "KAFKA_SASL_EXPECTED",
    hint: `It offers ${mechanisms.join(", ")}. Set --kafka-sasl-mechanism, --kafka-username and KONN_KAFKA_PASSWORD or --kafka-password-file.`,
    cause,
  });
}

function tlsNeeded(name: string, cause: Error): KonnError {
  return new KonnError(`Cannot use Kafka broker ${name}: this port speaks TLS`, {
    code: "KAFKA_TLS_EXPECTED",
    hint: "Add --kafka-tls, and --kafka-ca-file FILE when its authority is your own.",
    cause,
  });
}
