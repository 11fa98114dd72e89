import { KonnError } from "../../base/errors.ts";
import type { Lane, LanePosition } from "../../connector/mod.ts";
import type { KafkaConnection } from "./client.ts";
import {
  POSITIONS_TOPIC_CONFIG,
  type PositionsOwner,
  readKeptLanes,
  readPositions,
  refuseCheckpointAhead,
  transactionalIdOf,
} from "./positions.ts";
import type { ProducerSession } from "./producer_session.ts";
import { Sender } from "./sender.ts";
import { readRetentionMs } from "./topic_admin.ts";
import { prepareTopic, type TopicPlace } from "./target_topic.ts";
import { TransactionCoordinator } from "./transaction_coordinator.ts";
import { Transactions } from "./transaction.ts";

const NO_POSITIONS: ReadonlyMap<Lane, LanePosition> = new Map();

export interface ExactlyOnceOptions extends TopicPlace {
  readonly connection: KafkaConnection;
  readonly owner: PositionsOwner;
  readonly positionsTopic: string;
  /** Ends what is under way when the sink is closed; a stop of the run must not. */
  readonly closing: AbortSignal;
  /** Forget every position. */
  readonly fromBeginning: boolean;
  /** What the checkpoint on disk says. */
  readonly checkpointed: ReadonlyMap<Lane, LanePosition>;
  /** The last run had no transactions, so the checkpoint moved alone and may be ahead of Kafka. */
  readonly wasAtLeastOnce: boolean;
}

/** Transactions that have begun, and from where they go on. */
export interface ExactlyOnce {
  readonly session: ProducerSession;
  readonly transactions: Transactions;
  readonly positions: ReadonlyMap<Lane, LanePosition>;
}

/**
 * Takes a stream over: fences whoever wrote it before, and only then asks how far it came. The order
 * of these steps is what makes a restart exact (KIP-618).
 *
 * Errors: those of `TransactionCoordinator`, `readPositions` and `prepareTopic`, and
 * `KAFKA_POSITIONS_LOST`, `KAFKA_POSITIONS_TOPIC`.
 */
export async function beginExactlyOnce(options: ExactlyOnceOptions): Promise<ExactlyOnce> {
  const { connection, owner, positionsTopic, closing, ...rest } = options;
  const { fromBeginning, checkpointed, wasAtLeastOnce, ...place } = rest;
  refuseSameTopic(owner.topic, positionsTopic);
  const newTopic = { topic: positionsTopic, partitionsCount: 1, config: POSITIONS_TOPIC_CONFIG };
  const topics = await prepareTopic(newTopic, { ...place, isResuming: false });
  await warnOfShortMemory(positionsTopic, place);
  const transactionalId = transactionalIdOf(owner);
  const coordinator = new TransactionCoordinator({ ...place, transactionalId, signal: closing });
  const session = await coordinator.begin(place.signal);
  const { observer, signal, client, outageLimitMs: deliveryLimitMs } = place;
  const reading = { ...connection, observer, positionsTopic, signal };
  const known = fromBeginning ? NO_POSITIONS : await readPositions(owner, reading);
  const kept = new Map([...known].flatMap(([lane, at]) => (at ? [[lane, at] as const] : [])));
  const positionsSender = new Sender({
    client,
    topics,
    topic: positionsTopic,
    partitionsCount: 1,
    session,
    compression: "none",
    observer,
    deliveryLimitMs,
  });
  const parts = { coordinator, session, owner, positionsTopic, positionsSender, kept };
  const transactions = new Transactions(parts);
  if (fromBeginning) {
    await transactions.forgetPositions(await readKeptLanes(owner, reading));
    return { session, transactions, positions: NO_POSITIONS };
  }
  if (wasAtLeastOnce) {
    const positions = furtherOf(kept, checkpointed);
    // Kafka has to know of it before the checkpoint says that it does: a run that ends early would
    // leave it ahead.
    await transactions.commit(positions);
    return { session, transactions, positions };
  }
  refuseCheckpointAhead(checkpointed, known, { topic: owner.topic, positionsTopic });
  return { session, transactions, positions: kept };
}

/** For each lane the position that is further on: what either of them says has been delivered. */
function furtherOf(
  kept: ReadonlyMap<Lane, LanePosition>,
  checkpointed: ReadonlyMap<Lane, LanePosition>,
): ReadonlyMap<Lane, LanePosition> {
  const further = new Map(kept);
  for (const [lane, at] of checkpointed) {
    const other = kept.get(lane);
    if (other === undefined || at.nextSequence > other.nextSequence) further.set(lane, at);
  }
  return further;
}

function refuseSameTopic(topic: string, positionsTopic: string): void {
  if (topic !== positionsTopic) return;
  throw new KonnError(`Cannot write to topic ${topic}: it is where positions are kept`, {
    code: "KAFKA_POSITIONS_TOPIC",
    kind: "usage",
    hint: "Name another --topic, or another --positions-topic.",
  });
}

/** Positions have to be there for as long as somebody may come back to them. */
async function warnOfShortMemory(
  positionsTopic: string,
  { client, observer }: TopicPlace,
): Promise<void> {
  const retentionMs = await readRetentionMs(client, positionsTopic);
  if (retentionMs === undefined) return;
  observer.log.warn(
    `Topic ${positionsTopic} forgets positions: a stream that rests for longer begins anew`,
    { "retention.ms": retentionMs, hint: "Set its cleanup.policy to compact." },
  );
}
