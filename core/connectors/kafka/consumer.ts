import { KonnError } from "../../base/errors.ts";
import type {
  Batch,
  Lane,
  Position,
  ReadOptions,
  Source,
  StreamIdentity,
} from "../../connector/mod.ts";
import type { Observer } from "../../observe/observer.ts";
import { canonicalAddress, connectorUrl } from "./address.ts";
import { limitBatches } from "./batch_limits.ts";
import { KafkaClient, type KafkaConnection } from "./client.ts";
import { Fetcher } from "./fetcher.ts";
import { OUTAGE_LIMIT_MS } from "./leader_router.ts";
import { listOffsets, type LogEnd, type TopicPartition } from "./offsets.ts";
import { laneOf, offsetOf, PartitionCursor } from "./partition_cursor.ts";
import { isOnlyCompacted } from "./topic_admin.ts";
import { Topics } from "./topics.ts";

const OPEN_TRANSACTION_LIMIT_MS = 60_000;

export interface KafkaSourceOptions extends KafkaConnection {
  /** At least one. */
  readonly topics: readonly string[];
  /** Go on with what comes, or end at the high watermarks of the start. */
  readonly follow: boolean;
  readonly observer: Observer;
  /** Only these partitions, of every topic. All of them by default. */
  readonly partitions?: readonly number[] | undefined;
  /** How long bounded reading waits for an open transaction. 60 s by default. */
  readonly openTransactionLimitMs?: number;
  /** How long a partition may be out of reach. 120 s by default. */
  readonly outageLimitMs?: number;
}

/**
 * Reads committed records of Kafka topics, without a consumer group.
 *
 * A lane is `topic/partition`, a position the offset of the next record in decimal, a sequence an
 * offset. Errors: `KAFKA_UNREACHABLE`, `KAFKA_TOPIC_NOT_FOUND`, `KAFKA_PARTITION_NOT_FOUND`,
 * `KAFKA_OFFSET_OUT_OF_RANGE`, `KAFKA_POSITION_BEYOND_END`, `KAFKA_OPEN_TRANSACTION`,
 * `KAFKA_TOPIC_CHANGED`, and those of the record batches.
 */
export function createKafkaSource(options: KafkaSourceOptions): Source {
  return new KafkaSource(options);
}

/** Also what a source that shares the partitions with others reads by. */
export class KafkaSource implements Source {
  readonly #options: KafkaSourceOptions;
  readonly #disposal = new AbortController();
  #opened: { client: KafkaClient; topics: Topics } | undefined;
  #starts: ReadonlyMap<Lane, bigint> | undefined;

  constructor(options: KafkaSourceOptions) {
    this.#options = options;
  }

  async open(signal: AbortSignal): Promise<StreamIdentity> {
    const { brokers, topics: names, observer } = this.#options;
    const client = await KafkaClient.connect(this.#options, { log: observer.log, signal });
    try {
      const topics = await Topics.open(client, names, { brokers, signal, isNew: false });
      this.#opened = { client, topics };
      this.#refuseMissingPartitions(topics);
      return this.#identify(topics);
    } catch (thrown) {
      client.close();
      throw thrown;
    }
  }

  #identify(topics: Topics): StreamIdentity {
    const { brokers, topics: names } = this.#options;
    const address = canonicalAddress({ clusterId: topics.clusterId, brokers }, names);
    return {
      address,
      identity: topics.identity(),
      label: connectorUrl(brokers, names),
      lanesCount: this.partitions().length,
      streamId: address,
      partitionsCount: Math.max(...topics.facts.map(({ partitionsCount }) => partitionsCount)),
      missingCount: () => this.#missingCount(),
    };
  }

  async ends(): Promise<ReadonlyMap<Lane, bigint>> {
    return await this.#listOffsets(this.partitions(), "latest", this.#disposal.signal);
  }

