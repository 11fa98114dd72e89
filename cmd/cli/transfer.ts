import { totalOf } from "../../core/base/counts.ts";
import { formatCount, formatCounted, formatSeconds } from "../../core/base/format.ts";
import { KonnError } from "../../core/base/errors.ts";
import { suggest } from "../../core/base/suggest.ts";
import { isLines } from "../../core/connectors/connector_url.ts";
import type { SettingName, Settings } from "../../core/config/mod.ts";
import type { ConnectionSecurity } from "../../core/connectors/mod.ts";
import { createRunObserver } from "../../core/observe/observer.ts";
import type { RunMeter } from "../../core/observe/run_meter.ts";
import type { Pacer, RunSnapshot, RunSummary } from "../../core/pipeline/mod.ts";
import type { CommonSettingName, Interrupt } from "./declare.ts";
import type { Terminal } from "./terminal.ts";

/** Settings of every command that moves events. */
export const TRANSFER_SETTINGS = [
  "wait",
  "rate",
  "speed",
  "limit",
  "max-dead-letters",
] as const satisfies readonly SettingName[];

/** Settings of every command that can write to Kafka from a file. */
export const PRODUCER_SETTINGS = [
  "partitions",
  "compression",
  "topic-config",
  "at-least-once",
  "positions-topic",
  "stream",
  "from-line",
] as const satisfies readonly SettingName[];

/** What these settings say to the connectors. */
export function producerSettings(
  settings: Settings<(typeof PRODUCER_SETTINGS)[number]>,
): Partial<ConnectorSettings> {
  return {
    partitionsCount: settings.partitions,
    compression: settings.compression,
    topicConfig: settings["topic-config"],
    atLeastOnce: settings["at-least-once"],
    positionsTopic: settings["positions-topic"],
    streamName: settings.stream,
    fromLine: settings["from-line"],
  };
}

export interface TransferOptions {
  readonly from: string;
  readonly to: string;
  readonly settings: Settings<(typeof TRANSFER_SETTINGS)[number] | CommonSettingName>;
  /** Settings that only some commands take. */
  readonly connectors: ConnectorSettings;
  readonly follow: boolean;
  readonly fromBeginning: boolean;
  readonly terminal: Terminal;
  readonly interrupt: Interrupt;
  /** Says in the summary what was done: "Replayed". */
  readonly verb: string;
  /** What runs before this one have done for the same command, for the summary. */
  readonly earlier?: RunSummary | undefined;
  /** Hears what is done while it is done. */
  readonly meter?: RunMeter | undefined;
  /** Hears what was done, by earlier runs too, when this one ends with an error. */
  readonly onFailure?: (summary: RunSummary) => void;
}

/** What the two ends take from the command line. What a command does not declare has its default. */
export interface ConnectorSettings {
  readonly brokers: readonly string[];
  readonly openSearchUrl: string;
  readonly security: ConnectionSecurity;
  readonly readFormat?: "event" | "record" | undefined;
  readonly writeFormat?: "event" | "record" | undefined;
  readonly excludeTypes?: readonly string[] | undefined;
  readonly partitionsCount?: number | undefined;
  readonly compression?: "none" | "gzip" | "snappy" | "lz4" | "zstd";
  readonly topicConfig?: Readonly<Record<string, string>> | undefined;
  readonly positionsTopic?: string | undefined;
  readonly atLeastOnce?: boolean | undefined;
  readonly streamName?: string | undefined;
  readonly fromLine?: number | undefined;
  readonly existing?: "refuse" | "append" | "overwrite";
  readonly skipTypes?: readonly string[];
  readonly onTruncate?: "halt" | "ignore" | "rebuild";
  readonly truncatedAtLsn?: number | undefined;
  readonly keepTombstonesMs?: number;
  readonly acceptsLoss?: boolean;
  readonly keepIndexesCount?: number;
  readonly group?: string | undefined;
}

