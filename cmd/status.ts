import type { RunStatus } from "../core/check/run_status.ts";
import type { ConnectorOptions } from "../core/connectors/mod.ts";
import { SILENT_OBSERVER } from "../core/observe/observer.ts";
import { declareCommand } from "./cli/declare.ts";

export const command = declareCommand({
  name: "status",
  description: "Show how far each run has come, its lag and its dead letters",
  settings: ["brokers", "topic", "opensearch-url", "index"],
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
      follow: false,
      compression: "none",
      existing: "refuse",
    };
    const all = await readRunStatus(settings["state-dir"], async (address) =>
      address.startsWith("kafka:") ? (await createSource(address, options)).end : undefined,
    );
    const runs = all.filter(
      (run) =>
        (!given.has("topic") || endsWithName(run.source, settings.topic.join(","))) &&
        (!given.has("index") || endsWithName(run.sink, settings.index)),
    );
    if (terminal.json) terminal.result(JSON.stringify({ runs }));
    else terminal.result(statusTable(runs, settings["state-dir"]));
    return 0;
  },
});

/** Whether an address is of this topic or index. A run that cannot be read is always shown. */
function endsWithName(address: RunStatus["source"], name: string): boolean {
  return address === "" || address.endsWith(`/${name}`);
}
