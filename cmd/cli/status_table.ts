import { formatCount, formatCounted, formatSeconds } from "../../core/base/format.ts";
import type { LaneStatus, RunStatus } from "../../core/check/run_status.ts";

/** What `konn status` shows to a person. */
export function statusTable(
  runs: readonly RunStatus[],
  { stateDir, othersCount }: { stateDir: string; othersCount: number },
): string {
  if (runs.length === 0) {
    return othersCount === 0
      ? `No run has left a checkpoint in ${stateDir} yet.`
      : `No run of that name has left a checkpoint in ${stateDir}; ${formatCounted(othersCount, "other run")} left some.`;
  }
  return runs.map(runBlock).join("\n\n");
}

function runBlock(run: RunStatus): string {
  const lines = [
    run.source === "" ? run.name : `${run.label ?? run.source} -> ${run.sink_label ?? run.sink}`,
  ];
  if (run.saved_at !== null) lines.push(`  saved         ${run.saved_at}`);
  if (run.lag !== null) lines.push(`  lag           ${lagText(run)}`);
  lines.push(`  dead letters  ${formatCount(run.dead_letters)}`);
  if (run.sink_problem !== null) lines.push(`  sink          ${run.sink_problem}`);
  if (run.problem !== null) lines.push(`  problem       ${run.problem}`);
  return [...lines, ...laneRows(run.lanes)].join("\n");
}

function lagText({ lag, lag_seconds }: RunStatus): string {
  const count = formatCount(lag ?? 0);
  return lag_seconds ? `${count} (${formatSeconds(lag_seconds)})` : count;
}

function laneRows(lanes: readonly LaneStatus[]): string[] {
  if (lanes.length === 0) return [];
  const rows = [
    ["lane", "next", "end", "lag"],
    ...lanes.map(({ lane, next_sequence, end, lag }) => [
      lane,
      String(next_sequence),
      String(end ?? "?"),
      String(lag ?? "?"),
    ]),
  ];
  const laneWidth = Math.max(...rows.map(([lane = ""]) => lane.length));
  return rows.map(([lane = "", ...numbers]) => {
    return `  ${lane.padEnd(laneWidth)}${numbers.map((number) => number.padStart(12)).join("")}`;
  });
}
