import { KonnError } from "../../base/errors.ts";
import type { Observer } from "../../observe/observer.ts";
import { unreachableError, type KafkaClient } from "./client.ts";
import { ProtocolError } from "./protocol_error.ts";
import { retryTransient } from "./retry.ts";
import { notPermittedOr } from "./topics.ts";

const INIT_TIMEOUT_MS = 10_000;
const INIT_LIMIT_MS = 30_000;
/**
 * A transaction that its producer has abandoned holds up read_committed readers for so long, and
 * one whose partitions have no leader for so long is lost. Without a transactional id the broker
 * does not look at it.
 */
export const TRANSACTION_TIMEOUT_MS = 15_000;
const MAX_SEQUENCE = 0x7fff_ffff;

export interface SessionOptions {
  readonly client: KafkaClient;
  readonly brokers: readonly string[];
  readonly observer: Observer;
  readonly signal: AbortSignal;
}

/** What InitProducerId gives. */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** Null for a producer that is idempotent only. */
  readonly transactionalId: string | null;
}

/**
 * Who we are to the brokers, and what we have written so far: they drop what they have seen under
 * the same producer id, epoch and sequence, and refuse what leaves a gap.
 */
export class ProducerSession implements ProducerIdentity {
  readonly transactionalId: string | null;
  #producerId: bigint;
  #producerEpoch: number;
  /** Of the next record, by topic and partition. */
  readonly #sequences = new Map<string, number>();

  constructor({ producerId, producerEpoch, transactionalId }: ProducerIdentity) {
    this.#producerId = producerId;
    this.#producerEpoch = producerEpoch;
    this.transactionalId = transactionalId;
  }

  get producerId(): bigint {
    return this.#producerId;
  }

  get producerEpoch(): number {
    return this.#producerEpoch;
  }

  /** Goes on under another id or epoch, with sequences from 0. Nothing may be on its way. */
  renew({ producerId, producerEpoch }: ProducerIdentity): void {
    this.#producerId = producerId;
    this.#producerEpoch = producerEpoch;
    this.#sequences.clear();
  }

  /** Asks for a producer id of our own, without transactions. */
  static async begin(options: SessionOptions): Promise<ProducerSession> {
    const { client, brokers, observer, signal } = options;
    const init = async (): Promise<ProducerSession> => {
      const link = await client.controllerLink();
      const { producerId, producerEpoch } = await link.call(
        (broker) =>
          broker.initProducerId({
            transactionalId: null,
            transactionTimeout: TRANSACTION_TIMEOUT_MS,
          }),
        INIT_TIMEOUT_MS,
      );
      const transactionalId = null;
      return new ProducerSession({
        producerId: BigInt(producerId),
        producerEpoch,
        transactionalId,
      });
    };
    try {
      return await retryTransient(init, {
        signal,
        limitMs: INIT_LIMIT_MS,
        onRetry: () => observer.retried(1),
        giveUp: (reason) => unreachableError(brokers, reason),
      });
    } catch (thrown) {
      if (!(thrown instanceof ProtocolError)) throw thrown;
      throw notPermittedOr("Cannot get a producer id from Kafka", thrown);
    }
  }

  /** The sequence that the next record of the partition gets. */
  nextSequence(topic: string, partition: number): number {
    return this.#sequences.get(partitionKey(topic, partition)) ?? 0;
  }

  /** So many records of the partition were delivered. Sequences go from 2^31-1 back to 0. */
  advance(topic: string, partition: number, count: number): void {
    const next = (this.nextSequence(topic, partition) + count) % (MAX_SEQUENCE + 1);
    this.#sequences.set(partitionKey(topic, partition), next);
  }
}

function partitionKey(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

/** What the brokers remember of us and what we remember no longer agree. */
const SESSION_LOST_ERRORS: ReadonlySet<string> = new Set([
  "OUT_OF_ORDER_SEQUENCE_NUMBER",
  "UNKNOWN_PRODUCER_ID",
  "INVALID_PRODUCER_EPOCH",
  "INVALID_PRODUCER_ID_MAPPING",
  "INVALID_TXN_STATE",
  "TRANSACTION_COORDINATOR_FENCED",
  "PRODUCER_FENCED",
]);

/** `KAFKA_PRODUCER_FENCED` when the brokers no longer know this session, else undefined. */
export function fencedError(
  what: string,
  error: ProtocolError,
  { transactionalId }: Pick<ProducerIdentity, "transactionalId">,
): KonnError | undefined {
  if (!SESSION_LOST_ERRORS.has(error.message)) return undefined;
  const hint =
    transactionalId === null
      ? "Run the command again: it goes on from the last checkpoint."
      : `Another konn has taken this stream over, or a transaction was open for more than ${TRANSACTION_TIMEOUT_MS / 1_000} s. If no other one runs, run the command again: it goes on from the last commit.`;
  return new KonnError(`${what}: ${error.message}`, {
    code: "KAFKA_PRODUCER_FENCED",
    isTransactionLost: transactionalId !== null,
    hint,
    cause: error,
  });
}
