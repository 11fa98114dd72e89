import { totalOf } from "../../core/base/counts.ts";
import { KonnError } from "../../core/base/errors.ts";
import { formatCount } from "../../core/base/format.ts";
import type { DeadLetterRun } from "../../core/check/dead_letter_runs.ts";
import type { RetryReport } from "../../core/pipeline/mod.ts";
import {
  type DeadLettersInvocation,
  letterConnectors,
  withoutCheckpoint,
} from "./letter_connectors.ts";
import { letterJson, placeText, runTitle } from "./letter_views.ts";
import { reopenSink, reopenSource } from "./run_ends.ts";

interface RunReport {
  readonly run: DeadLetterRun;
  readonly report: RetryReport;
}

/** Delivers dead letters after all. Exit code 1 when some of them stay. */
export async function retry(
  runs: readonly DeadLetterRun[],
  numbers: ReadonlySet<number> | undefined,
  invocation: DeadLettersInvocation,
): Promise<number> {
  const { terminal, interrupt } = invocation;
  const reports: RunReport[] = [];
  let failure: KonnError | undefined;
  for (const run of runs) {
    if (interrupt.signal.aborted) break;
    try {
      reports.push({ run, report: await retryRun(run, numbers, invocation) });
    } catch (error) {
      // What other runs have left is delivered all the same.
      if (!(error instanceof KonnError) || runs.length === 1) throw error;
      failure ??= error;
      const { code, hint } = error;
      terminal.log.error(error.message, { run: run.name, code, ...(hint && { hint }) });
    }
  }
  print(reports, invocation);
  if (failure) throw failure;
  if (interrupt.signal.aborted) return interrupt.exitCode();
  return reports.every(({ report }) => report.failingCount + report.leftCount === 0) ? 0 : 1;
}

async function retryRun(
  { name, checkpoint }: DeadLetterRun,
  numbers: ReadonlySet<number> | undefined,
  invocation: DeadLettersInvocation,
): Promise<RetryReport> {
  const { settings, interrupt } = invocation;
  if (checkpoint === undefined) throw withoutCheckpoint(name);
  if (checkpoint instanceof KonnError) throw checkpoint;
  const { retryDeadLetters } = await import("../../core/pipeline/mod.ts");
  const options = letterConnectors(invocation);
  return await retryDeadLetters({
    stateDir: settings["state-dir"],
    name,
    checkpoint,
    numbers,
    openSource: () => reopenSource(checkpoint.source, options),
    openSink: () => reopenSink(checkpoint.sink, options),
    allowsLate: settings.late,
    stop: interrupt.signal,
  });
}

function print(reports: readonly RunReport[], { terminal, settings }: DeadLettersInvocation): void {
  if (terminal.json) terminal.result(JSON.stringify(reportJson(reports)));
  else if (reports.length === 0) terminal.note(`Nothing to retry in ${settings["state-dir"]}.`);
  else for (const each of reports) terminal.result(reportText(each));
}

function reportJson(reports: readonly RunReport[]): object {
  const skipped: Record<string, number> = {};
  for (const { report } of reports) {
    for (const [reason, count] of Object.entries(report.skipped)) {
      skipped[reason] = (skipped[reason] ?? 0) + count;
    }
  }
  const sum = (count: (report: RetryReport) => number) =>
    reports.reduce((total, { report }) => total + count(report), 0);
  return {
    retried: sum(({ retried }) => retried),
    written: sum(({ written }) => written),
    deleted: sum(({ deleted }) => deleted),
    skipped,
    failing: sum(({ failingCount }) => failingCount),
    left: sum(({ leftCount }) => leftCount),
    dead_letters: reports.flatMap(({ run, report }) =>
      report.failing.map((numbered) => letterJson(run.name, numbered)),
    ),
  };
}

function reportText({ run, report }: RunReport): string {
  const { retried, written, deleted, skipped, failing, failingCount, leftCount } = report;
  const parts = [
    `${formatCount(written)} written`,
    `${formatCount(deleted)} deleted`,
    `${formatCount(totalOf(skipped))} skipped`,
    `${formatCount(failingCount)} still failing`,
    ...(leftCount > 0 ? [`${formatCount(leftCount)} not tried`] : []),
  ];
  const lines = failing.map(
    ({ letter }) => `  ${placeText(letter)}: ${letter.code}: ${letter.reason}`,
  );
  const more = failingCount - failing.length;
  return [
    `Retried ${formatCount(retried)} of ${runTitle(run)}: ${parts.join(", ")}`,
    ...lines,
    ...(more > 0 ? [`  ... and ${formatCount(more)} more`] : []),
  ].join("\n");
}
