import type { Checkpoint } from "../core/checkpoint/mod.ts";
import type { StreamIdentity } from "../core/connector/mod.ts";
import type { ConnectorOptions } from "../core/connectors/mod.ts";
import { SILENT_OBSERVER } from "../core/observe/observer.ts";
import { KAFKA_SECURITY_SETTINGS, OPENSEARCH_SECURITY_SETTINGS } from "../core/config/mod.ts";
import { declareCommand } from "./cli/declare.ts";
import { indexUrl } from "./cli/index_url.ts";
import { SYNC_SETTINGS } from "./cli/sync_settings.ts";
import { connectionSecurity } from "./cli/security.ts";

const OPENSEARCH_ADDRESS = /^opensearchs?:/;

export const command = declareCommand({
  name: "status",
  description: "Show the place, lag and dead letters of each run",
  settings: [
    "brokers",
    "topic",
    "opensearch-url",
    "index",
    "group",
    ...KAFKA_SECURITY_SETTINGS,
    ...OPENSEARCH_SECURITY_SETTINGS,
  ],
  idleSettings: SYNC_SETTINGS,
  examples: [
    { description: "Everything that ran with this state folder", command: "konn status" },
    {
      description: "Only runs of one topic, for a script",
      command: "konn status --topic a --json",
    },
  ],
  async run({ settings, given, terminal, interrupt }) {
    const { readRunStatus, readSharedStatus } = await import("../core/check/run_status.ts");
    const { createInspector, createSink, createSource } = await import("../core/connectors/mod.ts");
    const { parseConnectorUrl } = await import("../core/connectors/connector_url.ts");
    const { splitGroup } = await import("../core/connectors/kafka/address.ts");
    const { statusTable } = await import("./cli/status_table.ts");
    const options: ConnectorOptions = {
      observer: SILENT_OBSERVER,
      brokers: settings.brokers,
      openSearchUrl: settings["opensearch-url"],
      security: connectionSecurity(settings, settings),
    };
    const openTopic = async (url: string, group: string | undefined) =>
      (await createSource(url, { ...options, group, viewsGroup: true })).end;
    const openSource = async ({ address, label }: StreamIdentity) => {
      if (address.startsWith("kafka:")) {
        return await openTopic(splitGroup(label ?? address).address, splitGroup(address).group);
      }
      const isFile = label !== undefined && address.startsWith("file:");
      return isFile ? (await createSource(`file:${label}`, options)).end : undefined;
    };
    const { signal: stop } = interrupt;
    const addressOf = async (url: string) => {
      const { end } = await createSink(url, options);
      await using sink = end;
      return await sink.address(stop);
    };
    const checkSink = async ({ source, sink }: Checkpoint, signal: AbortSignal) => {
      if (!OPENSEARCH_ADDRESS.test(sink.address)) return;
      const url = indexUrl(parseConnectorUrl(sink.address).name);
      // Another cluster is none of those that these credentials are for.
      if ((await addressOf(url)) !== sink.address) return;
      await using inspector = await createInspector(url, options);
      const isShared = splitGroup(source.address).group !== undefined;
      await inspector.check({ ...sink, mayBeReplaced: isShared }, signal);
    };
    const all = await readRunStatus(settings["state-dir"], { openSource, checkSink, stop });
    if (stop.aborted) return interrupt.exitCode();
    const topic = given.has("topic") ? `/${topicList(settings.topic)}` : "";
    const { group } = settings;
    const index = given.has("index") ? await addressOf(indexUrl(settings.index)) : undefined;
    const found = all.filter(({ source, sink }) => {
      const from = splitGroup(source);
      // A run that cannot be read may be any.
      if (source === "") return true;
      if (group !== undefined && from.group !== group) return false;
      const isOfTopic = from.address.endsWith(topic) || sink.endsWith(topic);
      return isOfTopic && (index === undefined || sink === index);
    });
    const isElsewhere = group !== undefined && found.every(({ source }) => source === "");
    const place = `kafka:${topicList(settings.topic)}`;
    const runs = isElsewhere
      ? [...found, await readSharedStatus(group, await openTopic(place, group), stop)]
      : found;
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

/** Topics as an address names them. */
function topicList(topics: readonly string[]): string {
  return [...new Set(topics)].toSorted().join(",");
}
