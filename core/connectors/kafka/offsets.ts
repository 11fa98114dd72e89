import type { Lane } from "../../connector/mod.ts";
import type { Observer } from "../../observe/observer.ts";
import { unreachableError, type KafkaClient } from "./client.ts";
import { laneOf } from "./partition_cursor.ts";
import { ERROR_CODES, ProtocolError } from "./protocol_error.ts";
import { retryTransient } from "./retry.ts";
import { NO_LEADER, notPermittedOr, type Topics } from "./topics.ts";

const TIMEOUT_MS = 5_000;
const CONSUMER_REPLICA_ID = -1;
/** With open transactions and all: the end is the high watermark, not the last stable offset. */
const READ_UNCOMMITTED = 0;
const EARLIEST_TIMESTAMP = -2;
const LATEST_TIMESTAMP = -1;

/** Which end of the log. */
export type LogEnd = "earliest" | "latest";

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface OffsetsOptions {
  readonly client: KafkaClient;
  readonly topics: Topics;
  readonly brokers: readonly string[];
  readonly observer: Observer;
  readonly signal: AbortSignal;
  /** How long leaders may be out of reach. */
  readonly outageLimitMs: number;
}

/**
 * The offsets at which the logs of these partitions start, or the high watermarks at which they
 * end. Leaders that moved or went away are looked for until the limit, then `KAFKA_UNREACHABLE`.
 */
export async function listOffsets(
  partitions: readonly TopicPartition[],
  end: LogEnd,
  options: OffsetsOptions,
): Promise<Map<Lane, bigint>> {
  const { topics, brokers, observer, signal, outageLimitMs } = options;
  let areLeadersDoubtful = false;
  const ask = async (): Promise<Map<Lane, bigint>> => {
    if (areLeadersDoubtful) await topics.refresh();
    areLeadersDoubtful = true;
    return await askLeaders(partitions, end, options);
  };
  try {
    return await retryTransient(ask, {
      signal,
      limitMs: outageLimitMs,
      onRetry: () => observer.retried(1),
      giveUp: (reason) => unreachableError(brokers, reason),
    });
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw thrown;
    throw notPermittedOr("Cannot list the offsets of the topic", thrown);
  }
}

async function askLeaders(
  partitions: readonly TopicPartition[],
  end: LogEnd,
  { client, topics }: OffsetsOptions,
): Promise<Map<Lane, bigint>> {
  const byLeader = Map.groupBy(partitions, ({ topic, partition }) =>
    topics.leaderOf(topic, partition),
  );
  if (byLeader.has(NO_LEADER)) throw new ProtocolError(ERROR_CODES.LEADER_NOT_AVAILABLE);
  const timestamp = end === "earliest" ? EARLIEST_TIMESTAMP : LATEST_TIMESTAMP;
  const offsets = new Map<Lane, bigint>();
  const asked = [...byLeader].map(async ([nodeId, led]) => {
    const link = await client.link(nodeId, "control");
    const byTopic = Map.groupBy(led, ({ topic }) => topic);
    const request = {
      replicaId: CONSUMER_REPLICA_ID,
      isolationLevel: READ_UNCOMMITTED,
      topics: [...byTopic].map(([topic, items]) => ({
        topic,
        partitions: items.map(({ partition }) => ({ partition, timestamp })),
      })),
    };
    const { responses } = await link.call((broker) => broker.listOffsets(request), TIMEOUT_MS);
    for (const { topic, partitions: answered } of responses) {
      for (const { partition, offset } of answered) {
        offsets.set(laneOf(topic, partition), BigInt(offset));
      }
    }
  });
  await Promise.all(asked);
  return offsets;
}
