import { KonnError, messageOf } from "../../base/errors.ts";
import type { Observer } from "../../observe/observer.ts";
import type { KafkaClient } from "./client.ts";
import type { Compression } from "./compression.ts";
import { LeaderRouter } from "./leader_router.ts";
import { PartitionQueue } from "./partition_queue.ts";
import { produceRequest, type ProducedPartition } from "./produce_request.ts";
import { fencedError, type ProducerSession } from "./producer_session.ts";
import { ERROR_CODES, isTransient, ProtocolError } from "./protocol_error.ts";
import { NO_LEADER, notPermittedOr, type Topics } from "./topics.ts";
import type { WriteTicket } from "./write_ticket.ts";

/** How long the leader may wait for the replicas, and how much longer we wait for the leader. */
const ACKS_TIMEOUT_MS = 10_000;
const ANSWER_LIMIT_MS = 5_000;
/** Unless one batch alone is larger. For the sake of memory; brokers take 100 MiB. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;

export interface SenderOptions {
  readonly client: KafkaClient;
  readonly topics: Topics;
  readonly topic: string;
  readonly partitionsCount: number;
  readonly session: ProducerSession;
  readonly compression: Compression;
  readonly observer: Observer;
  /** How long a record may wait for its delivery while its leader is out of reach. */
  readonly deliveryLimitMs: number;
}

/**
 * Writes to the partitions of a topic: to each leader one request at a time, with at most one batch
 * a partition in it. A request that spans leaders could not be sent again in part, and a second one
 * in flight could overtake the first.
 */
