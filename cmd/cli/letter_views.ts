import { formatCount } from "../../core/base/format.ts";
import { KonnError } from "../../core/base/errors.ts";
import type { DeadLetterRun } from "../../core/check/dead_letter_runs.ts";
import type { NumberedLetter } from "../../core/dead_letter/letter_list.ts";
import { printable } from "../../core/base/printable.ts";

/** What `--json` says of a letter. The names are part of konn's interface. */
export function letterJson(run: string, { number, letter }: NumberedLetter): object {
  const { time, lane, sequence, line, key, code, reason } = letter;
  return {
    run,
    number,
    time: time.toISOString(),
    lane,
    sequence: Number(sequence),
    line: line ?? null,
    key: key ?? null,
    code,
    reason,
  };
}

/** What `--json` says of a run. */
export function runJson({ name, count, checkpoint }: DeadLetterRun): object {
  const known = checkpoint instanceof KonnError ? undefined : checkpoint;
  return {
    name,
    source: known?.source.address ?? "",
    label: known?.source.label ?? null,
    sink: known?.sink.address ?? "",
    dead_letters: count,
  };
}

/** What a person calls the two ends of a run. */
export function runTitle({ name, checkpoint }: DeadLetterRun): string {
  if (checkpoint === undefined || checkpoint instanceof KonnError) return name;
  const { source, sink } = checkpoint;
  return `${source.label ?? source.address} -> ${sink.label ?? sink.address}`;
}

/** The letters of one run as a table, the first of them. */
export function letterTable(run: DeadLetterRun, letters: readonly NumberedLetter[]): string {
  const rows = letters.map(({ number, letter }) => [
    String(number),
    letter.time.toISOString().replace(/\.\d+Z$/, "Z"),
    placeText(letter),
    letter.code,
    printable(letter.key ?? ""),
    printable(letter.reason),
  ]);
  const head = ["", "time", "place", "code", "key", "reason"];
  const widths = head.map((_, column) =>
    Math.min(MAX_COLUMN_CHARS, Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0))),
  );
  const lines = [head, ...rows].map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cut(cell, widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
  const left = run.count - letters.length;
  return [
    `${runTitle(run)}: ${formatCount(run.count)} (--run ${run.name})`,
    ...lines.map((line) => `  ${line}`),
    ...(left > 0 ? [`  ... and ${formatCount(left)} more (--limit N shows more)`] : []),
  ].join("\n");
}

const MAX_COLUMN_CHARS = 48;

function cut(text: string, width: number): string {
  return (text.length > width ? `${text.slice(0, width - 1)}…` : text).padEnd(width);
}

/** Where an event stands, as a person says it. */
export function placeText({ lane, sequence, line }: NumberedLetter["letter"]): string {
  return line === undefined ? `${lane} offset ${sequence}` : `line ${line}`;
}
