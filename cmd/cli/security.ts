import type { ConnectionSecurity } from "../../core/connectors/mod.ts";
import {
  type KAFKA_SECURITY_SETTINGS,
  type OPENSEARCH_SECURITY_SETTINGS,
  readCredentials,
  readTlsFiles,
  type Settings,
} from "../../core/config/mod.ts";
import { KonnError } from "../../core/base/errors.ts";

export type KafkaSecuritySettings = Settings<(typeof KAFKA_SECURITY_SETTINGS)[number]>;
export type OpenSearchSecuritySettings = Settings<(typeof OPENSEARCH_SECURITY_SETTINGS)[number]>;

type KafkaSecurity = ReturnType<ConnectionSecurity["kafka"]>;
type OpenSearchSecurity = ReturnType<ConnectionSecurity["openSearch"]>;

/**
 * How to enter the services, from the settings of a command. Files are read when a connection needs
 * them, and once: a pipe can be read no second time.
 *
 * @param settings for OpenSearch, from a command that has any
 */
export function connectionSecurity(
  kafka: KafkaSecuritySettings,
  openSearch?: OpenSearchSecuritySettings,
): ConnectionSecurity {
  return {
    kafka: once(() => kafkaSecurity(kafka)),
    openSearch: once(() => (openSearch === undefined ? {} : openSearchSecurity(openSearch))),
  };
}

/** How to enter OpenSearch, from the settings of a command that meets no Kafka. */
export function searchSecurity(
  settings: OpenSearchSecuritySettings,
): Pick<ConnectionSecurity, "openSearch"> {
  return { openSearch: once(() => openSearchSecurity(settings)) };
}

/** For a command that reaches no service. */
export function noSecurity(): ConnectionSecurity {
  return { kafka: () => ({}), openSearch: () => ({}) };
}

function kafkaSecurity(settings: KafkaSecuritySettings): KafkaSecurity {
  const { insecure } = settings;
  const files = {
    caFile: settings["kafka-ca-file"],
    certFile: settings["kafka-cert-file"],
    keyFile: settings["kafka-key-file"],
  };
  const usesTls = settings["kafka-tls"];
  if (!usesTls && Object.values(files).some((file) => file !== undefined)) throw filesWithoutTls();
  const tls = usesTls ? readTlsFiles({ prefix: "kafka", ...files }) : undefined;
  return { tls, sasl: saslCredentials(settings), insecure };
}

function saslCredentials(settings: KafkaSecuritySettings): KafkaSecurity["sasl"] {
  const mechanism = settings["kafka-sasl-mechanism"];
  const credentials = readCredentials({
    prefix: "kafka",
    username: settings["kafka-username"],
    password: settings["kafka-password"],
    passwordFile: settings["kafka-password-file"],
  });
  if (mechanism !== undefined && credentials !== undefined) return { mechanism, ...credentials };
  if (mechanism === undefined && credentials === undefined) return undefined;
  const [given, missing] =
    mechanism === undefined
      ? ["kafka-username", "kafka-sasl-mechanism"]
      : ["kafka-sasl-mechanism", "kafka-username"];
  throw new KonnError(`Cannot use ${given} without ${missing}`, {
    code: "CREDENTIALS_INCOMPLETE",
    kind: "usage",
    hint: "A login takes --kafka-sasl-mechanism, --kafka-username and KONN_KAFKA_PASSWORD or --kafka-password-file.",
  });
}

function openSearchSecurity(settings: OpenSearchSecuritySettings): OpenSearchSecurity {
  const tls = readTlsFiles({
    prefix: "opensearch",
    caFile: settings["opensearch-ca-file"],
    certFile: settings["opensearch-cert-file"],
    keyFile: settings["opensearch-key-file"],
  });
  const credentials = readCredentials({
    prefix: "opensearch",
    username: settings["opensearch-username"],
    password: settings["opensearch-password"],
    passwordFile: settings["opensearch-password-file"],
  });
  return { tls, credentials, insecure: settings.insecure };
}

function filesWithoutTls(): KonnError {
  return new KonnError("Cannot use certificates for Kafka without kafka-tls", {
    code: "TLS_FILES_INCOMPLETE",
    kind: "usage",
    hint: "Add --kafka-tls, or leave out the files.",
  });
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