export class Sender {
  readonly #options: SenderOptions;
  readonly #queues: readonly PartitionQueue[];
  readonly #router: LeaderRouter<PartitionQueue>;
  readonly #nodesInFlight = new Set<number>();
  #failure: { readonly error: unknown } | undefined;
  #turn = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
    const { topic, topics } = options;
    this.#queues = Array.from(
      { length: options.partitionsCount },
      (_, partition) => new PartitionQueue(topic, partition),
    );
    for (const queue of this.#queues) queue.leader = topics.leaderOf(topic, queue.partition);
    this.#router = new LeaderRouter({
      topics,
      observer: options.observer,
      outageLimitMs: options.deliveryLimitMs,
      onRouted: () => this.send(),
      onError: (error) => this.fail(error),
      outageError: (queue, reason) => deliveryTimeout(queue, options.deliveryLimitMs, reason),
    });
  }

  /** Copies messages into the batches of their partitions. `send` sends them. */
  enqueue(ticket: WriteTicket): void {
    if (this.#failure !== undefined) return ticket.fail(this.#failure.error);
    const { partitions } = ticket;
    const { packed } = ticket.outgoing;
    for (let index = 0; index < partitions.length; index++) {
      const queue = this.#queues[partitions[index] ?? -1];
      if (packed) queue?.addPacked(packed, index, ticket);
      else queue?.add(ticket.message(index), index, ticket);
    }
  }

  /** Starts a request to every leader that has something to get and none on its way. */
  send(): void {
    if (this.#failure !== undefined) return;
    const byLeader = Map.groupBy(
      this.#queues.filter(({ isAstray, isBusy, isEmpty }) => !isAstray && !isBusy && !isEmpty),
      ({ leader }) => leader,
    );
    for (const [nodeId, queues] of byLeader) {
      if (this.#nodesInFlight.has(nodeId)) continue;
      if (nodeId === NO_LEADER) {
        for (const queue of queues) this.#router.failed(queue, "the partition has no leader");
      } else {
        void this.#sendTo(nodeId, queues);
      }
    }
  }

  /** Whether no request is on its way. */
  get isIdle(): boolean {
    return this.#nodesInFlight.size === 0;
  }

  /** Ends everything that waits; later calls fail in the same way. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#router.close();
    for (const queue of this.#queues) queue.fail(error);
  }

  async #sendTo(nodeId: number, ready: readonly PartitionQueue[]): Promise<void> {
    const { client, topic, session } = this.#options;
    this.#nodesInFlight.add(nodeId);
    let queues: readonly PartitionQueue[] = [];
    try {
      const batches = this.#nextBatches(ready);
      queues = [...batches.keys()];
      const request = produceRequest(
        [...batches].map(([{ partition }, batch]) => ({ partition, batch })),
        { topic, transactionalId: session.transactionalId, timeoutMs: ACKS_TIMEOUT_MS },
      );
      const link = await client.link(nodeId, "produce");
      const answers = await link.send(request, ACKS_TIMEOUT_MS + ANSWER_LIMIT_MS);
      if (this.#failure === undefined) this.#settle(queues, answers);
    } catch (thrown) {
      if (!isTransient(thrown)) this.fail(thrown);
      for (const queue of queues) this.#retry(queue, thrown);
    } finally {
      for (const queue of queues) queue.isBusy = false;
      this.#nodesInFlight.delete(nodeId);
      this.send();
    }
  }

  #nextBatches(ready: readonly PartitionQueue[]): Map<PartitionQueue, Buffer> {
    const { session, compression } = this.#options;
    const batches = new Map<PartitionQueue, Buffer>();
    let requestBytes = 0;
    for (const queue of ready.toSorted((a, b) => a.servedAt - b.servedAt)) {
      const batch = queue.nextBatch(session, compression);
      requestBytes += batch.length;
      if (requestBytes > MAX_REQUEST_BYTES && batches.size > 0) break;
      batches.set(queue, batch);
      queue.isBusy = true;
      queue.servedAt = ++this.#turn;
    }
    return batches;
  }

  #settle(queues: readonly PartitionQueue[], answers: readonly ProducedPartition[]): void {
    const codes = new Map(answers.map(({ partition, errorCode }) => [partition, errorCode]));
    for (const queue of queues) {
      const code = codes.get(queue.partition) ?? ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION;
      this.#settleBatch(queue, new ProtocolError(code));
    }
  }

  #settleBatch(queue: PartitionQueue, answer: ProtocolError): void {
    switch (answer.code) {
      case ERROR_CODES.NONE:
      case ERROR_CODES.DUPLICATE_SEQUENCE_NUMBER: // An earlier try had arrived after all.
        this.#router.succeeded(queue);
        queue.delivered(this.#options.session);
        return;
      case ERROR_CODES.MESSAGE_TOO_LARGE:
      case ERROR_CODES.RECORD_LIST_TOO_LARGE:
        this.#router.succeeded(queue);
        queue.makeBatchesSmaller();
        queue.refused(
          "KAFKA_RECORD_TOO_LARGE",
          `larger than topic ${queue.topic} takes (max.message.bytes)`,
        );
        return;
      case ERROR_CODES.INVALID_RECORD:
      case ERROR_CODES.INVALID_TIMESTAMP:
        this.#router.succeeded(queue);
        queue.refused("KAFKA_RECORD_INVALID", `topic ${queue.topic} refuses it: ${answer.message}`);
        return;
      default:
        if (answer.isRetriable) this.#retry(queue, answer);
        else this.fail(fatalError(queue, answer, this.#options.session));
    }
  }

  #retry(queue: PartitionQueue, reason: unknown): void {
    if (this.#failure !== undefined) return;
    this.#options.observer.retried(1);
    this.#router.failed(queue, reason);
  }
}

function fatalError(
  { topic, partition }: PartitionQueue,
  answer: ProtocolError,
  session: ProducerSession,
): KonnError {
  const what = `Cannot write to ${topic}/${partition}`;
  return fencedError(what, answer, session) ?? notPermittedOr(what, answer);
}

function deliveryTimeout(
  { topic, partition }: PartitionQueue,
  limitMs: number,
  reason: unknown,
): KonnError {
  return new KonnError(
    `Cannot write to ${topic}/${partition}: not delivered within ${limitMs / 1000} s: ${messageOf(reason)}`,
    {
      code: "KAFKA_DELIVERY_TIMEOUT",
      hint: "Run the command again once Kafka is well: it goes on from the last checkpoint.",
      cause: reason,
    },
  );
}
