import { formatCount, formatSeconds } from "../core/base/format.ts";
import type { VerifyReport } from "../core/check/verify_index.ts";
import type { ConnectorOptions } from "../core/connectors/mod.ts";
import { createRunObserver } from "../core/observe/observer.ts";
import { declareCommand, type Interrupt } from "./cli/declare.ts";

export const command = declareCommand({
  name: "verify",
  description: "Compare an OpenSearch index with what its Kafka topic says",
  settings: ["brokers", "topic", "opensearch-url", "index", "skip-types", "on-truncate", "repair"],
  examples: [
    { description: "Exit code 0 when they are equal, 1 when not", command: "konn verify" },
    { description: "Write anew what differs", command: "konn verify --repair" },
    { description: "For a script", command: "konn verify --json | jq .missing" },
  ],
  async run({ settings, terminal, interrupt }) {
    const { verifyIndex } = await import("../core/check/verify_index.ts");
    const { createInspector, createSource } = await import("../core/connectors/mod.ts");
    const connectors: ConnectorOptions = {
      observer: createRunObserver(terminal.log),
      brokers: settings.brokers,
      openSearchUrl: settings["opensearch-url"],
      follow: false,
      compression: "none",
      existing: "refuse",
    };
    const startedMs = performance.now();
    const report = await stopped(
      verifyIndex({
        createSource: async () =>
          (await createSource(`kafka:${settings.topic.join(",")}`, connectors)).end,
        inspector: await createInspector(`opensearch:${settings.index}`, connectors),
        onTruncate: settings["on-truncate"],
        skipTypes: settings["skip-types"],
        repair: settings.repair,
        stop: interrupt.signal,
        onProgress: ({ eventsCount, documentsCount }) =>
          terminal.progress.update({
            eventsCount: eventsCount + documentsCount,
            seconds: (performance.now() - startedMs) / 1_000,
            settledSequences: 0n,
            remainingSequences: 0n,
            hasEnds: false,
          }),
      }),
      interrupt,
    );
    terminal.progress[Symbol.dispose]();
    if (!report) return interrupt.exitCode();
    if (terminal.json) terminal.result(JSON.stringify(report));
    else terminal.result(reportText(report, settings.index));
    const differing = report.missing + report.stale + report.extra;
    return differing === 0 || report.repaired === differing ? 0 : 1;
  },
});

/** Undefined when it was interrupted: what was compared by then says nothing. */
async function stopped<Result>(
  work: Promise<Result>,
  { signal }: Interrupt,
): Promise<Result | undefined> {
  try {
    const result = await work;
    return signal.aborted ? undefined : result;
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

const NAMED_KEYS_COUNT = 5;

/** The report as a person reads it. */
function reportText(report: VerifyReport, index: string): string {
  const { missing, stale, extra, repaired, events, documents, seconds } = report;
  const verdict = missing + stale + extra === 0 ? "equals" : "differs from";
  const lines = [
    `${index} ${verdict} its topic: ${formatCount(documents)} documents, ${formatCount(events)} events, ${formatSeconds(seconds)}`,
    ...kind("missing", missing, report.ids.missing),
    ...kind("stale", stale, report.ids.stale),
    ...kind("extra", extra, report.ids.extra),
  ];
  if (report.unrecoverable > 0) {
    lines.push(...kind("unrecoverable", report.unrecoverable, report.ids.unrecoverable));
    lines.push("    Debezium never sent their values. REPLICA IDENTITY FULL, an incremental");
    lines.push("    snapshot or the ReselectColumns post-processor would.");
  }
  if (report.refused > 0) lines.push(...kind("refused", report.refused, report.ids.refused));
  if (report.keys_in_two_lanes > 0) {
    lines.push(
      ...kind("in two partitions", report.keys_in_two_lanes, report.ids.keys_in_two_lanes),
    );
  }
  if (repaired > 0) lines.push(`  repaired           ${formatCount(repaired)}`);
  return lines.join("\n");
}

function kind(name: string, count: number, keys: readonly string[]): string[] {
  const named = keys.slice(0, NAMED_KEYS_COUNT).map((key) => `    ${key}`);
  const more = count > named.length ? [`    ... (--json names up to 100)`] : [];
  return [
    `  ${name.padEnd(18)} ${formatCount(count)}`,
    ...named,
    ...(named.length > 0 ? more : []),
  ];
}