  async *read(options: ReadOptions): AsyncGenerator<Batch> {
    const stop = AbortSignal.any([options.stop, this.#disposal.signal]);
    const cursors = await this.#startCursors(options, stop);
    if (cursors === undefined) return;
    // A partition that holds nothing has a place all the same: whoever waits for it to be reached,
    // and whoever comes back after records came and went, must know of it.
    for (const cursor of cursors) {
      if (!options.from.has(cursor.lane)) yield cursor.place();
    }
    yield* limitBatches(this.batchesOf(cursors, stop), options);
  }

  /** Reads from these places, until all are at their ends or it is stopped. */
  batchesOf(cursors: readonly PartitionCursor[], stop: AbortSignal): AsyncGenerator<Batch> {
    const { brokers, observer, outageLimitMs, openTransactionLimitMs } = this.#options;
    const fetcher = new Fetcher({
      ...this.opened(),
      brokers,
      cursors,
      observer,
      stop,
      outageLimitMs: outageLimitMs ?? OUTAGE_LIMIT_MS,
      openTransactionLimitMs: openTransactionLimitMs ?? OPEN_TRANSACTION_LIMIT_MS,
      explainOffset: async (cursor) => {
        refuseOffset(cursor.lane, cursor.offset, await this.bounds([cursor], stop));
      },
    });
    return fetcher.batches();
  }

  async positionAt(lane: Lane, sequence: bigint): Promise<Position | undefined> {
    this.#starts ??= await this.#listOffsets(this.partitions(), "earliest", this.#disposal.signal);
    const start = this.#starts.get(lane);
    return start === undefined || sequence < start ? undefined : String(sequence);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposal.abort();
    this.#opened?.client.close();
  }

  /** Offsets that retention has taken from the beginnings of the partitions. */
  async #missingCount(): Promise<bigint> {
    const starts = await this.#listOffsets(this.partitions(), "earliest", this.#disposal.signal);
    let count = 0n;
    for (const [topic, partitions] of Map.groupBy(this.partitions(), (item) => item.topic)) {
      const lanes = partitions.map(({ partition }) => laneOf(topic, partition));
      const missing = lanes.reduce((sum, lane) => sum + (starts.get(lane) ?? 0n), 0n);
      if (missing === 0n || (await isOnlyCompacted(this.opened().client, topic))) continue;
      count += missing;
    }
    return count;
  }

  /** Undefined when reading was stopped before it began. */
  async #startCursors(
    { from }: ReadOptions,
    stop: AbortSignal,
  ): Promise<PartitionCursor[] | undefined> {
    const partitions = this.partitions();
    let bounds: Bounds;
    try {
      bounds = await this.bounds(partitions, stop);
    } catch (thrown) {
      if (stop.aborted) return undefined;
      throw thrown;
    }
    return partitions.map(({ topic, partition }) => {
      const lane = laneOf(topic, partition);
      return new PartitionCursor(topic, partition, {
        start: startOf(lane, from.get(lane), bounds),
        end: this.#options.follow ? undefined : bounds.ends.get(lane),
      });
    });
  }

  /** Where the logs of these partitions start and end now. */
  async bounds(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<Bounds> {
    // The starts last: the log may be cut meanwhile, but its end never goes back.
    const ends = await this.#listOffsets(partitions, "latest", signal);
    const starts = await this.#listOffsets(partitions, "earliest", signal);
    return { starts, ends };
  }

  async #listOffsets(
    partitions: readonly TopicPartition[],
    end: LogEnd,
    signal: AbortSignal,
  ): Promise<Map<Lane, bigint>> {
    const { brokers, observer, outageLimitMs = OUTAGE_LIMIT_MS } = this.#options;
    const options = { ...this.opened(), brokers, observer, signal, outageLimitMs };
    return await listOffsets(partitions, end, options);
  }

  /** All partitions that are read. */
  partitions(): TopicPartition[] {
    return this.opened().topics.facts.flatMap(({ name, partitionsCount }) => {
      const wanted =
        this.#options.partitions ?? Array.from({ length: partitionsCount }, (_, index) => index);
      return wanted.map((partition) => ({ topic: name, partition }));
    });
  }

  #refuseMissingPartitions(topics: Topics): void {
    for (const { name, partitionsCount } of topics.facts) {
      const missing = this.#options.partitions?.find((partition) => partition >= partitionsCount);
      if (missing === undefined) continue;
      throw new KonnError(
        `Cannot read partition ${missing} of topic ${name}: it has ${partitionsCount} partitions`,
        { code: "KAFKA_PARTITION_NOT_FOUND", hint: "Partitions are counted from 0." },
      );
    }
  }

  /** Throws before it is opened. */
  opened(): { client: KafkaClient; topics: Topics } {
    if (this.#opened !== undefined) return this.#opened;
    throw new KonnError("Cannot read from Kafka: the source was not opened", {
      code: "KAFKA_NOT_OPEN",
      kind: "failed",
    });
  }
}

export interface Bounds {
  readonly starts: ReadonlyMap<Lane, bigint>;
  readonly ends: ReadonlyMap<Lane, bigint>;
}

/** Where to begin with a lane. Throws when records are gone that were not read yet. */
export function startOf(lane: Lane, position: Position | undefined, bounds: Bounds): bigint {
  if (position === undefined) return bounds.starts.get(lane) ?? 0n;
  const offset = offsetOf(lane, position);
  refuseOffset(lane, offset, bounds);
  return offset;
}

/** Throws when records are gone that were not read yet, or when there never were so many. */
function refuseOffset(lane: Lane, offset: bigint, { starts, ends }: Bounds): void {
  const start = starts.get(lane) ?? 0n;
  const end = ends.get(lane) ?? start;
  if (offset < start) {
    throw new KonnError(
      `Cannot go on with ${lane} at offset ${offset}: Kafka has deleted ${start - offset} offsets that were not read yet, the first one left is ${start}`,
      {
        code: "KAFKA_OFFSET_OUT_OF_RANGE",
        hint: "Start over from what is left with --from-beginning --accept-loss, and give the topic a longer retention (retention.ms).",
      },
    );
  }
  if (offset > end) {
    throw new KonnError(
      `Cannot go on with ${lane} at offset ${offset}: the partition ends at ${end}`,
      {
        code: "KAFKA_POSITION_BEYOND_END",
        hint: "The topic was made anew, or this is another cluster. Start over with --from-beginning.",
      },
    );
  }
}
