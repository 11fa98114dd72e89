import type { Observer } from "../../observe/observer.ts";
import { unreachableError, type KafkaClient } from "./client.ts";
import { ProtocolError } from "./protocol_error.ts";
import { retryTransient } from "./retry.ts";
import { notPermittedOr } from "./topics.ts";

const INIT_TIMEOUT_MS = 10_000;
const INIT_LIMIT_MS = 30_000;
/** Without a transactional id the broker does not look at it. */
const TRANSACTION_TIMEOUT_MS = 15_000;
const MAX_SEQUENCE = 0x7fff_ffff;

export interface SessionOptions {
  readonly client: KafkaClient;
  readonly brokers: readonly string[];
  readonly observer: Observer;
  readonly signal: AbortSignal;
}

/**
 * Who we are to the brokers, and what we have written so far: they drop what they have seen under
 * the same producer id, epoch and sequence, and refuse what leaves a gap.
 */
export class ProducerSession {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly transactionalId: string | null = null;
  /** Of the next record, by partition. */
  readonly #sequences = new Map<number, number>();

  private constructor(producerId: bigint, producerEpoch: number) {
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
  }

  /** Asks for a producer id of our own. */
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
      return new ProducerSession(BigInt(producerId), producerEpoch);
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
  nextSequence(partition: number): number {
    return this.#sequences.get(partition) ?? 0;
  }

  /** So many records of the partition were delivered. Sequences go from 2^31-1 back to 0. */
  advance(partition: number, count: number): void {
    const next = (this.nextSequence(partition) + count) % (MAX_SEQUENCE + 1);
    this.#sequences.set(partition, next);
  }
}
