import { beforeAbort } from "../../base/before_abort.ts";
import { KonnError } from "../../base/errors.ts";
import {
  NO_TIMESTAMP,
  type Batch,
  type Identity,
  type Lane,
  type LanePosition,
  type Message,
  type Sink,
  type SinkOpening,
  type SinkOpenOptions,
  type StreamIdentity,
  type WriteReport,
} from "../../connector/mod.ts";
import type { PackedMessages } from "../../connector/packed_messages.ts";
import type { Observer } from "../../observe/observer.ts";
import { canonicalAddress, connectorUrl } from "./address.ts";
import { KafkaClient, type KafkaConnection } from "./client.ts";
import type { Compression } from "./compression.ts";
import { beginExactlyOnce, type ExactlyOnce } from "./exactly_once.ts";
import { partitionOfKey } from "./partitioner.ts";
import { POSITIONS_TOPIC } from "./positions.ts";
import { ProducerSession } from "./producer_session.ts";
import { Sender } from "./sender.ts";
import { prepareTopic, topicMetadata, type TopicPlace } from "./target_topic.ts";
import { readRetentionMs } from "./topic_admin.ts";
import type { Transactions } from "./transaction.ts";
import { WriteTicket } from "./write_ticket.ts";

const DELIVERY_LIMIT_MS = 120_000;
/** How long an abort at the end may take; without it the transaction's own timeout aborts. */
const ABORT_LIMIT_MS = 2_000;

/** What a run with transactions leaves in the checkpoint, and one without them. */
const EXACTLY_ONCE = "exactly-once";
const AT_LEAST_ONCE = "at-least-once";

/** How often a record may come to stand in the topic, over any number of crashes. */
export type Delivery = typeof EXACTLY_ONCE | typeof AT_LEAST_ONCE;

export interface KafkaSinkOptions extends KafkaConnection {
  readonly topic: string;
  /** Of a topic that has to be made. By default as many as the source has, else 3. */
  readonly partitionsCount: number | undefined;
  readonly compression: Compression;
  readonly observer: Observer;
  /** Of a topic that has to be made, in addition to what konn gives its topics. */
  readonly topicConfig?: Readonly<Record<string, string>> | undefined;
  /** Exactly once where the source can be resumed, unless told otherwise. */
  readonly delivery?: Delivery | undefined;
  /** Where positions are kept: a compacted topic of one partition. `konn-positions` by default. */
  readonly positionsTopic?: string | undefined;
  /** How long a record may wait while its leader is out of reach. 120 s by default. */
  readonly deliveryLimitMs?: number;
}

/**
 * Writes messages to a Kafka topic, each of them once.
 *
 * A source that can be resumed is written in transactions, each with the positions behind it
 * (KIP-618): whatever happens, a read_committed reader sees every message once. Another source, or
 * one that is to be delivered at least once, is written by an idempotent producer: once each as long
 * as this sink lives.
 *
 * A message with an origin keeps its partition; otherwise its key decides as in Java, and messages
 * without a key go to one partition after the other, batch by batch. A message without a time gets
 * the time of sending. Errors: `KAFKA_UNREACHABLE`, `KAFKA_TOPIC_NOT_FOUND` (on resuming),
 * `KAFKA_TOPIC_NOT_CREATED`, `KAFKA_PARTITION_NOT_FOUND`, `KAFKA_RETENTION_TOO_SHORT`,
 * `KAFKA_DELIVERY_TIMEOUT`, `KAFKA_PRODUCER_FENCED`, `KAFKA_TRANSACTIONS_NOT_ALLOWED`,
 * `KAFKA_POSITION_FOREIGN`, `KAFKA_POSITIONS_LOST`. Rejections: `KAFKA_RECORD_TOO_LARGE`,
 * `KAFKA_RECORD_INVALID`.
 */
export function createKafkaSink(options: KafkaSinkOptions): Sink {
  return new KafkaSink(options);
}

interface Opened {
  readonly sender: Sender;
  readonly transactions: Transactions | undefined;
  readonly partitionsCount: number;
  readonly retentionMs: number | undefined;
}

