import { KonnError } from "../core/base/errors.ts";
import { declareCommand } from "./cli/declare.ts";
import { connectionSecurity } from "./cli/security.ts";
import type { RunSummary } from "../core/pipeline/mod.ts";
import { withHealth } from "./cli/health.ts";
import { indexUrl } from "./cli/index_url.ts";
import { SYNC_SETTINGS } from "./cli/sync_settings.ts";
import { transfer, type TransferOptions } from "./cli/transfer.ts";

export const command = declareCommand({
  name: "sync",
  description: "Keep an OpenSearch index equal to a Kafka topic",
  settings: SYNC_SETTINGS,
  examples: [
    { description: "Follow the topic until stopped", command: "konn sync" },
    {
      description: "Build a new index, and stop when it has caught up",
      command: "konn sync --from-beginning --until-end",
    },
    {
      description: "Share the partitions with other konn that run the same command",
      command: "konn sync --group search",
    },
    {
      description: "In a CI container, where services may still be starting",
      command: "konn sync --until-end --wait 60s --json",
    },
    {
      description: "With health and metrics for an orchestrator and Prometheus",
      command: "konn sync --listen 127.0.0.1:9464",
    },
  ],
  async run({ settings, terminal, interrupt }) {
    const { "on-truncate": onTruncate, group } = settings;
    if (group !== undefined) refuseBesideGroup(settings);
    const options: TransferOptions = {
      from: `kafka:${settings.topic.join(",")}`,
      to: settings["dry-run"] ? "dry-run:index" : indexUrl(settings.index),
      settings,
      connectors: {
        brokers: settings.brokers,
        openSearchUrl: settings["opensearch-url"],
        security: connectionSecurity(settings, settings),
        skipTypes: settings["skip-types"],
        keepTombstonesMs: settings["keep-tombstones"],
        acceptsLoss: settings["accept-loss"],
        keepIndexesCount: settings.keep,
        onTruncate,
        group,
      },
      follow: !settings["until-end"],
      fromBeginning: settings["from-beginning"],
      terminal,
      interrupt,
      verb: settings["dry-run"] ? "Read" : "Synced",
    };
    return await withHealth(settings, { terminal, unit: "events" }, async (meter) =>
      onTruncate === "rebuild"
        ? await transferPastTruncates({ ...options, meter })
        : await transfer({ ...options, meter }),
    );
  },
});

/** What one konn can only do alone, or would take partitions away for without serving them. */
function refuseBesideGroup(settings: {
  readonly "from-beginning": boolean;
  readonly "dry-run": boolean;
  readonly "on-truncate": string;
}): void {
  const refused = [
    { flag: "--from-beginning", isGiven: settings["from-beginning"] },
    { flag: "--on-truncate rebuild", isGiven: settings["on-truncate"] === "rebuild" },
    { flag: "--dry-run", isGiven: settings["dry-run"] },
  ].find(({ isGiven }) => isGiven);
  if (refused === undefined) return;
  throw new KonnError(`Cannot use --group together with ${refused.flag}`, {
    code: "USAGE",
    kind: "usage",
    hint: `Run konn sync ${refused.flag} alone, without --group. Then share: konn sync --group NAME.`,
  });
}

/**
 * Builds the index anew behind each truncate that is met. It ends, since each of them stands
 * further on in PostgreSQL's log than the one before.
 */
async function transferPastTruncates(options: TransferOptions): Promise<number> {
  const { TableTruncatedError } = await import("../core/indexing/mod.ts");
  let current = options;
  let earlier: RunSummary | undefined;
  const onFailure = (summary: RunSummary): void => {
    earlier = summary;
  };
  for (;;) {
    try {
      return await transfer({ ...current, onFailure });
    } catch (error) {
      if (!(error instanceof TableTruncatedError) || error.lsn === undefined) throw error;
      const { lsn } = error;
      options.terminal.log.warn("The table was truncated: building the index anew", { lsn });
      const connectors = { ...options.connectors, truncatedAtLsn: lsn };
      current = { ...options, connectors, fromBeginning: true, earlier };
    }
  }
}
