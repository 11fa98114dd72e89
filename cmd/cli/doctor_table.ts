import type { AreaFinding } from "../../core/check/doctor.ts";
import type { FindingLevel } from "../../core/connector/finding.ts";
import { printable } from "../../core/base/printable.ts";
import { LINE_COLUMNS_COUNT, wrap } from "./wrap.ts";

export interface DoctorTableOptions {
  readonly counts: Readonly<Record<FindingLevel, number>>;
  readonly colors: boolean;
}

/**
 * What `konn doctor` shows to a person: a block for each area, a remedy under what needs one.
 * Nothing is wider than 80 columns but what cannot be broken.
 */
export function doctorTable(
  checks: readonly AreaFinding[],
  { counts, colors }: DoctorTableOptions,
): string {
  const width = Math.max(...checks.map(({ check }) => check.length));
  const blocks = [...Map.groupBy(checks, ({ area }) => area)].map(([area, findings]) =>
    [area, ...findings.flatMap((finding) => findingLines(finding, { width, colors }))].join("\n"),
  );
  const sum = `${counts.ok} ok, ${counts.warn} to look at, ${counts.fail} that would fail`;
  return [...blocks, sum].join("\n\n");
}

const LEVEL_CHARS = 4;

const COLORS: Readonly<Record<FindingLevel, number>> = { ok: 32, warn: 33, fail: 31 };

function findingLines(
  { check, level, detail, remedy }: AreaFinding,
  { width, colors }: { width: number; colors: boolean },
): string[] {
  const indent = " ".repeat(2 + LEVEL_CHARS + 2 + width + 2);
  const columns = LINE_COLUMNS_COUNT - indent.length;
  const padded = level.padEnd(LEVEL_CHARS);
  const shown = colors ? `\u001B[${COLORS[level]}m${padded}\u001B[0m` : padded;
  const [first = "", ...others] = wrap(printable(detail), columns);
  const remedies = remedy === undefined ? [] : wrap(printable(remedy), columns - 2);
  return [
    `  ${shown}  ${check.padEnd(width)}  ${first}`,
    ...others.map((line) => indent + line),
    ...remedies.map((line, at) => `${indent}${at === 0 ? "→ " : "  "}${line}`),
  ];
}
