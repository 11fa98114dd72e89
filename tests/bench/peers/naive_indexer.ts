/**
 * Puts the events of a topic into a flat index, each of them: a kafkajs consumer, one bulk request a
 * batch, external versions. The mapping keeps one keyword; nothing else can be searched.
 *
 *     bun tests/bench/peers/naive_indexer.ts BROKERS TOPIC URL INDEX
 */
import { Kafka, logLevel } from "kafkajs";

const [brokers = "", topic = "", url = "", index = ""] = process.argv.slice(2);

const kafka = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING });
const admin = kafka.admin();
await admin.connect();
const offsets = await admin.fetchTopicOffsets(topic);
await admin.disconnect();
const open = new Map(offsets.map(({ partition, high }) => [partition, BigInt(high)]));
for (const [partition, end] of open) if (end === 0n) open.delete(partition);

await request("PUT", index, {
  settings: { refresh_interval: "-1", number_of_replicas: 0 },
  mappings: {
    dynamic: false,
    properties: { name: { type: "keyword" } },
  },
});

const consumer = kafka.consumer({ groupId: `naive-${crypto.randomUUID()}` });
await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
const done = Promise.withResolvers<void>();
let startedMs: number | undefined;
let eventsCount = 0;
await consumer.run({
  eachBatch: async ({ batch }) => {
    startedMs ??= performance.now();
    let body = "";
    for (const { key, value, offset } of batch.messages) {
      const { after } = JSON.parse(value?.toString() ?? "{}");
      const action = { _id: key?.toString(), version: offset, version_type: "external_gte" };
      if (after === null) body += `${JSON.stringify({ delete: action })}\n`;
      else body += `${JSON.stringify({ index: action })}\n${JSON.stringify(flat(after))}\n`;
    }
    await request("POST", `${index}/_bulk?filter_path=errors`, body);
    eventsCount += batch.messages.length;
    if (BigInt(batch.lastOffset()) + 1n >= (open.get(batch.partition) ?? 0n)) {
      open.delete(batch.partition);
    }
    if (open.size === 0) done.resolve();
  },
});
await done.promise;
await request("POST", `${index}/_refresh`);
const seconds = (performance.now() - (startedMs ?? 0)) / 1_000;
console.log(JSON.stringify({ events: eventsCount, documents: eventsCount, seconds }));
await consumer.disconnect();
process.exit(0);

function flat({ key, value }: { key: string; value: { object: Record<string, unknown> } }): object {
  const [, controlPlane, , type] = key.split("/");
  const { id, name, tags, created_at, updated_at } = value.object;
  return { type, id, control_plane: controlPlane, name, tags, created_at, updated_at };
}

async function request(method: string, path: string, body?: object | string): Promise<void> {
  const isText = typeof body === "string";
  const response = await fetch(`${url}/${path}`, {
    method,
    headers: { "content-type": isText ? "application/x-ndjson" : "application/json" },
    ...(body !== undefined && { body: isText ? body : JSON.stringify(body) }),
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${answer}`);
}
