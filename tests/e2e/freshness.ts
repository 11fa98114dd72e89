import { Partitioners } from "kafkajs";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { eventLine } from "../serve/sample_index.ts";
import { KONN, resultOf, serviceEnvironment, spawnKonn, uniqueName } from "./konn.ts";
import { serving } from "./serving.ts";
import { kafkaClient, seedTopic } from "./topic_reader.ts";

/** Between two looks whether a change is found. */
const POLL_MS = 25;
const GIVE_UP_MS = 60_000;
/** Changes come whenever, and not always right behind a refresh of OpenSearch. */
const PAUSE_MAX_MS = 1_000;

/**
 * How long changes take from the topic to the search: each is produced, `konn sync` writes it, and
 * `konn serve` is asked until it finds it. Returns milliseconds of each, from before it was produced.
 */
export async function measureFreshness(changesCount: number): Promise<readonly number[]> {
  using folder = new TemporaryFolder();
  const environment = await serviceEnvironment();
  const topic = uniqueName("fresh");
  await seedTopic(topic, [recordOf(0)]);
  const args = ["sync", "--topic", topic, "--index", topic];
  const sync = spawnKonn(args, { cwd: folder.path, environment });
  try {
    await sync.stdin.end();
    const serve = ["serve", "--listen", "127.0.0.1:0", "--index", topic];
    await using bar = await serving(serve, folder.path, environment);
    await untilFound(bar.url, 0);
    const producer = (await kafkaClient()).producer({
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    const times: number[] = [];
    for (let change = 1; change <= changesCount; change += 1) {
      await Bun.sleep(Math.random() * PAUSE_MAX_MS);
      const startedMs = performance.now();
      await producer.send({ topic, messages: [recordOf(change)] });
      await untilFound(bar.url, change);
      times.push(performance.now() - startedMs);
    }
    await producer.disconnect();
    return times;
  } finally {
    sync.kill("SIGINT");
    await resultOf(sync);
    await fetch(`${environment["KONN_OPENSEARCH_URL"]}/${topic}-*`, { method: "DELETE" });
  }
}

/** The change renames one entity of many, so that what is found is the change and no older state. */
function recordOf(change: number): { key: string; value: string } {
  const key = `c/cp/o/service/5e5e5e5e-0000-4000-8000-${String(change % 50).padStart(12, "0")}`;
  return { key, value: eventLine(key, { name: nameOf(change) }) };
}

function nameOf(change: number): string {
  return `fresh-${change}-service`;
}

async function untilFound(url: string, change: number): Promise<void> {
  const endMs = performance.now() + GIVE_UP_MS;
  const parameters = new URLSearchParams({ q: `name:"${nameOf(change)}"` });
  while (performance.now() < endMs) {
    const response = await fetch(`${url}v1/search?${parameters.toString()}`);
    if (response.ok) {
      const { data } = JSON.parse(await response.text());
      if (data.length === 1) return;
    }
    await Bun.sleep(POLL_MS);
  }
  throw new Error(`change ${change} is not found after ${GIVE_UP_MS} ms by ${KONN}`);
}
