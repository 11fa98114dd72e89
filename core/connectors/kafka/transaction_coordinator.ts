import { KonnError, messageOf } from "../../base/errors.ts";
import { addPartitionsRequest } from "./add_partitions_request.ts";
import type { BrokerLink } from "./broker_link.ts";
import { unreachableError } from "./client.ts";
import type { TopicPartition } from "./offsets.ts";
import {
  fencedError,
  ProducerSession,
  type SessionOptions,
  TRANSACTION_TIMEOUT_MS,
} from "./producer_session.ts";
import { ERROR_CODES, isTransient, LinkLostError, ProtocolError } from "./protocol_error.ts";
import {
  INIT_PRODUCER_ID_API_KEY,
  RENEW_PRODUCER_VERSION,
  renewProducerRequest,
} from "./renew_producer_request.ts";
import { retryTransient } from "./retry.ts";
import { notPermittedOr } from "./topics.ts";

const REQUEST_TIMEOUT_MS = 10_000;
/** Longer than a coordinator takes to move and than the transaction before takes to end. */
const COORDINATOR_LIMIT_MS = 60_000;
/** The markers of the last transaction are written within milliseconds (as in the Java client). */
const CONCURRENT_DELAYS = { firstDelayMs: 5, maxDelayMs: 40 } as const;
const TRANSACTION_TYPE = 1;
const NO_SUCH_API = "KafkaJSServerDoesNotSupportApiKey";

export type Outcome = "commit" | "abort";

export interface CoordinatorOptions extends SessionOptions {
  readonly transactionalId: string;
  /** Ends what is under way once the transactions have begun; a stop of the run must not. */
  readonly signal: AbortSignal;
}

/**
 * The broker that keeps the transactions of one transactional id (KIP-98). It moves as leaders do,
 * so every request may have to find it anew; each of them can be sent again while its outcome is
 * unclear.
 *
 * Errors: `KAFKA_UNREACHABLE`, `KAFKA_PRODUCER_FENCED`, `KAFKA_TRANSACTIONS_NOT_ALLOWED`,
 * `KAFKA_NOT_PERMITTED`, `KAFKA_TRANSACTION_UNCLEAR`.
 */
