/**
 * A real Kafka and a real OpenSearch for tests and for people.
 *
 * `sharedServices()` takes the addresses in KONN_TEST_KAFKA and KONN_TEST_OPENSEARCH where they
 * are given. Otherwise a server is started: by Docker Compose when an engine answers, else on a
 * JDK of this machine, installed once by Maven; those with TLS and users always on a JDK. No server outlives the process that started it.
 */

export {
  startKafkaCluster,
  type KafkaCluster,
  type KafkaClusterOptions,
  type KafkaNode,
} from "./kafka_cluster.ts";
export type { KafkaService, OpenSearchService, Service, StartOptions } from "./service.ts";
export { type Certificate, LOOPBACK_NAMES, TestAuthority } from "./certificates.ts";
export { type SecureKafkaService, startSecureKafka } from "./secure_kafka.ts";
export { startSecureOpenSearch } from "./secure_opensearch.ts";
export { sharedServices, type SharedServices } from "./shared.ts";
export { startKafka, startOpenSearch } from "./start.ts";
export { TcpProxy, type TcpProxyOptions } from "./tcp_proxy.ts";