type TopicLimits = Pick<Opened, "partitionsCount" | "retentionMs">;

class KafkaSink implements Sink {
  readonly copiesBytes = true;
  readonly #options: KafkaSinkOptions;
  /** Begins when the sink is closed; what is open is brought to its end before `closing`. */
  readonly #ending = new AbortController();
  readonly #closing = new AbortController();
  #client: Promise<KafkaClient> | undefined;
  #opened: Opened | undefined;
  #nextKeylessPartition = 0;

  constructor(options: KafkaSinkOptions) {
    this.#options = options;
  }

  async address(signal: AbortSignal): Promise<string> {
    const { brokers, topic } = this.#options;
    const client = await this.#connect(signal);
    const { clusterId } = await topicMetadata(topic, this.#place(client, signal));
    return canonicalAddress({ clusterId, brokers }, [topic]);
  }

  async open(options: SinkOpenOptions): Promise<SinkOpening> {
    const { topic } = this.#options;
    const { signal, resume, stream } = options;
    const client = await this.#connect(signal);
    const newTopic = {
      topic,
      partitionsCount: this.#options.partitionsCount ?? stream.partitionsCount,
      config: this.#options.topicConfig ?? {},
    };
    const place = { ...this.#place(client, signal), isResuming: resume !== undefined };
    const topics = await prepareTopic(newTopic, place);
    const partitionsCount = topics.facts[0]?.partitionsCount ?? 0;
    this.#warnOfPartitions(partitionsCount);
    const identity = topics.identity();
    const { session, transactions, positions } = await this.#begin(options, { client, identity });
    const { observer, compression, deliveryLimitMs = DELIVERY_LIMIT_MS } = this.#options;
    const limits = { observer, compression, deliveryLimitMs };
    const sender = new Sender({ client, topics, topic, partitionsCount, session, ...limits });
    const retentionMs = await readRetentionMs(client, topic);
    this.#opened = { sender, transactions, partitionsCount, retentionMs };
    const facts = { identity, label: connectorUrl(this.#options.brokers, [topic]) };
    return positions === undefined
      ? { ...facts, state: AT_LEAST_ONCE }
      : { ...facts, state: EXACTLY_ONCE, positions };
  }

  async write(batch: Batch, signal: AbortSignal): Promise<WriteReport> {
    const { sender, transactions, ...limits } = this.#open();
    const partitions = this.#partitionsOf(batch, limits);
    const { topic } = this.#options;
    const included = transactions?.include(
      distinct(partitions).map((partition) => ({ topic, partition })),
    );
    // A coordinator that is out of reach takes a minute, which nobody waits for at the end.
    if (included) await beforeAbort(included, AbortSignal.any([signal, this.#ending.signal]));
    if (signal.aborted) throw this.#endedError("the run was ended");
    this.#refuseClosed();
    const ticket = new WriteTicket(batch, partitions);
    sender.enqueue(ticket);
    const abort = (): void => sender.fail(this.#endedError("the run was ended"));
    signal.addEventListener("abort", abort, { once: true });
    try {
      sender.send();
      return await ticket.report;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Where each message goes. Refuses what the topic has no place for, or would delete at once. */
  #partitionsOf(batch: Batch, limits: TopicLimits): Int32Array {
    const keylessPartition = this.#nextKeylessPartition++ % limits.partitionsCount;
    if (batch.packed) return partitionsOfPacked(batch.packed, limits.partitionsCount);
    return Int32Array.from(batch.messages, (message) => {
      this.#refuseMessage(message, limits);
      return partitionOf(message, limits.partitionsCount) ?? keylessPartition;
    });
  }

  async commit(lanes: ReadonlyMap<Lane, LanePosition>): Promise<void> {
    await this.#open().transactions?.commit(lanes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort();
    // First, or what waits for a leader could be sent behind the abort.
    this.#opened?.sender.fail(this.#endedError("the sink was closed"));
    await this.#abortTransaction(this.#opened);
    this.#closing.abort();
    const client = await this.#client?.catch(() => undefined);
    client?.close();
  }

  /**
   * Readers need not wait for the timeout of a transaction that will not be committed. While a
   * request is still on its way, though, its records could arrive behind the abort.
   */
  async #abortTransaction(opened: Opened | undefined): Promise<void> {
    if (opened?.transactions === undefined || !opened.sender.isIdle) return;
    const giveUp = AbortSignal.timeout(ABORT_LIMIT_MS);
    await Promise.race([
      opened.transactions.abort().catch(() => undefined),
      new Promise<void>((resolve) => giveUp.addEventListener("abort", () => resolve())),
    ]);
  }

  #connect(signal: AbortSignal): Promise<KafkaClient> {
    const { log } = this.#options.observer;
    this.#client ??= KafkaClient.connect(this.#options, { log, signal });
    return this.#client;
  }

  #place(client: KafkaClient, signal: AbortSignal): TopicPlace {
    const { brokers, observer, deliveryLimitMs = DELIVERY_LIMIT_MS } = this.#options;
    return { client, brokers, observer, signal, outageLimitMs: deliveryLimitMs };
  }

  async #begin(
    { stream, resume, fromBeginning, signal }: SinkOpenOptions,
    { client, identity }: { client: KafkaClient; identity: Identity },
  ): Promise<Begun> {
    const streamId = this.#streamIdOf(stream);
    const place = this.#place(client, signal);
    if (streamId === undefined) return { session: await ProducerSession.begin(place) };
    const { topic, positionsTopic = POSITIONS_TOPIC } = this.#options;
    return await beginExactlyOnce({
      ...place,
      connection: this.#options,
      owner: { streamId, topic, source: stream.identity, sink: identity },
      positionsTopic,
      closing: this.#closing.signal,
      fromBeginning,
      checkpointed: resume?.positions ?? new Map<Lane, LanePosition>(),
      wasAtLeastOnce: resume?.state === AT_LEAST_ONCE,
    });
  }

  /** Undefined where there will be no transactions. */
  #streamIdOf({ address, streamId }: StreamIdentity): string | undefined {
    if (this.#options.delivery === AT_LEAST_ONCE) return undefined;
    if (streamId === undefined) {
      this.#options.observer.log.info(
        `Nobody can go on in ${address} where a run stopped: events are delivered at least once`,
      );
    }
    return streamId;
  }

  #warnOfPartitions(found: number): void {
    const { partitionsCount: wanted, topic, observer } = this.#options;
    if (wanted === undefined || wanted === found) return;
    observer.log.warn(`Topic ${topic} is there already, with another number of partitions`, {
      wanted,
      found,
    });
  }

  #refuseMessage(message: Message, { partitionsCount, retentionMs }: TopicLimits): void {
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
    this.#refuseClosed();
    if (this.#opened !== undefined) return this.#opened;
    throw new KonnError("Cannot write to Kafka: the sink was not opened", {
      code: "KAFKA_NOT_OPEN",
      kind: "failed",
    });
  }

  #refuseClosed(): void {
    if (this.#ending.signal.aborted) throw this.#endedError("the sink was closed");
  }

  #endedError(state: string): KonnError {
    return new KonnError(`Cannot write to topic ${this.#options.topic}: ${state}`, {
      code: "KAFKA_WRITE_ENDED",
    });
  }
}

interface Begun extends Partial<ExactlyOnce> {
  readonly session: ProducerSession;
}

function partitionsOfPacked(packed: PackedMessages, partitionsCount: number): Int32Array {
  const partitions = new Int32Array(packed.count);
  for (let index = 0; index < partitions.length; index++) {
    const place = { start: packed.keyStart(index), end: packed.keyEnd(index) };
    partitions[index] = partitionOfKey(packed.keyBytes(index), partitionsCount, place);
  }
  return partitions;
}

function distinct(partitions: Int32Array): readonly number[] {
  const isSeen: true[] = [];
  for (const partition of partitions) isSeen[partition] = true;
  return Object.keys(isSeen).map(Number);
}

/** Undefined for a message that says nothing about its partition. */
function partitionOf({ key, origin }: Message, partitionsCount: number): number | undefined {
  if (origin !== undefined) return origin.partition;
  return key === null ? undefined : partitionOfKey(key, partitionsCount);
}