export class TransactionCoordinator {
  readonly #options: CoordinatorOptions;
  #nodeId: number | undefined;
  /** An answer was lost: its request may yet arrive, in a later transaction of the same epoch. */
  #hasStrayRequest = false;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
  }

  /**
   * Takes the transactional id over: aborts what an earlier producer left open, waits until that is
   * done, and fences it.
   */
  async begin(signal: AbortSignal): Promise<ProducerSession> {
    const { transactionalId } = this.#options;
    const init = (link: BrokerLink) =>
      link.call(
        (broker) =>
          broker.initProducerId({ transactionalId, transactionTimeout: TRANSACTION_TIMEOUT_MS }),
        REQUEST_TIMEOUT_MS,
      );
    const { producerId, producerEpoch } = await this.#ask("begin", init, signal);
    this.#hasStrayRequest = false;
    return new ProducerSession({ producerId: BigInt(producerId), producerEpoch, transactionalId });
  }

  /** Makes partitions part of the transaction; the first ones open it. */
  async addPartitions(
    session: ProducerSession,
    partitions: readonly TopicPartition[],
  ): Promise<void> {
    const request = addPartitionsRequest(partitions, {
      ...this.#identityOf(session),
      producerId: session.producerId,
    });
    await this.#ask("add partitions to", (link) => link.send(request, REQUEST_TIMEOUT_MS));
  }

  /**
   * Ends the transaction. When it resolves, the outcome is decided for good, and a commit can be
   * seen by whoever reads.
   */
  async end(session: ProducerSession, outcome: Outcome): Promise<void> {
    const request = {
      ...this.#identityOf(session),
      producerId: `${session.producerId}`,
      transactionResult: outcome === "commit",
    };
    const end = (link: BrokerLink) =>
      link.call((broker) => broker.endTxn(request), REQUEST_TIMEOUT_MS);
    await this.#ask(outcome, end);
    // The coordinator answers before it has written the markers that show readers the records. To
    // the same question again it says that it is busy until it has.
    if (outcome !== "commit") return;
    await this.#ask(outcome, end);
    if (this.#hasStrayRequest) await this.#renew(session);
  }

  /**
   * Leaves the epoch in which a request was lost. One that ends a transaction knows only the epoch:
   * arriving late it would end another one, and commit records without the positions behind them.
   */
  async #renew(session: ProducerSession): Promise<void> {
    const { transactionalId } = this.#options;
    const request = renewProducerRequest(transactionalId, TRANSACTION_TIMEOUT_MS, session);
    const renewed = await this.#ask("go on after", (link) => {
      if (link.maxVersion(INIT_PRODUCER_ID_API_KEY) >= RENEW_PRODUCER_VERSION) {
        return link.send(request, REQUEST_TIMEOUT_MS);
      }
      throw new KonnError(
        `Cannot go on after the transaction of ${transactionalId}: an answer of Kafka was lost`,
        {
          code: "KAFKA_TRANSACTION_UNCLEAR",
          hint: "Run the command again: it goes on from the last commit.",
        },
      );
    });
    session.renew(renewed);
    this.#hasStrayRequest = false;
  }

  #identityOf({ producerEpoch }: ProducerSession) {
    return { transactionalId: this.#options.transactionalId, producerEpoch };
  }

  async #ask<T>(
    verb: string,
    use: (link: BrokerLink) => Promise<T>,
    signal: AbortSignal = this.#options.signal,
  ): Promise<T> {
    const { observer, brokers, transactionalId } = this.#options;
    let isExpected = false;
    const attempt = async (): Promise<T> => {
      try {
        return await use(await this.#link());
      } catch (thrown) {
        this.#hasStrayRequest ||= thrown instanceof LinkLostError;
        isExpected = thrown instanceof ProtocolError && EXPECTED_CODES.has(thrown.code);
        if (isTransient(thrown) && !isConcurrent(thrown)) this.#nodeId = undefined;
        throw thrown;
      }
    };
    try {
      return await retryTransient(attempt, {
        signal,
        limitMs: COORDINATOR_LIMIT_MS,
        delaysAfter: (thrown) => (isConcurrent(thrown) ? CONCURRENT_DELAYS : undefined),
        onRetry: () => {
          if (!isExpected) observer.retried(1);
        },
        giveUp: (reason) => unreachableError(brokers, reason),
      });
    } catch (thrown) {
      throw refusal(`Cannot ${verb} the transaction of ${transactionalId}`, thrown, {
        transactionalId,
      });
    }
  }

  async #link(): Promise<BrokerLink> {
    const { client, transactionalId } = this.#options;
    if (this.#nodeId === undefined) {
      const link = await client.controllerLink();
      const { coordinator } = await link.call(
        (broker) =>
          broker.findGroupCoordinator({
            groupId: transactionalId,
            coordinatorType: TRANSACTION_TYPE,
          }),
        REQUEST_TIMEOUT_MS,
      );
      this.#nodeId = coordinator.nodeId;
    }
    return await client.link(this.#nodeId, "control");
  }
}

/**
 * What every run may hear, and nobody needs to be told of: the transaction before is still ending,
 * the coordinator is still reading its log.
 */
const EXPECTED_CODES: ReadonlySet<number> = new Set([
  ERROR_CODES.CONCURRENT_TRANSACTIONS,
  ERROR_CODES.COORDINATOR_LOAD_IN_PROGRESS,
  ERROR_CODES.COORDINATOR_NOT_AVAILABLE,
]);

function isConcurrent(thrown: unknown): boolean {
  return thrown instanceof ProtocolError && thrown.code === ERROR_CODES.CONCURRENT_TRANSACTIONS;
}

/** What a person is told of an error that no waiting mends. */
function refusal(
  what: string,
  thrown: unknown,
  identity: { readonly transactionalId: string },
): unknown {
  if (thrown instanceof Error && thrown.name === NO_SUCH_API) {
    return notAllowed(`${what}: this Kafka has no transactions`, thrown, identity);
  }
  if (!(thrown instanceof ProtocolError)) return thrown;
  if (NOT_ALLOWED_CODES.has(thrown.code)) {
    return notAllowed(`${what}: ${messageOf(thrown)}`, thrown, identity);
  }
  return fencedError(what, thrown, identity) ?? notPermittedOr(what, thrown);
}

function notAllowed(
  message: string,
  cause: unknown,
  { transactionalId }: { readonly transactionalId: string },
): KonnError {
  return new KonnError(message, {
    code: "KAFKA_TRANSACTIONS_NOT_ALLOWED",
    hint: `Allow Write and Describe on the transactional id ${transactionalId} (or the prefix konn-), or go on without exactly-once: --at-least-once.`,
    cause,
  });
}

const NOT_ALLOWED_CODES: ReadonlySet<number> = new Set([
  ERROR_CODES.UNSUPPORTED_VERSION,
  ERROR_CODES.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
]);
