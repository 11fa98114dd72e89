import { formatCounted, formatSeconds } from "../../base/format.ts";
import { messageOf } from "../../base/errors.ts";
import { failed, type Finding, passed, warned } from "../../connector/finding.ts";
import type { Lane } from "../../connector/mod.ts";
import { type Observer, SILENT_OBSERVER } from "../../observe/observer.ts";
import { formatAddress } from "./address.ts";
import { KafkaClient, type KafkaConnection } from "./client.ts";
import { createKafkaSource } from "./consumer.ts";
import { type ClusterMetadata, METADATA_API_KEY, metadataRequest } from "./metadata_request.ts";
import { listOffsets } from "./offsets.ts";
import { GroupCoordinator } from "./group_coordinator.ts";
import { diagnoseGroup } from "./group_doctor.ts";
import { ERROR_CODES } from "./protocol_error.ts";
import { isOnlyCompacted, readRetentionMs } from "./topic_admin.ts";
import { type TopicFacts, Topics } from "./topics.ts";

const REQUEST_TIMEOUT_MS = 3_000;
const TAIL_TIMEOUT_MS = 3_000;
/** Brokers that are dialled; a larger cluster is looked at in part. */
const MAX_BROKERS_COUNT = 20;
/** Records at the end of each partition that are looked at for the newest. */
const TAIL_OFFSETS = 20n;
/** What two machines with synchronized clocks are never apart. */
const MAX_CLOCK_SECONDS = 5;

/** Bits of what a user may do with a topic (`org.apache.kafka.common.acl.AclOperation`). */
const OPERATIONS = { read: 3, write: 4, describeConfigs: 10 } as const;

export interface KafkaDoctorOptions extends KafkaConnection {
  readonly topics: readonly string[];
  /** What the topics are to be for a run: what is read must be there, what is written is made. */
  readonly role: "source" | "sink";
  /** The consumer group that is to share them. */
  readonly group?: string | undefined;
}

/** Looks at brokers, topics, permissions, retention and clocks. Throws what a run would throw. */
export async function* diagnoseKafka(
  options: KafkaDoctorOptions,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const observer: Observer = SILENT_OBSERVER;
  const client = await KafkaClient.connect(options, { log: observer.log, signal });
  try {
    const metadata = await askTopics(client, options.topics);
    yield await clusterFinding(client, metadata);
    yield await brokersFinding(client, metadata);
    const missing = missingTopics(metadata);
    if (options.role === "sink" && missing.length > 0) {
      yield passed("topic", `${missing.join(", ")} is not there yet: konn replay makes it`);
      return;
    }
    const topics = await Topics.open(client, options.topics, { ...options, signal, isNew: false });
    for (const facts of topics.facts) yield topicFinding(facts);
    yield* permissionFindings(metadata, options);
    const partitions = topics.facts.flatMap(({ name: topic, partitionsCount }) =>
      Array.from({ length: partitionsCount }, (_, partition) => ({ topic, partition })),
    );
    const parts = {
      ...options,
      client,
      topics,
      observer,
      signal,
      outageLimitMs: REQUEST_TIMEOUT_MS,
    };
    const ends = await listOffsets(partitions, "latest", parts);
    const starts = await listOffsets(partitions, "earliest", parts);
    const { group } = options;
    if (group !== undefined && options.role === "source") {
      const coordinator = new GroupCoordinator({ ...parts, group });
      yield* diagnoseGroup({ coordinator, group, topics: options.topics });
    }
    for (const { name } of topics.facts) {
      yield await retentionFinding(client, name);
      if (options.role === "source") yield await beginningFinding(client, name, starts);
    }
    yield await clockFinding(options, { starts, ends, signal });
  } finally {
    client.close();
  }
}

/** With what we may do, where the brokers tell. */
async function askTopics(client: KafkaClient, topics: readonly string[]): Promise<ClusterMetadata> {
  const link = await client.controllerLink();
  const maxVersion = link.maxVersion(METADATA_API_KEY);
  return await link.send(
    metadataRequest(topics, maxVersion, { asksOperations: true }),
    REQUEST_TIMEOUT_MS,
  );
}

async function clusterFinding(
  client: KafkaClient,
  { clusterId, brokers }: ClusterMetadata,
): Promise<Finding> {
  const maxVersion = (await client.controllerLink()).maxVersion(METADATA_API_KEY);
  const text = `cluster ${clusterId ?? "without an id"}, ${formatCounted(brokers.length, "broker")}, ${versionText(maxVersion)}`;
  if (maxVersion >= VERSION_WITH_TOPIC_IDS) return passed("cluster", text);
  return warned(
    "cluster",
    `${text}: it does not tell topic ids, so that a topic which is deleted and made again is not noticed`,
    "Update the brokers to Kafka 3.1 or newer. Until then run konn sync --from-beginning after a topic was made again.",
  );
}

const VERSION_WITH_TOPIC_IDS = 12;
const VERSION_OF_KAFKA_4 = 13;

/** By what the brokers can be asked: they do not tell their release. */
function versionText(maxVersion: number): string {
  if (maxVersion >= VERSION_OF_KAFKA_4) return "Kafka 4.0 or newer";
  return maxVersion >= VERSION_WITH_TOPIC_IDS ? "Kafka 3.1 or newer" : "Kafka before 3.1";
}

