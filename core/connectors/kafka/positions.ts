import * as v from "valibot";
import { KonnError } from "../../base/errors.ts";
import { identityDifference } from "../../connector/identity.ts";
import {
  type Identity,
  type Lane,
  type LanePosition,
  type Message,
  NO_TIMESTAMP,
} from "../../connector/mod.ts";
import type { Observer } from "../../observe/observer.ts";
import type { KafkaConnection } from "./client.ts";
import { createKafkaSource } from "./consumer.ts";

/** Where positions are kept unless a person names another topic. */
export const POSITIONS_TOPIC = "konn-positions";

/** The format that this konn writes. A record of another version is refused, never guessed at. */
const POSITION_VERSION = 1;

/**
 * What the topic of positions is made with: each lane's last record is kept for ever, and the part
 * that is not compacted yet stays small enough to be read in a moment.
 */
export const POSITIONS_TOPIC_CONFIG: Readonly<Record<string, string>> = {
  "cleanup.policy": "compact",
  "segment.bytes": `${8 * 1024 * 1024}`,
  "segment.ms": `${60 * 60 * 1_000}`,
  "min.cleanable.dirty.ratio": "0.1",
};

/** Whose positions these are: of one stream in one topic. */
export interface PositionsOwner {
  readonly streamId: string;
  readonly topic: string;
  /** What both were when the position was written, and must still be. */
  readonly source: Identity;
  readonly sink: Identity;
}

const KEY_SCHEMA = v.strictObject({ topic: v.string(), stream: v.string(), lane: v.string() });
const IDENTITY_SCHEMA = v.record(v.string(), v.string());
const VALUE_SCHEMA = v.strictObject({
  konn_position: v.literal(POSITION_VERSION),
  /** Null where the lane begins anew. */
  position: v.nullable(v.string()),
  next_sequence: v.pipe(v.string(), v.regex(/^\d{1,19}$/)),
  source: IDENTITY_SCHEMA,
  sink: IDENTITY_SCHEMA,
});

/**
 * The record that says how far a lane has come, or with `undefined` that it begins anew. A tombstone
 * would not do: nobody could tell positions that were taken back from positions that were lost.
 */
export function formatPositionRecord(
  owner: PositionsOwner,
  lane: Lane,
  at: LanePosition | undefined,
): Message {
  const key: v.InferOutput<typeof KEY_SCHEMA> = {
    topic: owner.topic,
    stream: owner.streamId,
    lane,
  };
  const value: v.InferOutput<typeof VALUE_SCHEMA> = {
    konn_position: POSITION_VERSION,
    position: at?.position ?? null,
    next_sequence: `${at?.nextSequence ?? 0n}`,
    source: { ...owner.source },
    sink: { ...owner.sink },
  };
  return {
    sequence: 0n,
    key: Buffer.from(JSON.stringify(key)),
    value: Buffer.from(JSON.stringify(value)),
    headers: [],
    timestampMs: NO_TIMESTAMP,
  };
}

export interface ReadPositionsOptions extends KafkaConnection {
  readonly positionsTopic: string;
  readonly observer: Observer;
  readonly signal: AbortSignal;
}

/** The last position of each lane, `undefined` for one that was told to begin anew. */
export type KeptPositions = ReadonlyMap<Lane, LanePosition | undefined>;

/**
 * Reads the last committed position of each lane of a stream, as far as the log goes at this
 * moment. Only once our own earlier transaction has ended, which `TransactionCoordinator.begin` sees
 * to; those of others are waited for (KIP-618 orders it in the same way).
 */
export async function readPositions(
  owner: PositionsOwner,
  options: ReadPositionsOptions,
): Promise<KeptPositions> {
  const values = await readValues(owner, options);
  return new Map([...values].map(([lane, value]) => [lane, parseValue(value, owner)]));
}

/**
 * Reads which lanes of a stream have a position, whatever it is: of another topic of that name, or
 * of another konn. To begin anew must be possible where going on is not.
 */
