import { afterAll, beforeAll, expect, test } from "bun:test";
import { compareWithKcat } from "../chaos/committed_lines.ts";
import { writeNumberedFile } from "../chaos/numbered_file.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { type KafkaService, startKafka } from "../services/mod.ts";
import { withAdmin } from "../connectors/kafka/support.ts";
import { resultOf, spawnKonn } from "./konn.ts";
import { eventually } from "./waiting.ts";

/** Longer than a transaction may stay open. */
const OUTAGE_MS = 19_000;
/** At full speed a transaction is open nearly all the time; one that is not is not lost. */
const LINES_COUNT = 400_000;
const TRIES_COUNT = 3;

let kafka: KafkaService;
const folder = new TemporaryFolder();

beforeAll(async () => {
  kafka = await startKafka();
}, 120_000);

afterAll(async () => {
  await kafka.stop();
  folder[Symbol.dispose]();
});

/** kcat counts, so that konn does not judge itself. */
test.if(Bun.which("kcat") !== null)(
  "replay goes on by itself when Kafka was away for longer than a transaction lives",
  async () => {
    const file = folder.file("numbered.jsonl");
    writeNumberedFile(file, LINES_COUNT);
    let hasLost = false;
    for (let tries = 0; tries < TRIES_COUNT && !hasLost; tries += 1) {
      const topic = `away-${tries}`;
      hasLost = (await replayOverOutage(file, topic)).includes("Going on from the last commit");
      const wanted = { topic, partitionsCount: 3, linesCount: LINES_COUNT };
      const found = await compareWithKcat(kafka.brokers, wanted);
      expect(found).toEqual({ linesCount: LINES_COUNT, faults: [] });
    }
    expect(hasLost).toBe(true);
  },
  TRIES_COUNT * 90_000,
);

async function untilItHolds(topic: string): Promise<void> {
  await withAdmin(kafka.brokers.split(","), (admin) =>
    eventually(async () => {
      const offsets = await admin.fetchTopicOffsets(topic).catch(() => []);
      return offsets.some(({ high }) => high !== "0");
    }),
  );
}

/** Pauses Kafka once the topic holds something. Returns what konn said. */
async function replayOverOutage(file: string, topic: string): Promise<string> {
  const options = { cwd: folder.path, environment: { KONN_BROKERS: kafka.brokers } };
  const child = spawnKonn(["replay", file, "--topic", topic, "--json"], options);
  await untilItHolds(topic);
  await kafka.pause();
  await Bun.sleep(OUTAGE_MS);
  await kafka.resume();
  const { exitCode, stdout, stderr } = await resultOf(child);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(stdout)).toMatchObject({ events: LINES_COUNT, written: LINES_COUNT });
  return stderr;
}
