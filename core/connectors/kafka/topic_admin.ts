import { KonnError, messageOf } from "../../base/errors.ts";
import { unreachableError, type KafkaClient } from "./client.ts";
import { ERROR_CODES, LinkLostError, ProtocolError } from "./protocol_error.ts";
import { retryTransient } from "./retry.ts";
import { notPermittedOr } from "./topics.ts";

const DEFAULT_PARTITIONS_COUNT = 3;
/** The broker's own default.replication.factor (KIP-464). */
const BROKER_DEFAULT = -1;
const MAX_LINE_BYTES = 16 * 1024 * 1024;
/** Key, headers and the batch around the largest line. */
const BATCH_OVERHEAD_BYTES = 64 * 1024;

const CREATE_TIMEOUT_MS = 10_000;
const CREATE_LIMIT_MS = 30_000;
const DESCRIBE_TIMEOUT_MS = 5_000;
const DESCRIBE_LIMIT_MS = 10_000;
const NEVER = new AbortController().signal;
const TOPIC_RESOURCE = 2;

/** What konn needs of a topic that it makes: nothing expires, and the largest line fits. */
const TOPIC_CONFIG: Readonly<Record<string, string>> = {
  "retention.ms": "-1",
  "max.message.bytes": `${MAX_LINE_BYTES + BATCH_OVERHEAD_BYTES}`,
};

export interface NewTopic {
  readonly topic: string;
  /** 3 by default. */
  readonly partitionsCount: number | undefined;
  /** In addition to, or in place of, what konn gives its topics. */
  readonly config: Readonly<Record<string, string>>;
}

/** Makes a topic, unless somebody else just did. Throws `KAFKA_TOPIC_NOT_CREATED`. */
export async function createTopic(
  client: KafkaClient,
  { topic, partitionsCount, config }: NewTopic,
  options: { brokers: readonly string[]; signal: AbortSignal },
): Promise<void> {
  const entries = Object.entries({ ...TOPIC_CONFIG, ...config });
  const order = {
    topic,
    numPartitions: partitionsCount ?? DEFAULT_PARTITIONS_COUNT,
    replicationFactor: BROKER_DEFAULT,
    configEntries: entries.map(([name, value]) => ({ name, value })),
  };
  const create = async (): Promise<void> => {
    const link = await client.controllerLink();
    const request = { topics: [order], timeout: CREATE_TIMEOUT_MS };
    // The broker waits for as long, then answers.
    await link.call((broker) => broker.createTopics(request), 2 * CREATE_TIMEOUT_MS);
  };
  try {
    await retryTransient(create, {
      signal: options.signal,
      limitMs: CREATE_LIMIT_MS,
      giveUp: (reason) => unreachableError(options.brokers, reason),
    });
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw thrown;
    if (thrown.code !== ERROR_CODES.TOPIC_ALREADY_EXISTS) throw creationError(topic, thrown);
  }
}

function creationError(topic: string, error: ProtocolError): KonnError {
  if (error.code === ERROR_CODES.TOPIC_AUTHORIZATION_FAILED) {
    return notPermittedOr(`Cannot create topic ${topic}`, error);
  }
  return new KonnError(`Cannot create topic ${topic}: ${messageOf(error)}`, {
    code: "KAFKA_TOPIC_NOT_CREATED",
    hint: "Create it yourself with what your cluster allows, then run again.",
    cause: error,
  });
}

/**
 * The age, in milliseconds, beyond which the topic's broker deletes records by their own time.
 * Undefined when it does not, or when we may not know.
 */
export async function readRetentionMs(
  client: KafkaClient,
  topic: string,
): Promise<number | undefined> {
  const names = ["cleanup.policy", "retention.ms", "message.timestamp.type"] as const;
  // It is a courtesy: without the permission to look, the records are sent as they are.
  const values = await readConfig(client, topic, names);
  const retentionMs = Number(values?.get("retention.ms") ?? BROKER_DEFAULT);
  const isStampedByBroker = values?.get("message.timestamp.type") === "LogAppendTime";
  if (isStampedByBroker || retentionMs < 0 || !policiesOf(values).includes("delete")) {
    return undefined;
  }
  return retentionMs;
}

/** Whether the topic loses only what later records replace. False when we may not know. */
export async function isOnlyCompacted(client: KafkaClient, topic: string): Promise<boolean> {
  const policies = policiesOf(await readConfig(client, topic, ["cleanup.policy"]));
  return policies.includes("compact") && !policies.includes("delete");
}

type TopicConfig = ReadonlyMap<string, string | null>;

/** Undefined without the permission to look, and when nobody answers for a while. */
async function readConfig(
  client: KafkaClient,
  topic: string,
  names: readonly string[],
): Promise<TopicConfig | undefined> {
  try {
    const request = { resources: [{ type: TOPIC_RESOURCE, name: topic, configNames: names }] };
    const describe = async () => {
      const link = await client.controllerLink();
      return await link.call((broker) => broker.describeConfigs(request), DESCRIBE_TIMEOUT_MS);
    };
    const { resources } = await retryTransient(describe, {
      signal: NEVER,
      limitMs: DESCRIBE_LIMIT_MS,
      giveUp: (reason) => reason,
    });
    const entries = resources.flatMap(({ configEntries }) => configEntries);
    return new Map(entries.map(({ configName, configValue }) => [configName, configValue]));
  } catch (thrown) {
    if (thrown instanceof ProtocolError) return undefined;
    if (thrown instanceof LinkLostError) return undefined;
    throw thrown;
  }
}

function policiesOf(config: TopicConfig | undefined): readonly string[] {
  const policies = config?.get("cleanup.policy")?.split(",") ?? [];
  return policies.map((policy) => policy.trim());
}
