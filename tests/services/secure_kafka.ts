/** Kafka with TLS and users, on a JDK of this machine. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Certificate, LOOPBACK_NAMES, type TestAuthority } from "./certificates.ts";
import { useClassCache } from "./class_cache.ts";
import { installKafka, startNode } from "./kafka.ts";
import { freePort, LOOPBACK, startOnFreePorts } from "./ports.ts";
import type { KafkaService } from "./service.ts";

/** A user by the name and password that all mechanisms take. */
export interface KafkaUser {
  readonly name: string;
  readonly password: string;
}

export interface SecureKafkaOptions {
  /** Who signs the broker's certificates and those of its clients. */
  readonly authority: TestAuthority;
  /** Where the broker's own files go; the caller removes it. */
  readonly folder: string;
  /** The first may do everything, and so may a client certificate of the same name. */
  readonly users: readonly [KafkaUser, ...KafkaUser[]];
}

/** One broker with a listener for each way of coming in. All of them as `host:port`. */
export interface SecureKafkaService extends KafkaService {
  /** Without anything; whoever comes in here may do everything. */
  readonly brokers: string;
  /** TLS, then PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. Sessions of SCRAM-SHA-512 last five seconds. */
  readonly saslSsl: string;
  /** A name and a password, but no TLS. */
  readonly saslPlaintext: string;
  /** As that, but it sends its clients on to {@link ELSEWHERE}. */
  readonly elsewhere: string;
  /** TLS with a client certificate. */
  readonly ssl: string;
  /** TLS with a certificate whose time is over. */
  readonly expired: string;
  /** TLS with a certificate for another host. */
  readonly otherName: string;
}

/** A host that is not there, as a broker may advertise one. */
export const ELSEWHERE = "elsewhere.invalid";

const MECHANISMS = ["SCRAM-SHA-256", "SCRAM-SHA-512"] as const;
const SESSION_MS = 5_000;

/** The listeners beside PLAINTEXT and CONTROLLER, and what they speak. */
const PROTOCOLS = {
  SASL_SSL: "SASL_SSL",
  SASL_PLAINTEXT: "SASL_PLAINTEXT",
  ELSEWHERE: "SASL_PLAINTEXT",
  SSL: "SSL",
  EXPIRED: "SSL",
  OTHERNAME: "SSL",
} as const;

type ListenerName = keyof typeof PROTOCOLS;

/** Starts a Kafka of its own on random free ports, installing it first when need be. */
export async function startSecureKafka(options: SecureKafkaOptions): Promise<SecureKafkaService> {
  const installation = await installKafka();
  return await startOnFreePorts(undefined, async (port, controllerPort) => {
    const ports: Record<ListenerName, number> = {
      SASL_SSL: await freePort(),
      SASL_PLAINTEXT: await freePort(),
      ELSEWHERE: await freePort(),
      SSL: await freePort(),
      EXPIRED: await freePort(),
      OTHERNAME: await freePort(),
    };
    const settings = {
      ...listeners({ ...ports, PLAINTEXT: port }, controllerPort),
      ...tls(options),
      ...users(options),
    };
    const server = await startNode(installation, {
      settings,
      jvmFlags: useClassCache(installation),
      scramUsers: options.users.flatMap(({ name, password }) =>
        MECHANISMS.map((mechanism) => `${mechanism}=[name=${name},password=${password}]`),
      ),
    });
    return Object.assign(server, {
      brokers: `${LOOPBACK}:${port}`,
      saslSsl: `${LOOPBACK}:${ports.SASL_SSL}`,
      saslPlaintext: `${LOOPBACK}:${ports.SASL_PLAINTEXT}`,
      elsewhere: `${LOOPBACK}:${ports.ELSEWHERE}`,
      ssl: `${LOOPBACK}:${ports.SSL}`,
      expired: `${LOOPBACK}:${ports.EXPIRED}`,
      otherName: `${LOOPBACK}:${ports.OTHERNAME}`,
    });
  });
}

function listeners(
  ports: Readonly<Record<string, number>>,
  controllerPort: number,
): Record<string, string> {
  const addresses = Object.entries(ports).map(([name, port]) => `${name}://${LOOPBACK}:${port}`);
  const protocols = { ...PROTOCOLS, PLAINTEXT: "PLAINTEXT", CONTROLLER: "PLAINTEXT" };
  return {
    "process.roles": "broker,controller",
    "node.id": "1",
    listeners: [...addresses, `CONTROLLER://${LOOPBACK}:${controllerPort}`].join(","),
    "advertised.listeners": addresses
      .map((address) =>
        address.startsWith("ELSEWHERE:") ? address.replace(LOOPBACK, ELSEWHERE) : address,
      )
      .join(","),
    "listener.security.protocol.map": Object.entries(protocols)
      .map((pair) => pair.join(":"))
      .join(","),
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.bootstrap.servers": `${LOOPBACK}:${controllerPort}`,
  };
}

function tls({ authority, folder }: SecureKafkaOptions): Record<string, string> {
  const keystore = (name: string, certificate: Certificate): string => {
    const file = join(folder, `${name}.keystore.pem`);
    const parts = [certificate.keyFile, certificate.certFile, authority.caFile];
    writeFileSync(file, parts.map((part) => readFileSync(part, "utf8")).join(""), { mode: 0o600 });
    return file;
  };
  const broker = { commonName: "broker", alternativeNames: LOOPBACK_NAMES };
  const expired = authority.issue({ ...broker, isExpired: true });
  const otherName = authority.issue({ ...broker, alternativeNames: "DNS:elsewhere.example" });
  return {
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": keystore("broker", authority.issue(broker)),
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": authority.caFile,
    "listener.name.ssl.ssl.client.auth": "required",
    "listener.name.expired.ssl.keystore.location": keystore("expired", expired),
    "listener.name.othername.ssl.keystore.location": keystore("othername", otherName),
  };
}

function users({ users: all }: SecureKafkaOptions): Record<string, string> {
  const [first] = all;
  const plain = all.map(({ name, password }) => `user_${name}="${password}"`).join(" ");
  const settings: Record<string, string> = {
    "sasl.enabled.mechanisms": ["PLAIN", ...MECHANISMS].join(","),
    "listener.name.sasl_ssl.scram-sha-512.connections.max.reauth.ms": `${SESSION_MS}`,
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": `User:ANONYMOUS;User:${first.name};User:CN=${first.name}`,
  };
  for (const listener of ["sasl_ssl", "sasl_plaintext", "elsewhere"]) {
    const prefix = `listener.name.${listener}`;
    settings[`${prefix}.plain.sasl.jaas.config`] =
      `org.apache.kafka.common.security.plain.PlainLoginModule required ${plain};`;
    for (const mechanism of MECHANISMS) {
      settings[`${prefix}.${mechanism.toLowerCase()}.sasl.jaas.config`] =
        "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    }
  }
  return settings;
}
