import { expect, test } from "bun:test";
import type { Message } from "../../../core/connector/mod.ts";
import { COMPRESSIONS } from "../../../core/connectors/kafka/compression.ts";
import {
  batchOf,
  consume,
  event,
  events,
  makeTopic,
  NEVER,
  openSink,
  positionsOf,
  produce,
  sharedBrokers,
  uniqueTopic,
  valuesOf,
} from "./support.ts";

test("keys, values, tombstones, headers and times do survive", async () => {
  const brokers = await sharedBrokers();
  const topic = uniqueTopic();
  const bytes = Buffer.from([0, 255, 128, 10, 13]);
  const written = [
    event(0, { key: bytes, value: bytes, timestampMs: 1_706_812_484_573 }),
    event(1, { key: Buffer.alloc(0), value: Buffer.alloc(0), timestampMs: 0 }),
    event(2, { key: Buffer.from("k"), value: null, timestampMs: 5 }),
    event(3, {
      timestampMs: 7,
      headers: [
        { name: "a", value: bytes },
        { name: "a", value: null },
        { name: "ü", value: Buffer.alloc(0) },
      ],
    }),
    event(4, { key: null, timestampMs: 1 }),
  ];
  await produce({ brokers, topic, partitionsCount: 1 }, written);
  const batches = await consume({ brokers, topics: [topic] });
  const read = batches.flatMap(({ messages }) => messages);
  expect(read.map(plain)).toEqual(written.map(plain));
  expect(batches[0]?.messages[0]?.origin).toEqual({ topic, partition: 0 });
  expect(positionsOf(batches)).toEqual(new Map([[`${topic}/0`, "5"]]));
});

test("a message without a time does get the time of sending", async () => {
  const brokers = await sharedBrokers();
  const topic = uniqueTopic();
  const beforeMs = Date.now();
  await produce({ brokers, topic }, events(1));
  const [message] = (await consume({ brokers, topics: [topic] })).flatMap((b) => b.messages);
  expect(message?.timestampMs).toBeGreaterThanOrEqual(beforeMs);
  expect(message?.timestampMs).toBeLessThanOrEqual(Date.now());
});

test.each(COMPRESSIONS)(
  "kcat does read what was written, byte for byte: %s",
  async (compression) => {
    if (Bun.which("kcat") === null) return;
    const brokers = await sharedBrokers();
    const topic = uniqueTopic();
    const values = Array.from({ length: 500 }, (_, index) => `value ${index} `.repeat(20));
    const messages = values.map((value, index) =>
      event(index, {
        value: Buffer.from(value),
        headers: [{ name: "n", value: Buffer.from("v") }],
      }),
    );
    await produce({ brokers, topic, compression, partitionsCount: 1 }, messages);
    const kcat = Bun.spawn(
      ["kcat", "-q", "-C", "-b", brokers.join(","), "-t", topic, "-o", "beginning", "-e"].concat([
        "-X",
        "check.crcs=true",
        "-f",
        "%k|%h|%s\n",
      ]),
    );
    const lines = (await new Response(kcat.stdout).text()).split("\n").slice(0, -1);
    expect(lines).toEqual(values.map((value, index) => `key ${index}|n=v|${value}`));
    expect(valuesOf(await consume({ brokers, topics: [topic] }))).toEqual(values);
  },
);

test("each lane does keep its order over writes that overlap", async () => {
  const brokers = await sharedBrokers();
  const topic = uniqueTopic();
  await using sink = await openSink({ brokers, topic, partitionsCount: 3 });
  const keys = ["a", "b", "c", "d", "e"];
  const writes = Array.from({ length: 50 }, (_, number) =>
    sink.write(
      batchOf(
        keys.map((key, index) =>
          event(number * 10 + index, { key: Buffer.from(key), value: Buffer.from(`${number}`) }),
        ),
      ),
      NEVER,
    ),
  );
  const reports = await Promise.all(writes);
  expect(reports.every(({ written }) => written === keys.length)).toBe(true);
  const messages = (await consume({ brokers, topics: [topic] })).flatMap((b) => b.messages);
  for (const key of keys) {
    const own = messages.filter((message) =>
      Buffer.from(key).equals(message.key ?? Buffer.alloc(0)),
    );
    expect(own.map(({ value }) => Number(Buffer.from(value ?? []).toString()))).toEqual(
      Array.from({ length: 50 }, (_, number) => number),
    );
  }
});

test("keys do meet Java's partitions, and kcat's with the same partitioner", async () => {
  if (Bun.which("kcat") === null) return;
  const brokers = await sharedBrokers();
  const ours = await makeTopic(brokers, { partitionsCount: 7 });
  const theirs = await makeTopic(brokers, { partitionsCount: 7 });
  const keys = Array.from({ length: 100 }, (_, index) => `c/${index}/o/service/${index * 7}`);
  await produce(
    { brokers, topic: ours },
    keys.map((key, index) => event(index, { key: Buffer.from(key), value: Buffer.from(key) })),
  );
  const kcat = Bun.spawn(
    ["kcat", "-q", "-P", "-b", brokers.join(","), "-t", theirs, "-K", "|"].concat([
      "-X",
      "topic.partitioner=murmur2_random",
    ]),
    { stdin: "pipe" },
  );
  void kcat.stdin.write(keys.map((key) => `${key}|${key}\n`).join(""));
  await kcat.stdin.end();
  expect(await kcat.exited).toBe(0);
  expect(await partitionsOf(brokers, ours)).toEqual(await partitionsOf(brokers, theirs));
});

async function partitionsOf(brokers: string[], topic: string): Promise<Record<string, number>> {
  const messages = (await consume({ brokers, topics: [topic] })).flatMap((b) => b.messages);
  const entries = messages.map(({ value, origin }): [string, number] => [
    Buffer.from(value ?? []).toString(),
    origin?.partition ?? -1,
  ]);
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** A message without its origin, in a form that tells null from empty. */
function plain({ sequence, key, value, headers, timestampMs }: Message) {
  return {
    sequence,
    key: hex(key),
    value: hex(value),
    headers: headers.map((header) => ({ name: header.name, value: hex(header.value) })),
    timestampMs,
  };
}

function hex(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString("hex");
}
