import { formatCount, formatCounted, formatSeconds } from "../core/base/format.ts";
import type { VerifyOptions, VerifyReport } from "../core/check/verify_index.ts";
import type { ConnectorOptions } from "../core/connectors/mod.ts";
import { createRunObserver, type Logger } from "../core/observe/observer.ts";
import { KAFKA_SECURITY_SETTINGS, OPENSEARCH_SECURITY_SETTINGS } from "../core/config/mod.ts";
import { declareCommand, type Interrupt } from "./cli/declare.ts";
import { indexUrl } from "./cli/index_url.ts";
import { SYNC_SETTINGS } from "./cli/sync_settings.ts";
import { connectionSecurity } from "./cli/security.ts";

/** Keys of a kind that a person is shown where --limit does not say how many. */
const PRINTED_KEYS_COUNT = 5;

export const command = declareCommand({
  name: "verify",
  description: "Compare an OpenSearch index with its Kafka topic",
  settings: [
    "brokers",
    "topic",
    "opensearch-url",
    "index",
    "skip-types",
    "on-truncate",
    "wait",
    "repair",
    "limit",
    "dry-run",
    ...KAFKA_SECURITY_SETTINGS,
    ...OPENSEARCH_SECURITY_SETTINGS,
  ],
  idleSettings: SYNC_SETTINGS,
  wording: { limit: `name so many keys of each kind (default: ${PRINTED_KEYS_COUNT})` },
  examples: [
    { description: "Exit code 0 when they are equal, 1 when not", command: "konn verify" },
    { description: "Write anew what differs", command: "konn verify --repair" },
    { description: "For a script", command: "konn verify --json | jq .missing" },
  ],
  async run({ settings, terminal, interrupt }) {
    const { verifyWhenReady } = await import("../core/check/verify_when_ready.ts");
    const { createInspector, createSource } = await import("../core/connectors/mod.ts");
    const connectors: ConnectorOptions = {
      observer: createRunObserver(terminal.log),
      brokers: settings.brokers,
      openSearchUrl: settings["opensearch-url"],
      security: connectionSecurity(settings, settings),
    };
    const startedMs = performance.now();
    const prepare = async (): Promise<VerifyOptions> => ({
      createSource: async () =>
        (await createSource(`kafka:${settings.topic.join(",")}`, connectors)).end,
      inspector: await createInspector(indexUrl(settings.index), connectors),
      onTruncate: settings["on-truncate"],
      skipTypes: settings["skip-types"],
      repair: settings.repair && !settings["dry-run"],
      namedKeysCount: settings.limit,
      stop: interrupt.signal,
      onProgress: ({ eventsCount, documentsCount }) =>
        terminal.progress.update({
          eventsCount: eventsCount + documentsCount,
          seconds: (performance.now() - startedMs) / 1_000,
          settledSequences: 0n,
          remainingSequences: 0n,
          hasEnds: false,
        }),
    });
    const waitMs = settings.wait ?? 0;
    const work = verifyWhenReady(prepare, { waitMs, log: terminal.log, stop: interrupt.signal });
    const report = await stopped(work, interrupt);
    terminal.progress[Symbol.dispose]();
    if (!report) return interrupt.exitCode();
    warn(report, terminal.log);
    if (terminal.json) terminal.result(JSON.stringify(report));
    else terminal.result(reportText(report, settings));
    const differing = report.missing + report.stale + report.extra;
    return differing === 0 || report.repaired === differing ? 0 : 1;
  },
});

/** Undefined when it was interrupted: what was compared by then says nothing. */
async function stopped<Result>(
  work: Promise<Result | undefined>,
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

/** What a comparison cannot put right, also where only its exit code is looked at. */
function warn(report: VerifyReport, log: Logger): void {
  if (report.keys_in_two_lanes > 0) {
    log.warn("Some rows have changes in two partitions, so that their order is lost", {
      count: report.keys_in_two_lanes,
      first: report.ids.keys_in_two_lanes.slice(0, PRINTED_KEYS_COUNT).join(", "),
    });
  }
  if (report.ahead > 0) {
    log.warn(
      "Somebody has written documents with versions ahead of the topic: the index will refuse the next events of their rows. Build it anew: konn sync --from-beginning",
      { count: report.ahead },
    );
  }
  if (report.expired > 0) {
    log.warn(
      "The topic has let go of events: a row of which it holds none cannot be compared, and none of these is repaired. Give it retention.ms=-1 or cleanup.policy=compact, and have Debezium take a new snapshot",
      { expired: report.expired, unverifiable: report.unverifiable },
    );
  }
}

/** The report as a person reads it. */
function reportText(
  report: VerifyReport,
  { index, limit = PRINTED_KEYS_COUNT }: { index: string; limit?: number | undefined },
): string {
  const { missing, stale, extra, repaired, expired, events, documents, seconds, ids } = report;
  const differing = missing + stale + extra;
  const verdict = differing === 0 ? "equals" : "differs from";
  const topic = expired === 0 ? "its topic" : "what its topic still holds";
  const section = (name: string, count: number, keys: readonly string[]) =>
    count === 0 ? [] : sectionLines(name, count, keys.slice(0, limit));
  const lines = [
    `${index} ${verdict} ${topic}: ${formatCounted(documents, "document")}, ${formatCounted(events, "event")}, ${formatSeconds(seconds)}`,
    ...section("missing", missing, ids.missing),
    ...section("stale", stale, ids.stale),
    ...section("extra", extra, ids.extra),
    ...section("unverifiable", report.unverifiable, ids.unverifiable),
    ...section("unrecoverable", report.unrecoverable, ids.unrecoverable),
  ];
  if (report.unrecoverable > 0) {
    lines.push("    Debezium never sent their values. REPLICA IDENTITY FULL, an incremental");
    lines.push("    snapshot or the ReselectColumns post-processor would.");
  }
  lines.push(...section("refused", report.refused, ids.refused));
  lines.push(...section("in two partitions", report.keys_in_two_lanes, ids.keys_in_two_lanes));
  if (repaired > 0) lines.push(sectionHead("repaired", repaired));
  if (repaired > 0 && repaired < differing) {
    lines.push(sectionHead("not repaired", differing - repaired));
    lines.push(
      "    They have changed meanwhile, are of types that --skip-types leaves out, or have",
    );
    lines.push("    a version that nothing passes. Run konn verify once more, or build the index");
    lines.push("    anew: konn sync --from-beginning.");
  }
  return lines.join("\n");
}

function sectionLines(name: string, count: number, keys: readonly string[]): string[] {
  const isCut = count > keys.length && keys.length > 0;
  return [
    sectionHead(name, count),
    ...keys.map((key) => `    ${key}`),
    ...(isCut ? ["    ... (--limit N names more)"] : []),
  ];
}

function sectionHead(name: string, count: number): string {
  return `  ${name.padEnd(18)} ${formatCount(count)}`;
}
