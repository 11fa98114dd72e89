import { KonnError } from "../../base/errors.ts";
import type { Lane, LanePosition } from "../../connector/mod.ts";
import type { TopicPartition } from "./offsets.ts";
import { formatPositionRecord, type PositionsOwner } from "./positions.ts";
import type { ProducerSession } from "./producer_session.ts";
import type { Sender } from "./sender.ts";
import type { TransactionCoordinator } from "./transaction_coordinator.ts";
import { WriteTicket } from "./write_ticket.ts";

const POSITIONS_PARTITION = 0;

export interface TransactionsOptions {
  readonly coordinator: TransactionCoordinator;
  readonly session: ProducerSession;
  readonly owner: PositionsOwner;
  readonly positionsTopic: string;
  readonly positionsSender: Sender;
  /** Where reading goes on: what is in the topic of positions already. */
  readonly kept: ReadonlyMap<Lane, LanePosition>;
}

/**
 * The transactions of a run, one after the other: each holds records of the topic and the positions
 * behind them, and takes effect as a whole (KIP-98).
 */
export class Transactions {
  readonly #options: TransactionsOptions;
  readonly #kept: Map<Lane, LanePosition>;
  readonly #partitions = new Set<string>();
  #including: Promise<void> = Promise.resolve();

  constructor(options: TransactionsOptions) {
    this.#options = options;
    this.#kept = new Map(options.kept);
  }

  /**
   * Makes partitions part of the open transaction, or opens one with them, before anything is
   * written to them. Calls resolve in their order.
   */
  include(partitions: readonly TopicPartition[]): Promise<void> {
    const included = this.#including.then(() => this.#include(partitions));
    this.#including = included.catch(() => undefined);
    return included;
  }

  /** Ends the transaction with these positions. Without new ones and without records, does nothing. */
  async commit(lanes: ReadonlyMap<Lane, LanePosition>): Promise<void> {
    const moved = [...lanes].filter(([lane, { position }]) => {
      return this.#kept.get(lane)?.position !== position;
    });
    if (moved.length === 0 && this.#partitions.size === 0) return;
    await this.#writePositions(moved);
    await this.#end("commit");
    for (const [lane, at] of moved) this.#kept.set(lane, at);
  }

  /** Takes back positions, so that the next run begins anew even if this one ends at once. */
  async forgetPositions(lanes: readonly Lane[]): Promise<void> {
    if (lanes.length === 0) return;
    await this.#writePositions(lanes.map((lane) => [lane, undefined]));
    await this.#end("commit");
    for (const lane of lanes) this.#kept.delete(lane);
  }

  /** Gives up what was written since the last commit, if anything was. */
  async abort(): Promise<void> {
    await this.#including;
    if (this.#partitions.size > 0) await this.#end("abort");
  }

  async #include(partitions: readonly TopicPartition[]): Promise<void> {
    const added = partitions.filter((partition) => !this.#partitions.has(keyOf(partition)));
    if (added.length === 0) return;
    const { coordinator, session } = this.#options;
    await coordinator.addPartitions(session, added);
    for (const partition of added) this.#partitions.add(keyOf(partition));
  }

  async #writePositions(
    moved: readonly (readonly [Lane, LanePosition | undefined])[],
  ): Promise<void> {
    if (moved.length === 0) return;
    const { owner, positionsTopic, positionsSender } = this.#options;
    await this.include([{ topic: positionsTopic, partition: POSITIONS_PARTITION }]);
    const messages = moved.map(([lane, at]) => formatPositionRecord(owner, lane, at));
    const partitions = new Int32Array(messages.length).fill(POSITIONS_PARTITION);
    const ticket = new WriteTicket({ messages }, partitions);
    positionsSender.enqueue(ticket);
    positionsSender.send();
    const { rejections } = await ticket.report;
    const [refused] = rejections;
    if (refused !== undefined) throw positionRefused(positionsTopic, refused.reason);
  }

  async #end(outcome: "commit" | "abort"): Promise<void> {
    const { coordinator, session } = this.#options;
    await coordinator.end(session, outcome);
    this.#partitions.clear();
  }
}

function positionRefused(positionsTopic: string, reason: string): KonnError {
  return new KonnError(`Cannot keep the positions in topic ${positionsTopic}: one is ${reason}`, {
    code: "KAFKA_POSITION_REFUSED",
    hint: "Make the topic with the settings that konn gives it, or name another --positions-topic.",
  });
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
