/**
 * Puts a file into a topic as the first example of kafkajs' documentation would: parse a line, take
 * its key, send a thousand at a time.
 *
 *     bun tests/bench/peers/naive_producer.ts BROKERS TOPIC FILE
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { Kafka, logLevel, type Message, Partitioners } from "kafkajs";

const [brokers = "", topic = "", file = ""] = process.argv.slice(2);
const SEND_COUNT = 1_000;

const kafka = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING });
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
await producer.connect();
const startedMs = performance.now();
let eventsCount = 0;
let messages: Message[] = [];
for await (const line of createInterface({ input: createReadStream(file) })) {
  const { before, after } = JSON.parse(line);
  messages.push({ key: (after ?? before).key, value: line });
  if (messages.length === SEND_COUNT) await send();
}
await send();
console.log(
  JSON.stringify({ events: eventsCount, seconds: (performance.now() - startedMs) / 1e3 }),
);
await producer.disconnect();

async function send(): Promise<void> {
  await producer.send({ topic, messages });
  eventsCount += messages.length;
  messages = [];
}
