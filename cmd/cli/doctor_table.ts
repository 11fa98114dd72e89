import type { AreaFinding } from "../../core/check/doctor.ts";
import type { FindingLevel } from "../../core/connector/finding.ts";
import { printable } from "../../core/base/printable.ts";

/** What `konn doctor` shows to a person: a block for each area, a remedy under what needs one. */
export function doctorTable(
  checks: readonly AreaFinding[],
  counts: Readonly<Record<FindingLevel, number>>,
): string {
  const width = Math.max(...checks.map(({ check }) => check.length));
  const blocks = [...Map.groupBy(checks, ({ area }) => area)].map(([area, findings]) =>
    [area, ...findings.flatMap((finding) => findingLines(finding, width))].join("\n"),
  );
  const sum = `${counts.ok} ok, ${counts.warn} to look at, ${counts.fail} that would fail`;
  return [...blocks, sum].join("\n\n");
}

const LEVEL_CHARS = 4;

function findingLines({ check, level, detail, remedy }: AreaFinding, width: number): string[] {
  const indent = " ".repeat(2 + LEVEL_CHARS + 2 + width + 2);
  return [
    `  ${level.padEnd(LEVEL_CHARS)}  ${check.padEnd(width)}  ${printable(detail)}`,
    ...(remedy === undefined ? [] : [`${indent}-> ${printable(remedy)}`]),
  ];
}