async function brokersFinding(client: KafkaClient, { brokers }: ClusterMetadata): Promise<Finding> {
  const asked = brokers.slice(0, MAX_BROKERS_COUNT);
  const problems = await Promise.all(
    asked.map(async (broker) => {
      try {
        await client.link(broker.nodeId, "control");
        return [];
      } catch (error) {
        return [`${formatAddress(broker)} (${messageOf(error)})`];
      }
    }),
  );
  const lost = problems.flat();
  if (lost.length === 0) {
    return passed("brokers", `all answer: ${asked.map(formatAddress).join(", ")}`);
  }
  return failed(
    "brokers",
    `${lost.length} of ${asked.length} cannot be reached: ${lost.join("; ")}`,
    "Are they running? Brokers must advertise addresses that can be reached from here (advertised.listeners).",
  );
}

function missingTopics({ topics }: ClusterMetadata): readonly string[] {
  return topics
    .filter(({ errorCode }) => errorCode === ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION)
    .map(({ name }) => name);
}

function topicFinding({ name, id, partitionsCount }: TopicFacts): Finding {
  return passed(
    "topic",
    `${name} has ${formatCounted(partitionsCount, "partition")}, each with a leader${id === undefined ? "" : `; id ${id}`}`,
  );
}

function* permissionFindings(
  { topics }: ClusterMetadata,
  { role }: KafkaDoctorOptions,
): Generator<Finding> {
  for (const { name, operations } of topics) {
    if (operations === undefined) continue;
    const may = (bit: number): boolean => ((operations >>> bit) & 1) === 1;
    const needed = role === "source" ? "read" : "write";
    if (!may(OPERATIONS[needed])) {
      yield failed(
        "permissions",
        `this user may not ${needed} ${name}`,
        `kafka-acls.sh --bootstrap-server HOST:PORT --add --allow-principal User:NAME --operation ${needed} --topic ${name}`,
      );
    } else if (!may(OPERATIONS.describeConfigs)) {
      yield warned(
        "permissions",
        `this user may ${needed} ${name}, and not see its retention`,
        `kafka-acls.sh --bootstrap-server HOST:PORT --add --allow-principal User:NAME --operation DescribeConfigs --topic ${name}`,
      );
    } else yield passed("permissions", `this user may ${needed} ${name} and see its settings`);
  }
}

async function retentionFinding(client: KafkaClient, topic: string): Promise<Finding> {
  const retentionMs = await readRetentionMs(client, topic);
  if (retentionMs === undefined) return passed("retention", `${topic} deletes nothing by its age`);
  const hours = formatSeconds(retentionMs / 1_000);
  return warned(
    "retention",
    `${topic} deletes what is older than ${hours}: a sync that stands still for longer cannot go on, and an index cannot be built anew`,
    `kafka-configs.sh --bootstrap-server HOST:PORT --alter --topic ${topic} --add-config retention.ms=-1 (or cleanup.policy=compact)`,
  );
}

async function beginningFinding(
  client: KafkaClient,
  topic: string,
  starts: ReadonlyMap<Lane, bigint>,
): Promise<Finding> {
  const missing = [...starts]
    .filter(([lane]) => lane.startsWith(`${topic}/`))
    .reduce((sum, [, start]) => sum + start, 0n);
  if (missing === 0n) return passed("beginning", `${topic} is whole from its beginning`);
  if (await isOnlyCompacted(client, topic)) {
    return passed("beginning", `${topic} has lost only what later events replace`);
  }
  return warned(
    "beginning",
    `${topic} has lost ${formatCounted(missing, "offset")} at its beginning: rows that have not changed since would be missing from a new index`,
    "Have Debezium send them again (an incremental snapshot), then konn sync --from-beginning --accept-loss.",
  );
}

interface TopicBounds {
  readonly starts: ReadonlyMap<Lane, bigint>;
  readonly ends: ReadonlyMap<Lane, bigint>;
  readonly signal: AbortSignal;
}

/** Kafka does not tell its time: the newest record does, whoever set its time. */
async function clockFinding(options: KafkaDoctorOptions, bounds: TopicBounds): Promise<Finding> {
  const newestMs = await newestTimestampMs(options, bounds);
  if (newestMs === undefined) return passed("clock", "no record tells the time there");
  const aheadSeconds = (newestMs - Date.now()) / 1_000;
  if (aheadSeconds <= MAX_CLOCK_SECONDS) {
    const age = formatSeconds(Math.max(0, -aheadSeconds));
    return passed("clock", `the newest record is ${age} old`);
  }
  return warned(
    "clock",
    `the newest record is ${formatSeconds(aheadSeconds)} ahead of this machine: clocks differ, and lag in seconds is wrong`,
    "Synchronize the clocks of this machine and of whoever writes to the topic: timedatectl set-ntp true.",
  );
}

async function newestTimestampMs(
  options: KafkaDoctorOptions,
  { starts, ends, signal }: TopicBounds,
): Promise<number | undefined> {
  const from = new Map(
    [...ends].map(([lane, end]) => {
      const start = starts.get(lane) ?? 0n;
      const at = end - TAIL_OFFSETS;
      return [lane, String(at > start ? at : start)];
    }),
  );
  const stop = AbortSignal.any([signal, AbortSignal.timeout(TAIL_TIMEOUT_MS)]);
  await using source = createKafkaSource({ ...options, follow: false, observer: SILENT_OBSERVER });
  let newest: number | undefined;
  try {
    await source.open(stop);
    for await (const { messages } of source.read({ from, stop })) {
      for (const { timestampMs } of messages) newest = Math.max(newest ?? 0, timestampMs);
    }
  } catch {
    // What is wrong with the reading of it, the checks before have said or a run will say.
  }
  return newest;
}
