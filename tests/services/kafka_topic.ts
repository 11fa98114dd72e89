import type { Admin, ITopicConfig } from "kafkajs";

const LOOKS_MAX_COUNT = 300;
const LOOK_INTERVAL_MS = 100;

/**
 * Makes a topic and waits until each of its partitions has a leader. kafkajs's own wait gives up when
 * the broker that it asks has not heard of the topic yet.
 */
export async function createTopic(
  admin: Admin,
  topic: ITopicConfig & { readonly numPartitions: number },
): Promise<void> {
  await admin.createTopics({ topics: [topic], waitForLeaders: false });
  for (let look = 0; look < LOOKS_MAX_COUNT; look += 1) {
    const offsets = await admin.fetchTopicOffsets(topic.topic).catch(() => []);
    if (offsets.length === topic.numPartitions) return;
    await Bun.sleep(LOOK_INTERVAL_MS);
  }
  throw new Error(`${topic.topic} has no leaders`);
}
