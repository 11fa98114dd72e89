import { existsSync } from "node:fs";
import type { ConnectorOptions } from "../core/connectors/mod.ts";
import { SILENT_OBSERVER } from "../core/observe/observer.ts";
import { KAFKA_SECURITY_SETTINGS } from "../core/config/mod.ts";
import { declareCommand } from "./cli/declare.ts";
import { connectionSecurity } from "./cli/security.ts";

export const command = declareCommand({
  name: "status",
  description: "Show how far each run has come, its lag and its dead letters",
  settings: ["brokers", "topic", "opensearch-url", "index", ...KAFKA_SECURITY_SETTINGS],
  examples: [
    { description: "Everything that ran with this state folder", command: "konn status" },
    {
      description: "Only runs of one topic, for a script",
      command: "konn status --topic a --json",
    },
  ],
  async run({ settings, given, terminal }) {
    const { readRunStatus } = await import("../core/check/run_status.ts");
    const { createSource } = await import("../core/connectors/mod.ts");
    const { statusTable } = await import("./cli/status_table.ts");
    const options: ConnectorOptions = {
      observer: SILENT_OBSERVER,
      brokers: settings.brokers,
      openSearchUrl: settings["opensearch-url"],
      security: connectionSecurity(settings),
      follow: false,
      compression: "none",
      existing: "refuse",
    };
    const all = await readRunStatus(settings["state-dir"], async ({ address, label }) => {
      if (address.startsWith("kafka:")) return (await createSource(label ?? address, options)).end;
      const isFile = label !== undefined && existsSync(label);
      return isFile ? (await createSource(`file:${label}`, options)).end : undefined;
    });
    const runs = all.filter(
      ({ source, sink }) =>
        (!given.has("topic") || isOf([source, sink], settings.topic.join(","))) &&
        (!given.has("index") || isOf([sink], settings.index)),
    );
    if (terminal.json) terminal.result(JSON.stringify({ runs }));
    else
      terminal.result(
        statusTable(runs, {
          stateDir: settings["state-dir"],
          othersCount: all.length - runs.length,
        }),
      );
    return runs.every(({ can_go_on: canGoOn }) => canGoOn) ? 0 : 1;
  },
});

/** Whether one of the addresses is of this topic or index. A run that cannot be read always is. */
function isOf(addresses: readonly string[], name: string): boolean {
  return addresses.some((address) => address === "" || address.endsWith(`/${name}`));
}
