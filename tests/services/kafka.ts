/** Kafka on a JDK of this machine: one node that is broker and controller. */

import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MAKE_CLASS_CACHE_TIMEOUT_MS, makeClassCache, useClassCache } from "./class_cache.ts";
import { classPath } from "./class_path.ts";
import { install, type Installation } from "./install.ts";
import { findJdk } from "./jdk.ts";
import { LocalServer } from "./local_server.ts";
import { LOOPBACK, startOnFreePorts } from "./ports.ts";
import { run } from "./run.ts";
import type { KafkaService, StartOptions } from "./service.ts";

const MINIMUM_JDK_MAJOR = 17;
const POM = fileURLToPath(new URL("kafka/pom.xml", import.meta.url));
const VERSION = /<kafka.version>(.*)<\/kafka.version>/.exec(readFileSync(POM, "utf8"))?.[1] ?? "";
const TITLE = `Kafka ${VERSION}`;

/**
 * One small node that reacts within seconds. Retention stays at Kafka's seven days and is checked
 * often: a topic that needs its old records has to say so, here as in production.
 */
export const KAFKA_TEST_SETTINGS: Readonly<Record<string, string>> = {
  "auto.create.topics.enable": "false",
  "default.replication.factor": "1",
  "min.insync.replicas": "1",
  "num.partitions": "1",
  "num.network.threads": "2",
  "num.io.threads": "4",
  "background.threads": "2",

  // The internal topics.
  "offsets.topic.num.partitions": "4",
  "offsets.topic.replication.factor": "1",
  "transaction.state.log.num.partitions": "4",
  "transaction.state.log.replication.factor": "1",
  "transaction.state.log.min.isr": "1",
  "share.coordinator.state.topic.num.partitions": "1",
  "share.coordinator.state.topic.replication.factor": "1",
  "share.coordinator.state.topic.min.isr": "1",

  // After a crash a broker may come back only when its old session has expired.
  "broker.session.timeout.ms": "2000",
  "broker.heartbeat.interval.ms": "250",

  "group.initial.rebalance.delay.ms": "0",
  "group.min.session.timeout.ms": "1000",
  "transaction.max.timeout.ms": "60000",
  "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",

  // Retention and compaction, from the first second on.
  "log.initial.task.delay.ms": "500",
  "log.retention.check.interval.ms": "2000",
  "log.segment.delete.delay.ms": "1000",
  "log.cleaner.threads": "1",
  "log.cleaner.backoff.ms": "500",
  "log.cleaner.dedupe.buffer.size": "4194304",
};

const HEAP_FLAGS = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:-UsePerfData"];

/** The line that says that the node serves is the one that we need below "warn". */
const LOG_FLAGS = [
  "-Dorg.slf4j.simpleLogger.showDateTime=true",
  "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
  "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
];

/** Starts a Kafka of its own on random free ports, installing it first when need be. */
export async function startLocalKafka(options: StartOptions): Promise<KafkaService> {
  const installation = await installKafka();
  return await startOnFreePorts(options.port, async (port, controllerPort) => {
    const settings = { ...listeners(port, controllerPort), ...options.settings };
    const jvmFlags = useClassCache(installation);
    const server = await startNode(installation, { settings, jvmFlags });
    return Object.assign(server, { brokers: `${LOOPBACK}:${port}` });
  });
}

/** The installation that every Kafka node of this user runs from. */
export async function installKafka(): Promise<Installation> {
  return await install({
    name: `kafka-${VERSION}`,
    title: TITLE,
    jdk: findJdk(MINIMUM_JDK_MAJOR),
    pom: POM,
    inputs: HEAP_FLAGS,
    train: async (installation) => {
      const node = await startOnFreePorts(undefined, (port, controllerPort) =>
        startNode(installation, {
          settings: listeners(port, controllerPort),
          jvmFlags: makeClassCache(installation),
        }),
      );
      await node.stop(MAKE_CLASS_CACHE_TIMEOUT_MS);
    },
  });
}

function listeners(port: number, controllerPort: number): Record<string, string> {
  return {
    "process.roles": "broker,controller",
    "node.id": "1",
    listeners: `PLAINTEXT://${LOOPBACK}:${port},CONTROLLER://${LOOPBACK}:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://${LOOPBACK}:${port}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.bootstrap.servers": `${LOOPBACK}:${controllerPort}`,
  };
}

/** What tells one node from another. */
export interface KafkaNodeOptions {
  /** Lines of server.properties; they win over those for tests. */
  readonly settings: Readonly<Record<string, string>>;
  readonly jvmFlags: readonly string[];
  /** How a node of several is formatted; without it the node is alone in a new cluster. */
  readonly format?: {
    readonly clusterId: string;
    /** All of `ID@HOST:PORT:DIRECTORY_ID`, the same for every node. */
    readonly initialControllers: readonly string[];
  };
  /** Users with SCRAM credentials, each as the tool that formats the storage takes it. */
  readonly scramUsers?: readonly string[];
}

/** Formats the storage of a new node and starts it. */
export async function startNode(
  installation: Installation,
  options: KafkaNodeOptions,
): Promise<LocalServer> {
  const { settings, jvmFlags, format, scramUsers = [] } = options;
  const folder = mkdtempSync(join(tmpdir(), "konn-kafka-"));
  const properties = join(folder, "server.properties");
  const all = { ...KAFKA_TEST_SETTINGS, "log.dirs": join(folder, "data"), ...settings };
  const lines = Object.entries(all).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(properties, lines.join(""));

  const java = join(installation.jdk.home, "bin", "java");
  const common = [...HEAP_FLAGS, ...LOG_FLAGS, "-cp", classPath(installation.folder)];
  const storageTool = ["kafka.tools.StorageTool", "format", "--config", properties];
  storageTool.push("--cluster-id", format?.clusterId ?? newClusterId());
  if (format === undefined) storageTool.push("--standalone");
  else storageTool.push("--initial-controllers", format.initialControllers.join(","));
  for (const user of scramUsers) storageTool.push("--add-scram", user);
  const cached = useClassCache(installation);
  await run([java, "-XX:TieredStopAtLevel=1", ...cached, ...common, ...storageTool], { folder });
  return await LocalServer.start({
    title: TITLE,
    folder,
    command: [java, ...jvmFlags, ...common, "kafka.Kafka", properties],
    // It is this process' own log, and a node that cannot listen on its port does not get there.
    isReady: async (_pid, log) => log.includes("Kafka Server started"),
  });
}

/** A new cluster each time, as its clients must notice when they meet another one. */
export function newClusterId(): string {
  return newUuid();
}

/** A random id as Kafka writes it. */
export function newUuid(): string {
  const id = randomBytes(16).toString("base64url");
  // The tool would take a leading dash for an option.
  return id.startsWith("-") ? newUuid() : id;
}
