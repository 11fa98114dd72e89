import { KAFKA_SECURITY_SETTINGS } from "../core/config/mod.ts";
import { declareCommand } from "./cli/declare.ts";
import { connectionSecurity } from "./cli/security.ts";
import type { RunMeter } from "../core/observe/run_meter.ts";
import { HEALTH_SETTINGS, withHealth } from "./cli/health.ts";
import { oneTopic } from "./cli/one_topic.ts";
import {
  PRODUCER_SETTINGS,
  producerSettings,
  transfer,
  TRANSFER_SETTINGS,
} from "./cli/transfer.ts";

export const command = declareCommand({
  name: "replay",
  description: "Put the events of a JSONL file into a Kafka topic",
  positionals: [
    { name: "file", description: "JSON lines, also .gz or .zst; - is stdin", required: true },
  ],
  settings: [
    "brokers",
    "topic",
    ...PRODUCER_SETTINGS,
    "format",
    "again",
    "follow",
    "exclude-types",
    ...HEALTH_SETTINGS,
    ...KAFKA_SECURITY_SETTINGS,
    ...TRANSFER_SETTINGS,
  ],
  wording: { topic: "Kafka topic" },
  examples: [
    { description: "Into cdc-events on localhost:9092", command: "konn replay stream.jsonl" },
    {
      description: "In a CI container, where Kafka may still be starting",
      command: "konn replay stream.jsonl --wait 60s --json",
    },
    {
      description: "As it happened, ten times faster",
      command: "konn replay stream.jsonl --speed 10x",
    },
  ],
  async run({ settings, positionals, terminal, interrupt }) {
    const run = (meter: RunMeter | undefined) =>
      transfer({
        meter,
        from: fileUrl(positionals["file"] ?? ""),
        to: `kafka:${oneTopic(settings.topic)}`,
        settings,
        connectors: {
          brokers: settings.brokers,
          openSearchUrl: "",
          security: connectionSecurity(settings),
          readFormat: settings.format,
          excludeTypes: settings["exclude-types"],
          ...producerSettings(settings),
        },
        follow: settings.follow,
        fromBeginning: settings.again,
        terminal,
        interrupt,
        verb: "Replayed",
      });
    return await withHealth(settings, { terminal, unit: "bytes" }, run);
  },
});

/** A path that looks like a URL is a path all the same. */
function fileUrl(path: string): string {
  return path === "-" ? path : `file:${path}`;
}
