import { declareCommand } from "./cli/declare.ts";
import { transfer, TRANSFER_SETTINGS } from "./cli/transfer.ts";

export const command = declareCommand({
  name: "sync",
  description: "Keep an OpenSearch index equal to what a Kafka topic says",
  settings: [
    "brokers",
    "topic",
    "opensearch-url",
    "index",
    "from-beginning",
    "until-end",
    "dry-run",
    ...TRANSFER_SETTINGS,
  ],
  examples: [
    { description: "Follow the topic until stopped", command: "konn sync" },
    {
      description: "Build a new index, and stop when it has caught up",
      command: "konn sync --from-beginning --until-end",
    },
    {
      description: "In a CI container, where services may still be starting",
      command: "konn sync --until-end --wait 60s --json",
    },
  ],
  async run({ settings, terminal, interrupt }) {
    return transfer({
      from: `kafka:${settings.topic.join(",")}`,
      to: settings["dry-run"] ? "dry-run:index" : `opensearch:${settings.index}`,
      settings,
      connectors: { brokers: settings.brokers, openSearchUrl: settings["opensearch-url"] },
      follow: !settings["until-end"],
      fromBeginning: settings["from-beginning"],
      terminal,
      interrupt,
      verb: settings["dry-run"] ? "Read" : "Synced",
    });
  },
});
