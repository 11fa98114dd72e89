import { formatCount, formatCounted } from "../../core/base/format.ts";
import { KonnError } from "../../core/base/errors.ts";
import type { DeadLetterRun } from "../../core/check/dead_letter_runs.ts";
import type { NumberedLetter } from "../../core/dead_letter/letter_list.ts";
import { printable } from "../../core/base/printable.ts";
import { LINE_COLUMNS_COUNT, wrap } from "./wrap.ts";

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

/** The letters of one run as a table, the first of them: a line of places, and below it why. */
export function letterTable(run: DeadLetterRun, letters: readonly NumberedLetter[]): string {
  const rows = letters.map(({ number, letter }) => [
    String(number),
    letter.time.toISOString().replace(/\.\d+Z$/, "Z"),
    placeText(letter),
  ]);
  const head = ["", "time", "place"];
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd();
  const left = run.count - letters.length;
  return [
    `${runTitle(run)}: ${formatCounted(run.count, "dead letter")}`,
    `  --run ${run.name}`,
    line(head),
    ...letters.flatMap(({ letter }, at) => [
      line(rows[at] ?? []),
      ...whyLines(letter, widths[0] ?? 0),
    ]),
    ...(left > 0 ? [`  ... and ${formatCount(left)} more (--limit N shows more)`] : []),
  ].join("\n");
}

/** What was refused and why, behind the number of the letter. */
function whyLines(
  { key, code, reason }: NumberedLetter["letter"],
  numberColumns: number,
): string[] {
  const indent = " ".repeat(2 + numberColumns + 2);
  const columns = LINE_COLUMNS_COUNT - indent.length;
  return [
    ...(key === undefined ? [] : [cut(`key ${printable(key)}`, columns)]),
    ...wrap(`${code}: ${printable(reason)}`, columns),
  ].map((line) => indent + line);
}

function cut(text: string, columns: number): string {
  return text.length > columns ? `${text.slice(0, columns - 1)}…` : text;
}

/** Where an event stands, as a person says it. */
export function placeText({ lane, sequence, line }: NumberedLetter["letter"]): string {
  return line === undefined ? `${lane} offset ${sequence}` : `line ${line}`;
}