export async function readKeptLanes(
  owner: PositionsOwner,
  options: ReadPositionsOptions,
): Promise<readonly Lane[]> {
  return [...(await readValues(owner, options)).keys()];
}

async function readValues(
  owner: PositionsOwner,
  { positionsTopic, signal, ...connection }: ReadPositionsOptions,
): Promise<ReadonlyMap<Lane, Uint8Array>> {
  await using source = createKafkaSource({
    ...connection,
    topics: [positionsTopic],
    follow: false,
  });
  await source.open(signal);
  const values = new Map<Lane, Uint8Array>();
  for await (const { messages } of source.read({ from: new Map(), stop: signal })) {
    for (const { key, value } of messages) {
      const lane = laneOfKey(key, owner);
      if (lane === undefined) continue;
      if (value === null) values.delete(lane);
      else values.set(lane, value);
    }
  }
  signal.throwIfAborted();
  return values;
}

function laneOfKey(key: Uint8Array | null, { streamId, topic }: PositionsOwner): Lane | undefined {
  if (key === null) return undefined;
  const text = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString();
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), KEY_SCHEMA), text);
  if (!parsed.success) return undefined;
  const { stream, topic: target, lane } = parsed.output;
  return stream === streamId && target === topic ? lane : undefined;
}

function parseValue(value: Uint8Array, owner: PositionsOwner): LanePosition | undefined {
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString();
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), VALUE_SCHEMA), text);
  if (!parsed.success) {
    throw new KonnError(
      `Cannot go on writing to topic ${owner.topic}: the position that is kept for it cannot be read`,
      {
        code: "KAFKA_POSITION_UNKNOWN",
        hint: "Use the konn that wrote it, another --positions-topic, or start over: replay --again, pipe --from-beginning.",
      },
    );
  }
  const { position, next_sequence, source, sink } = parsed.output;
  if (position === null) return undefined;
  refuseChange("The source", identityDifference(source, owner.source), owner);
  refuseChange("The topic", identityDifference(sink, owner.sink), owner);
  return { position, nextSequence: BigInt(next_sequence) };
}

function refuseChange(
  what: string,
  difference: string | undefined,
  { topic }: PositionsOwner,
): void {
  if (difference === undefined) return;
  throw new KonnError(
    `Cannot go on writing to topic ${topic}: ${what.toLowerCase()} is not what it was, ${difference}`,
    {
      code: "KAFKA_POSITION_FOREIGN",
      hint: "Start over: replay --again, pipe --from-beginning.",
    },
  );
}

/**
 * Throws when the checkpoint on disk says that more was delivered than Kafka knows of. Kafka is the
 * authority; that it knows less means that its positions were lost, so what lies between may be in
 * the topic or not.
 */
export function refuseCheckpointAhead(
  local: ReadonlyMap<Lane, LanePosition>,
  kept: KeptPositions,
  { topic, positionsTopic }: { topic: string; positionsTopic: string },
): void {
  for (const [lane, { nextSequence }] of local) {
    // The run that took them back ended before it could say so in the checkpoint.
    if (kept.has(lane) && kept.get(lane) === undefined) continue;
    const known = kept.get(lane)?.nextSequence ?? 0n;
    if (known >= nextSequence) continue;
    throw new KonnError(
      `Cannot go on writing to topic ${topic}: the checkpoint says that ${lane} was delivered up to ${nextSequence}, topic ${positionsTopic} says ${known}`,
      {
        code: "KAFKA_POSITIONS_LOST",
        hint: `Was it begun anew with another state folder? Then use that one, or a new --state-dir: it goes on where Kafka says. Was ${positionsTopic} deleted, or another --positions-topic used? Start over: replay --again, pipe --from-beginning; or name the line to go on with: replay --from-line N.`,
      },
    );
  }
}

/**
 * The name of a producer's transactions: whoever writes this stream into this topic. No topic has a
 * colon in its name, so no other pair has the same.
 */
export function transactionalIdOf({ streamId, topic }: Pick<PositionsOwner, "streamId" | "topic">) {
  return `konn-${topic}:${streamId}`;
}
