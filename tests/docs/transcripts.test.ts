import { beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { serviceEnvironment, uniqueName } from "../e2e/konn.ts";
import { documentation, ROOT } from "./markdown.ts";
import { commandsOf, type Names, outputsOf, recorded, withoutChance } from "./transcripts.ts";

/** Writes what was printed into the pages, in place of comparing it. */
const RECORDS = process.env["KONN_TEST_RECORD"] === "1";

/** A page takes some seconds; far more for a machine that is busy. */
const PAGE_LIMIT_MS = 180_000;

/** Pages whose commands find no services. */
const WITHOUT_SERVICES = new Set(["docs/troubleshooting.md", "docs/configuration.md"]);

/** The names that everybody's topic, index and services have on the pages. */
function namesOf({
  topic,
  index,
  services: { KONN_BROKERS: brokers = "", KONN_OPENSEARCH_URL: url = "" },
}: {
  topic: string;
  index: string;
  services: Record<string, string>;
}): Names {
  const places = [
    ["localhost:9092", brokers],
    ["localhost:9200", url.replace("http://", "")],
  ] as const;
  return [
    ["cdc-events", topic],
    ["ci-events", uniqueName("ci")],
    ...places,
    ...places.map(([ours, real]) => [ours, real.replace("127.0.0.1", "localhost")] as const),
    ["cdc", index],
  ];
}

describe("transcripts in the documentation are what the binary prints", () => {
  const pages = documentation()
    .map(({ path, text }) => ({ path, text, commands: commandsOf(text) }))
    .filter(({ commands }) => commands.length > 0);
  let services: Record<string, string>;
  beforeAll(async () => {
    services = await serviceEnvironment();
  });

  test.each(pages)(
    "$path",
    async ({ path, text, commands }) => {
      // As long as the name on the pages, so that columns stand where they stand there.
      const [topic, index] = [uniqueName("t"), uniqueName("i")];
      const options = WITHOUT_SERVICES.has(path)
        ? { environment: {}, names: [] }
        : {
            environment: { ...services, KONN_TOPIC: topic, KONN_INDEX: index },
            names: namesOf({ topic, index, services }),
          };
      const outputs = await outputsOf(commands, options);
      expect(outputs).toHaveLength(commands.length);
      if (RECORDS) {
        writeFileSync(join(ROOT, path), recorded(text, commands, outputs));
        return;
      }
      for (const [at, { line, output }] of commands.entries()) {
        expect(withoutChance(outputs[at] ?? []), line).toEqual(withoutChance(output));
      }
    },
    PAGE_LIMIT_MS,
  );
});
