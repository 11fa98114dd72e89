import { readFileSync, writeFileSync } from "node:fs";
import { createJsonlSource } from "../../core/connectors/jsonl/reader.ts";
import { createJsonlSink } from "../../core/connectors/jsonl/writer.ts";
import { SILENT_OBSERVER } from "../../core/observe/observer.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { type Seed, seedMessage, seedName } from "./seed.ts";
import { sinkContract } from "./sink_contract.ts";
import { sourceContract } from "./source_contract.ts";

const FORMATS = {
  event: ({ value }: Seed) => value,
  record: ({ key, value }: Seed) => {
    const place = { topic: "t", partition: 0, offset: 7, tstype: "create", ts: 1_706_812_484_573 };
    return JSON.stringify({ ...place, headers: ["name", "value"], key, payload: value });
  },
} as const;

for (const format of ["event", "record"] as const) {
  sourceContract(`jsonl, ${format} lines`, {
    resumable: true,
    seed: (events) => {
      const folder = new TemporaryFolder();
      const path = folder.file("stream.jsonl");
      writeFileSync(path, events.map((event) => `${FORMATS[format](event)}\n`).join(""));
      return Promise.resolve({
        source: ({ follow }) =>
          createJsonlSource({ path, format: undefined, follow, observer: SILENT_OBSERVER }),
        [Symbol.asyncDispose]: () => {
          folder[Symbol.dispose]();
          return Promise.resolve();
        },
      });
    },
  });

  sinkContract(`jsonl, ${format} lines`, {
    resumable: true,
    writtenAgain: "once",
    tombstone: format === "event" ? "skipped" : "removes",
    // A value with a line break cannot be an event line; record lines hold anything.
    ...(format === "event" && {
      undeliverable: (sequence: bigint) => seedMessage({ key: "k", value: "two\nlines" }, sequence),
    }),
    place: () => {
      const folder = new TemporaryFolder();
      const path = folder.file("out.jsonl");
      return Promise.resolve({
        sink: () =>
          createJsonlSink({ path, format, existing: "refuse", observer: SILENT_OBSERVER }),
        contents: () => Promise.resolve(lastNames(linesOf(path), format)),
        entriesCount: () => Promise.resolve(linesOf(path).length),
        [Symbol.asyncDispose]: () => {
          folder[Symbol.dispose]();
          return Promise.resolve();
        },
      });
    },
  });
}

function linesOf(path: string): string[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "");
}

/** The last name of each key in lines. */
function lastNames(lines: readonly string[], format: keyof typeof FORMATS): Map<string, string> {
  const names = new Map<string, string>();
  for (const line of lines) {
    const { key, payload } = format === "event" ? eventOf(line) : JSON.parse(line);
    if (payload === null) names.delete(key);
    else names.set(key, seedName(payload));
  }
  return names;
}

function eventOf(line: string): { key: string; payload: string } {
  return { key: JSON.parse(line).after.key, payload: line };
}
