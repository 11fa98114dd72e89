import { afterAll, beforeAll, expect, test } from "bun:test";
import { compareWithKcat } from "../chaos/committed_lines.ts";
import { writeNumberedFile } from "../chaos/numbered_file.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { type KafkaService, startKafka } from "../services/mod.ts";
import { konn, resultOf, spawnKonn } from "./konn.ts";

/** Longer than a transaction may stay open. */
const OUTAGE_MS = 19_000;
const LINES_COUNT = 20_000;

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
    const options = { cwd: folder.path, environment: { KONN_BROKERS: kafka.brokers } };
    await konn(["replay", file, "--limit", "100"], options);
    const args = ["replay", file, "--topic", "away", "--rate", "2000/s", "--json"];
    const child = spawnKonn(args, options);
    await Bun.sleep(3_000);
    await kafka.pause();
    await Bun.sleep(OUTAGE_MS);
    await kafka.resume();
    const { exitCode, stdout, stderr } = await resultOf(child);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(stderr).toContain("Going on from the last commit");
    expect(JSON.parse(stdout)).toMatchObject({ events: LINES_COUNT, written: LINES_COUNT });
    const wanted = { topic: "away", partitionsCount: 3, linesCount: LINES_COUNT };
    const found = await compareWithKcat(kafka.brokers, wanted);
    expect(found).toEqual({ linesCount: LINES_COUNT, faults: [] });
  },
  120_000,
);