/** Moves events from one connector URL to another, shows how far it is, and prints the summary. */
export async function transfer(options: TransferOptions): Promise<number> {
  const { from, to, settings, connectors, terminal, interrupt, follow } = options;
  if (terminal.json && to === "-") throw jsonOverData();
  const { createSink, createSource, refuseSameFile } = await import("../../core/connectors/mod.ts");
  refuseSameFile(from, to);
  const { addSummaries, runWhenReady } = await import("../../core/pipeline/mod.ts");
  const { canHoldSecrets } = await import("../../core/konnect/secret_types.ts");
  const observer = createRunObserver(terminal.log, options.meter);
  await warnOfUnknownTypes(options);
  const withEarlier = (summary: RunSummary): RunSummary =>
    options.earlier ? addSummaries(options.earlier, summary) : summary;
  const pacer = await createPacer(settings);
  const ends = {
    ...connectors,
    // An index takes in only what is searchable.
    ...(takesBytesAsTheyAre(to) && { canHoldSecrets }),
    follow,
    observer,
  };
  const prepare = async ({ isFirst }: { isFirst: boolean }) => {
    const fromLine = isFirst ? connectors.fromLine : undefined;
    const source = await createSource(from, { ...ends, fromLine });
    const sink = await createSink(to, ends);
    return {
      source: source.end,
      sink: sink.end,
      stateDir: settings["state-dir"],
      resumable: source.resumable && sink.resumable,
      isDryRun: to.startsWith("dry-run:"),
      fromBeginning: options.fromBeginning && isFirst,
      ignorePositions: fromLine !== undefined,
      maxEventsCount: settings.limit,
      maxDeadLettersCount: settings["max-dead-letters"],
      pacer,
      // Stdin ends for good: nothing takes its place that could be followed.
      follow: follow && from !== "-",
      stop: interrupt.signal,
      observer,
      onProgress: (snapshot: RunSnapshot) =>
        terminal.progress.update({ ...snapshot, lagUnit: follow ? source.unit : undefined }),
      onFailure: (summary: RunSummary) => options.onFailure?.(withEarlier(summary)),
    };
  };
  const waitMs = settings.wait ?? 0;
  const summary = await sayingThatItStops(options, () =>
    runWhenReady(prepare, { waitMs, observer, stop: interrupt.signal }),
  );
  terminal.progress[Symbol.dispose]();
  if (!summary) {
    terminal.note("Stopped before anything was read.");
    return follow ? 0 : interrupt.exitCode();
  }
  printSummary(withEarlier(summary), options);
  if (connectors.excludeTypes) warnOfIdleExclusion(summary, options);
  return summary.complete || follow ? 0 : interrupt.exitCode();
}

/** Whoever interrupts a run that has something in hand is told why it takes a moment. */
async function sayingThatItStops<Result>(
  { terminal, interrupt: { signal } }: Pick<TransferOptions, "terminal" | "interrupt">,
  work: () => Promise<Result>,
): Promise<Result> {
  const say = () =>
    terminal.log.info("Stopping: delivering what is in hand. A second interrupt stops at once.");
  signal.addEventListener("abort", say, { once: true });
  try {
    return await work();
  } finally {
    signal.removeEventListener("abort", say);
  }
}

function takesBytesAsTheyAre(to: string): boolean {
  return to.startsWith("kafka:") || isLines(to);
}

/** Before anything is sent: a misspelt type leaves out nothing. */
async function warnOfUnknownTypes({ connectors, terminal }: TransferOptions): Promise<void> {
  const { KNOWN_TYPES, UNSEARCHED_TYPES } = await import("../../core/konnect/entity_types.ts");
  const known = [...KNOWN_TYPES, ...UNSEARCHED_TYPES].map((type) => type.replaceAll("-", "_"));
  const named = { "exclude-types": connectors.excludeTypes, "skip-types": connectors.skipTypes };
  for (const [flag, types = []] of Object.entries(named)) {
    for (const type of types) {
      if (known.includes(type.replaceAll("-", "_"))) continue;
      const meant = suggest(type, known);
      const hint = meant === undefined ? {} : { hint: `Did you mean ${meant}?` };
      terminal.log.warn(`--${flag} names ${type}, a type that Kong does not have`, hint);
    }
  }
}

