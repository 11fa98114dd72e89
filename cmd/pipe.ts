import { KonnError } from "../core/base/errors.ts";
import { isLines } from "../core/connectors/connector_url.ts";
import type { Settings } from "../core/config/mod.ts";
import { KAFKA_SECURITY_SETTINGS, OPENSEARCH_SECURITY_SETTINGS } from "../core/config/mod.ts";
import { declareCommand } from "./cli/declare.ts";
import type { RunMeter } from "../core/observe/run_meter.ts";
import { HEALTH_SETTINGS, withHealth } from "./cli/health.ts";
import { connectionSecurity } from "./cli/security.ts";
import {
  type ConnectorSettings,
  PRODUCER_SETTINGS,
  producerSettings,
  transfer,
  TRANSFER_SETTINGS,
} from "./cli/transfer.ts";

const SETTINGS = [
  "from",
  "to",
  "brokers",
  "opensearch-url",
  "format",
  "append",
  "overwrite",
  ...PRODUCER_SETTINGS,
  "exclude-types",
  "skip-types",
  "keep-tombstones",
  "from-beginning",
  "accept-loss",
  "keep",
  "until-end",
  "follow",
  ...HEALTH_SETTINGS,
  ...KAFKA_SECURITY_SETTINGS,
  ...OPENSEARCH_SECURITY_SETTINGS,
  ...TRANSFER_SETTINGS,
] as const;

export const command = declareCommand({
  name: "pipe",
  description: "Move events from any source to any sink",
  settings: SETTINGS,
  examples: [
    {
      description: "Save a topic with keys, headers and tombstones",
      command: "konn pipe --from kafka:cdc-events --to saved.jsonl --until-end",
    },
    {
      description: "Play it back into another topic",
      command: "konn pipe --from saved.jsonl --to kafka:copy",
    },
    {
      description: "Look at a topic",
      command: "konn pipe --from kafka:cdc-events --to - --until-end --limit 5",
    },
  ],
  async run({ settings, terminal, interrupt }) {
    const { from, to } = bothEnds(settings);
    const run = (meter: RunMeter | undefined) =>
      transfer({
        meter,
        from,
        to,
        settings,
        connectors: {
          brokers: settings.brokers,
          openSearchUrl: settings["opensearch-url"],
          security: connectionSecurity(settings, settings),
          ...formats(to, settings.format),
          excludeTypes: settings["exclude-types"],
          skipTypes: settings["skip-types"],
          ...producerSettings(settings),
          keepTombstonesMs: settings["keep-tombstones"],
          acceptsLoss: settings["accept-loss"],
          keepIndexesCount: settings.keep,
          existing: existingOutput(settings),
        },
        follow: from.startsWith("kafka:") ? !settings["until-end"] : settings.follow,
        fromBeginning: settings["from-beginning"] || settings.overwrite,
        terminal,
        interrupt,
        verb: "Moved",
      });
    const unit = from.startsWith("kafka:") ? "events" : "bytes";
    return await withHealth(settings, { terminal, unit }, run);
  },
});

/** `--format` is of the lines that are written, or where none are, of those that are read. */
function formats(to: string, format: Settings<"format">["format"]): Partial<ConnectorSettings> {
  return isLines(to) ? { writeFormat: format } : { readFormat: format };
}

function bothEnds({ from, to }: Settings<"from" | "to">): { from: string; to: string } {
  if (from !== undefined && to !== undefined) return { from, to };
  throw new KonnError(`Cannot run konn pipe without --${from === undefined ? "from" : "to"}`, {
    code: "USAGE",
    kind: "usage",
    hint: "Write konn pipe --from URL --to URL. `konn pipe --help` shows how it is used.",
  });
}

function existingOutput({
  append,
  overwrite,
}: Settings<"append" | "overwrite">): "refuse" | "append" | "overwrite" {
  if (append && overwrite) {
    throw new KonnError("Cannot use --append and --overwrite together", {
      code: "USAGE",
      kind: "usage",
    });
  }
  if (append) return "append";
  return overwrite ? "overwrite" : "refuse";
}
