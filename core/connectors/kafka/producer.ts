import { KonnError } from "../../base/errors.ts";
import {
  NO_TIMESTAMP,
  type Batch,
  type Message,
  type Sink,
  type SinkOpening,
  type SinkOpenOptions,
  type WriteReport,
} from "../../connector/mod.ts";
import type { Observer } from "../../observe/observer.ts";
import { canonicalAddress } from "./address.ts";
import { KafkaClient, type KafkaConnection } from "./client.ts";
import type { Compression } from "./compression.ts";
import { listOffsets } from "./offsets.ts";
import { partitionOfKey } from "./partitioner.ts";
import { ProducerSession } from "./producer_session.ts";
import { ERROR_CODES } from "./protocol_error.ts";
import { Sender } from "./sender.ts";
import { createTopic, readRetentionMs } from "./topic_admin.ts";
import { Topics } from "./topics.ts";
import { WriteTicket } from "./write_ticket.ts";

const DELIVERY_LIMIT_MS = 120_000;

export interface KafkaSinkOptions extends KafkaConnection {
  readonly topic: string;
  /** Of a topic that has to be made. 3 by default. */
  readonly partitionsCount: number | undefined;
  readonly compression: Compression;
  readonly observer: Observer;
  /** Of a topic that has to be made, in addition to what konn gives its topics. */
  readonly topicConfig?: Readonly<Record<string, string>>;
  /** How long a record may wait while its leader is out of reach. 120 s by default. */
  readonly deliveryLimitMs?: number;
}

/**
 * Writes messages to a Kafka topic, once each as long as this sink lives: an idempotent producer.
 *
 * A message with an origin keeps its partition; otherwise its key decides as in Java, and messages
 * without a key go to one partition after the other, batch by batch. A message without a time gets
 * the time of sending. Errors: `KAFKA_UNREACHABLE`, `KAFKA_TOPIC_NOT_FOUND` (on resuming),
 * `KAFKA_TOPIC_NOT_CREATED`, `KAFKA_PARTITION_NOT_FOUND`, `KAFKA_RETENTION_TOO_SHORT`,
 * `KAFKA_DELIVERY_TIMEOUT`, `KAFKA_PRODUCER_FENCED`. Rejections: `KAFKA_RECORD_TOO_LARGE`,
 * `KAFKA_RECORD_INVALID`.
 */
export function createKafkaSink(options: KafkaSinkOptions): Sink {
  return new KafkaSink(options);
}

interface Opened {
  readonly sender: Sender;
  readonly partitionsCount: number;
  readonly retentionMs: number | undefined;
}

class KafkaSink implements Sink {
  readonly address: string;
  readonly #options: KafkaSinkOptions;
  #client: KafkaClient | undefined;
  #opened: Opened | undefined;
  #nextKeylessPartition = 0;

  constructor(options: KafkaSinkOptions) {
    this.#options = options;
    this.address = canonicalAddress(options.brokers, [options.topic]);
  }

