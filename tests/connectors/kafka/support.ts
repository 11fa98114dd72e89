import { Kafka, logLevel, type Admin, type Producer } from "kafkajs";
import {
  NO_TIMESTAMP,
  type Batch,
  type Lane,
  type Message,
  type Position,
  type ReadOptions,
  type Sink,
} from "../../../core/connector/mod.ts";
import {
  createKafkaSource,
  type KafkaSourceOptions,
} from "../../../core/connectors/kafka/consumer.ts";
import { PackedMessages } from "../../../core/connector/packed_messages.ts";
import { createKafkaSink, type KafkaSinkOptions } from "../../../core/connectors/kafka/producer.ts";
import { SILENT_OBSERVER, type Observer } from "../../../core/observe/observer.ts";
import { sharedServices } from "../../services/mod.ts";
import { createTopic } from "../../services/kafka_topic.ts";

export const NEVER = new AbortController().signal;

const STREAM = { address: "memory:source", identity: {} };

/** The addresses of the Kafka that all tests share. */
export async function sharedBrokers(): Promise<string[]> {
  return (await sharedServices()).kafka.brokers.split(",");
}

export function uniqueTopic(): string {
  return `test-${crypto.randomUUID()}`;
}

/** kafkajs itself: an independent look at topics, and the way to make transactions. */
export async function withAdmin<T>(
  brokers: string[],
  use: (admin: Admin, kafka: Kafka) => Promise<T>,
): Promise<T> {
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await use(admin, kafka);
  } finally {
    await admin.disconnect();
  }
}

/** Makes a topic. Returns its name. */
export async function makeTopic(
  brokers: string[],
  options: { partitionsCount?: number; config?: Record<string, string> } = {},
): Promise<string> {
  const topic = uniqueTopic();
  const configEntries = Object.entries(options.config ?? {});
  await withAdmin(brokers, (admin) =>
    createTopic(admin, {
      topic,
      numPartitions: options.partitionsCount ?? 1,
      configEntries: configEntries.map(([name, value]) => ({ name, value })),
    }),
  );
  return topic;
}

/** Deletes what partition 0 holds below an offset. */
export async function deleteRecords(
  brokers: string[],
  topic: string,
  offset: string,
): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    // kafkajs does not look for the leader by itself.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset }] });
  });
}

/** A producer of kafkajs with a transactional id of its own. */
export async function transactionalProducer(brokers: string[]): Promise<Producer> {
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  const producer = kafka.producer({
    transactionalId: crypto.randomUUID(),
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: () => () => 0,
  });
  await producer.connect();
  return producer;
}

/** An event with a text for a value. */
export function event(sequence: number, options: Partial<Message> = {}): Message {
  return {
    sequence: BigInt(sequence),
    key: Buffer.from(`key ${sequence}`),
    value: Buffer.from(`value ${sequence}`),
    headers: [],
    timestampMs: NO_TIMESTAMP,
    ...options,
  };
}

/** Events numbered from 0 on. */
export function events(count: number, options: Partial<Message> = {}): Message[] {
  return Array.from({ length: count }, (_, index) => event(index, options));
}

export function batchOf(messages: readonly Message[]): Batch {
  const nextSequence = (messages.at(-1)?.sequence ?? -1n) + 1n;
  return {
    lane: "lane",
    messages,
    position: `${nextSequence}`,
    nextSequence,
    rejections: [],
    skipped: {},
    sizeBytes: 0,
  };
}

/** Lines in one block, behind one that is none of them. A key that stands apart is not in the block. */
export function packLines(
  lines: readonly { key: string; value: string; isApart?: boolean }[],
  firstSequence: number,
): PackedMessages {
  const head = "none of them\n";
  const bytes = Buffer.from(
    head + lines.map(({ key, value, isApart }) => `${isApart ? "" : key}|${value}\n`).join(""),
  );
  const packed = new PackedMessages(bytes, { firstSequence });
  let begins = head.length;
  for (const [index, { key, value, isApart }] of lines.entries()) {
    const keyEnd = begins + (isApart ? 0 : Buffer.byteLength(key));
    const valueStart = keyEnd + 1;
    const valueEnd = valueStart + Buffer.byteLength(value);
    const place = { valueStart, valueEnd, begins, line: index + 1 };
    if (isApart) packed.addWithKey(Buffer.from(key), place);
    else packed.add({ ...place, keyStart: begins, keyEnd });
    begins = valueEnd + 1;
  }
  return packed;
}

/** A sink that is open. */
export async function openSink(
  options: Pick<KafkaSinkOptions, "brokers" | "topic"> & Partial<KafkaSinkOptions>,
): Promise<Sink> {
  const sink = createKafkaSink({
    partitionsCount: undefined,
    compression: "none",
    observer: SILENT_OBSERVER,
    ...options,
  });
  await sink.open({ stream: STREAM, resume: undefined, fromBeginning: false, signal: NEVER });
  return sink;
}

/** Writes messages into a topic, which is made when it is absent. */
export async function produce(
  options: Parameters<typeof openSink>[0],
  messages: readonly Message[],
): Promise<void> {
  await using sink = await openSink(options);
  await sink.write(batchOf(messages), NEVER);
}

type SourceOptions = Pick<KafkaSourceOptions, "brokers" | "topics"> & Partial<KafkaSourceOptions>;

/** Reads topics to their ends. The places at which lanes begin are left out: see `consumeAll`. */
export async function consume(
  options: SourceOptions,
  readOptions: Partial<ReadOptions> = {},
): Promise<Batch[]> {
  const begun = new Set(readOptions.from?.keys());
  return (await consumeAll(options, readOptions)).filter(({ lane, messages }) => {
    const isPlace = !begun.has(lane) && messages.length === 0;
    begun.add(lane);
    return !isPlace;
  });
}

/** Reads topics to their ends. */
export async function consumeAll(
  options: SourceOptions,
  readOptions: Partial<ReadOptions> = {},
): Promise<Batch[]> {
  await using source = createKafkaSource({ follow: false, observer: SILENT_OBSERVER, ...options });
  await source.open(NEVER);
  const read = source.read({ from: new Map(), stop: NEVER, ...readOptions });
  return await Array.fromAsync(read);
}

/** The values of all messages, as text. */
export function valuesOf(batches: readonly Batch[]): string[] {
  return batches.flatMap(({ messages }) => messages.map(({ value }) => text(value) ?? "null"));
}

/** Where each lane stands after these batches. */
export function positionsOf(batches: readonly Batch[]): Map<Lane, Position> {
  return new Map(batches.map(({ lane, position }) => [lane, position]));
}

export function text(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString();
}

/** Keeps every line of the log at "info" and above. */
export class RecordingObserver implements Observer {
  readonly lines: string[] = [];
  retriesCount = 0;
  readonly log = {
    debug: (): void => undefined,
    info: (message: string): void => void this.lines.push(message),
    warn: (message: string): void => void this.lines.push(message),
    error: (message: string): void => void this.lines.push(message),
  };

  retried(count: number): void {
    this.retriesCount += count;
  }
}

/** What `work` throws. */
export async function errorOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error("no error was thrown");
}

/** Asks again and again until it is so. */
export async function eventually(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + 30_000;
  while (!(await isSo())) {
    if (Date.now() > deadlineMs) throw new Error("it did not happen within 30 s");
    await Bun.sleep(50);
  }
}
