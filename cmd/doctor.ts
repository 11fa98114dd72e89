import type { AreaFinding, DoctorArea } from "../core/check/doctor.ts";
import { type Finding, failedBy, passed } from "../core/connector/finding.ts";
import type { ConnectorOptions } from "../core/connectors/mod.ts";
import { SILENT_OBSERVER } from "../core/observe/observer.ts";
import { KAFKA_SECURITY_SETTINGS, OPENSEARCH_SECURITY_SETTINGS } from "../core/config/mod.ts";
import { declareCommand, type Invocation } from "./cli/declare.ts";
import { doctorTable } from "./cli/doctor_table.ts";
import { indexUrl } from "./cli/index_url.ts";
import { connectionSecurity } from "./cli/security.ts";
import { SYNC_SETTINGS } from "./cli/sync_settings.ts";
import { useColors } from "./cli/terminal.ts";

const SETTINGS = [
  "brokers",
  "topic",
  "opensearch-url",
  "index",
  "group",
  ...KAFKA_SECURITY_SETTINGS,
  ...OPENSEARCH_SECURITY_SETTINGS,
] as const;

type DoctorInvocation = Invocation<(typeof SETTINGS)[number]>;

const UNAVAILABLE_EXIT_CODE = 3;

export const command = declareCommand({
  name: "doctor",
  description: "Check what a run needs, and say what would go wrong",
  positionals: [
    { name: "file", description: "a file that konn replay is to read", required: false },
  ],
  settings: SETTINGS,
  idleSettings: SYNC_SETTINGS,
  needsConfig: false,
  examples: [
    {
      description: "Before the first konn sync, and when something is wrong",
      command: "konn doctor",
    },
    { description: "Before a replay", command: "konn doctor stream.jsonl" },
    { description: "Before several konn share a topic", command: "konn doctor --group search" },
    { description: "What fails, for a script", command: "konn doctor --json | jq .checks" },
  ],
  async run(invocation) {
    const { terminal, interrupt } = invocation;
    const { examine } = await import("../core/check/doctor.ts");
    const checks = await examine(areasOf(invocation), { stop: interrupt.signal });
    if (interrupt.signal.aborted) return interrupt.exitCode();
    const counts = { ok: 0, warn: 0, fail: 0 };
    for (const { level } of checks) counts[level] += 1;
    if (terminal.json) terminal.result(JSON.stringify({ ...counts, checks: checks.map(jsonOf) }));
    else {
      const colors = useColors(invocation.settings["no-color"], process.stdout);
      terminal.result(doctorTable(checks, { counts, colors }));
    }
    return counts.fail === 0 ? 0 : UNAVAILABLE_EXIT_CODE;
  },
});

/** Everything that a sync needs; with a file, also what a replay of it does. */
function areasOf(invocation: DoctorInvocation): readonly DoctorArea[] {
  const { settings, positionals, config } = invocation;
  const file = positionals["file"] ?? "";
  const topics = `kafka:${settings.topic.join(",")}`;
  const options: ConnectorOptions = {
    observer: SILENT_OBSERVER,
    brokers: settings.brokers,
    openSearchUrl: settings["opensearch-url"],
    security: connectionSecurity(settings, settings),
    group: settings.group,
    viewsGroup: true,
  };
  const end = (url: string, role: "source" | "sink") => async () => {
    const { createDiagnosis } = await import("../core/connectors/mod.ts");
    return await createDiagnosis(url, { ...options, role });
  };
  return [
    {
      name: "state",
      diagnosis: async () => {
        const { diagnoseState } = await import("../core/check/state_diagnosis.ts");
        return () => diagnoseState(settings["state-dir"]);
      },
    },
    { name: "configuration", diagnosis: async () => () => configFindings(config) },
    ...(file === "" ? [] : [{ name: "file", diagnosis: end(fileUrl(file), "source") }]),
    { name: "kafka", diagnosis: end(topics, file === "" ? "source" : "sink") },
    { name: "opensearch", diagnosis: end(indexUrl(settings.index), "sink") },
    { name: "sync", diagnosis: pairOf(invocation, options, topics) },
  ];
}

function pairOf(
  { settings }: DoctorInvocation,
  options: ConnectorOptions,
  topics: string,
): DoctorArea["diagnosis"] {
  return async () => {
    const { diagnosePair } = await import("../core/check/pair_diagnosis.ts");
    const connectors = await import("../core/connectors/mod.ts");
    const url = indexUrl(settings.index);
    const pair = {
      stateDir: settings["state-dir"],
      openSource: async () => (await connectors.createSource(topics, options)).end,
      openInspector: async () => await connectors.createInspector(url, options),
      sinkAddress: async (signal: AbortSignal) => {
        const { end } = await connectors.createSink(url, options);
        await using sink = end;
        return await sink.address(signal);
      },
    };
    return (signal) => diagnosePair(pair, signal);
  };
}

async function* configFindings({
  path,
  error,
}: DoctorInvocation["config"]): AsyncGenerator<Finding> {
  if (error) yield failedBy("file", error);
  else if (path === undefined) yield passed("file", "no konn.toml here, and none is needed");
  else yield passed("file", `the settings of ${path} hold`);
}

/** A path that looks like a URL is a path all the same. */
function fileUrl(path: string): string {
  return path === "-" ? path : `file:${path}`;
}

function jsonOf({ area, check, level, detail, remedy }: AreaFinding): object {
  return { area, check, level, detail, remedy: remedy ?? null };
}