async function createPacer({
  rate,
  speed,
}: Settings<"rate" | "speed">): Promise<Pacer | undefined> {
  if (rate !== undefined && speed !== undefined) throw bothPaces();
  const { paceByEventTime, paceByRate } = await import("../../core/pipeline/mod.ts");
  if (rate !== undefined) return paceByRate(rate);
  if (speed === undefined) return undefined;
  const { eventTimeMs } = await import("../../core/cdc/event_time.ts");
  return paceByEventTime(speed, ({ messages: [message] }) => message && eventTimeMs(message));
}

function printSummary(summary: RunSummary, options: TransferOptions): void {
  const { verb, terminal, from, to, follow } = options;
  if (terminal.json) terminal.result(JSON.stringify(summaryJson(summary)));
  else terminal.note(summaryText(summary, { verb, follow, from: placeOf(from), to: placeOf(to) }));
}

/** Whoever leaves out secrets has to hear that a misspelt type left out nothing. */
function warnOfIdleExclusion({ skipped, events }: RunSummary, options: TransferOptions): void {
  if (events === 0 || skipped["excluded_type"]) return;
  const types = options.connectors.excludeTypes?.join(", ") ?? "";
  options.terminal.log.warn("--exclude-types left out nothing: no event has such a type", {
    types,
  });
}

/** The summary as scripts read it. The names are part of konn's interface. */
function summaryJson(summary: RunSummary): object {
  const { events, written, deleted, skipped, retries } = summary;
  // Partitions answer in any order, and a script that compares runs wants one.
  const [positions, ends] = [summary.positions, summary.ends].map(byName);
  const seconds = Math.round(summary.seconds * 1_000) / 1_000;
  const dead_letters = summary.deadLetters;
  return { events, written, deleted, skipped, dead_letters, retries, seconds, positions, ends };
}

function byName(lanes: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(lanes).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The summary as a person reads it. */
function summaryText(
  summary: RunSummary,
  { verb, from, to, follow }: { verb: string; from: string; to: string; follow: boolean },
): string {
  const { events, written, deleted, skipped, deadLetters, retries, seconds } = summary;
  if (events === 0) return `Nothing new in ${from}${summary.resumed ? " since the last run" : ""}.`;
  const reasons = Object.entries(skipped).filter(([, count]) => count > 0);
  const skippedCount = totalOf(skipped);
  const parts = [`${formatCount(written)} ${to.startsWith("nowhere") ? "to write" : "written"}`];
  if (deleted > 0) parts.push(`${formatCount(deleted)} deleted`);
  if (skippedCount > 0) {
    const details = reasons.map(([reason, count]) => `${reason} ${formatCount(count)}`).join(", ");
    parts.push(`${formatCount(skippedCount)} skipped (${details})`);
  }
  const place = deadLetters > 0 ? ` (${summary.deadLettersPath ?? "not kept"})` : "";
  parts.push(`${formatCounted(deadLetters, "dead letter")}${place}`);
  if (summary.droppedFields > 0)
    parts.push(`${formatCounted(summary.droppedFields, "field")} left out`);
  if (summary.unavailableKeys > 0) {
    parts.push(`${formatCounted(summary.unavailableKeys, "row")} without a value (TOAST)`);
  }
  if (retries > 0) parts.push(formatCounted(retries, "retry", "retries"));
  const perSecond = formatCount(Math.round(events / Math.max(seconds, 0.001)));
  const time = `${formatSeconds(seconds)} (${perSecond}/s)`;
  const isCut = !summary.complete && !follow;
  const state = isCut ? " Stopped before the end; the next run goes on from here." : "";
  return `${verb} ${formatCounted(events, "event")} from ${from} to ${to} in ${time}: ${parts.join(", ")}.${state}`;
}

/** A URL as a person would write it: a file by its path. */
function placeOf(url: string): string {
  return url.replace(/^file:/, "").replace(/^dry-run:.*/, "nowhere (--dry-run)");
}

function jsonOverData(): KonnError {
  return new KonnError("Cannot print the result with --json: stdout holds the events", {
    code: "USAGE",
    kind: "usage",
    hint: "Leave out --json, or write the events to a file.",
  });
}

function bothPaces(): KonnError {
  return new KonnError("Cannot use --rate and --speed together", {
    code: "USAGE",
    kind: "usage",
    hint: "--rate paces evenly, --speed by the events' own times.",
  });
}