  async open({ resume, signal }: SinkOpenOptions): Promise<SinkOpening> {
    const { brokers, topic, observer, compression } = this.#options;
    const client = await KafkaClient.connect(this.#options, { log: observer.log, signal });
    this.#client = client;
    try {
      const isNew = await this.#ensureTopic(client, { isResuming: resume !== undefined, signal });
      const topics = await Topics.open(client, [topic], { brokers, signal, isNew });
      const session = await ProducerSession.begin({ client, brokers, observer, signal });
      const partitionsCount = topics.facts[0]?.partitionsCount ?? 0;
      this.#warnOfPartitions(partitionsCount);
      if (isNew) await this.#awaitLeaders(client, topics, signal);
      const sender = new Sender({
        client,
        topics,
        topic,
        partitionsCount,
        session,
        compression,
        observer,
        deliveryLimitMs: this.#options.deliveryLimitMs ?? DELIVERY_LIMIT_MS,
      });
      const retentionMs = await readRetentionMs(client, topic);
      this.#opened = { sender, partitionsCount, retentionMs };
      return { identity: topics.identity(), state: undefined };
    } catch (thrown) {
      client.close();
      throw thrown;
    }
  }

  async write(batch: Batch, signal: AbortSignal): Promise<WriteReport> {
    const { sender, ...limits } = this.#open();
    for (const message of batch.messages) this.#refuseMessage(message, limits);
    const ticket = new WriteTicket(batch);
    const keylessPartition = this.#nextKeylessPartition++ % limits.partitionsCount;
    for (const message of batch.messages) {
      const partition = partitionOf(message, limits.partitionsCount) ?? keylessPartition;
      sender.enqueue(partition, message, ticket);
    }
    const abort = (): void => sender.fail(this.#endedError("the run was ended"));
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    try {
      sender.send();
      return await ticket.report;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#opened?.sender.fail(this.#endedError("the sink was closed"));
    this.#client?.close();
  }

  #warnOfPartitions(found: number): void {
    const { partitionsCount: wanted, topic, observer } = this.#options;
    if (wanted === undefined || wanted === found) return;
    observer.log.warn(`Topic ${topic} is there already, with another number of partitions`, {
      wanted,
      found,
    });
  }

  /** Makes the topic when it is not there. Returns whether it did. */
  async #ensureTopic(
    client: KafkaClient,
    { isResuming, signal }: { isResuming: boolean; signal: AbortSignal },
  ): Promise<boolean> {
    const { brokers, topic, partitionsCount, topicConfig = {} } = this.#options;
    const metadata = await client.metadata([topic]);
    const isAbsent = metadata.topics.some(
      ({ errorCode }) => errorCode === ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION,
    );
    if (!isAbsent) return false;
    if (isResuming) {
      throw new KonnError(
        `Cannot go on writing to topic ${topic} at Kafka ${brokers.join(", ")}: it is gone`,
        {
          code: "KAFKA_TOPIC_NOT_FOUND",
          hint: "Was it deleted, or is this another cluster? Start over: replay --again, pipe --from-beginning.",
        },
      );
    }
    const newTopic = { topic, partitionsCount, config: topicConfig };
    await createTopic(client, newTopic, { brokers, signal });
    return true;
  }

  /** Brokers tell who leads a new partition a little before that broker knows it itself. */
  async #awaitLeaders(client: KafkaClient, topics: Topics, signal: AbortSignal): Promise<void> {
    const { brokers, topic, observer, deliveryLimitMs = DELIVERY_LIMIT_MS } = this.#options;
    const count = topics.facts[0]?.partitionsCount ?? 0;
    const partitions = Array.from({ length: count }, (_, partition) => ({ topic, partition }));
    const options = { client, topics, brokers, observer, signal, outageLimitMs: deliveryLimitMs };
    await listOffsets(partitions, "latest", options);
  }

  /** Before anything is sent: what the topic has no place for, or would delete at once. */
  #refuseMessage(
    message: Message,
    { partitionsCount, retentionMs }: Pick<Opened, "partitionsCount" | "retentionMs">,
  ): void {
    const { topic } = this.#options;
    const partition = message.origin?.partition ?? 0;
    if (partition >= partitionsCount) {
      throw new KonnError(
        `Cannot write to partition ${partition} of topic ${topic}: it has ${partitionsCount} partitions`,
        {
          code: "KAFKA_PARTITION_NOT_FOUND",
          hint: `Records keep their partition. Write into a topic with at least ${partition + 1} partitions (--partitions ${partition + 1} for a new one).`,
        },
      );
    }
    if (retentionMs === undefined || message.timestampMs === NO_TIMESTAMP) return;
    if (message.timestampMs >= Date.now() - retentionMs) return;
    throw new KonnError(
      `Cannot write to topic ${topic}: it keeps records for ${retentionMs} ms (retention.ms), and the records are older`,
      {
        code: "KAFKA_RETENTION_TOO_SHORT",
        hint: `Let it keep them: kafka-configs.sh --alter --topic ${topic} --add-config retention.ms=-1, or write into a new topic.`,
      },
    );
  }

  #open(): Opened {
    if (this.#opened !== undefined) return this.#opened;
    throw new KonnError("Cannot write to Kafka: the sink was not opened", {
      code: "KAFKA_NOT_OPEN",
      kind: "failed",
    });
  }

  #endedError(state: string): KonnError {
    return new KonnError(`Cannot write to topic ${this.#options.topic}: ${state}`, {
      code: "KAFKA_WRITE_ENDED",
    });
  }
}

/** Undefined for a message that says nothing about its partition. */
function partitionOf({ key, origin }: Message, partitionsCount: number): number | undefined {
  if (origin !== undefined) return origin.partition;
  return key === null ? undefined : partitionOfKey(key, partitionsCount);
}
