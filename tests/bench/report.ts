/** Results as a table for a terminal of 80 columns. */
import {
  type BenchmarkResult,
  type ContenderResult,
  eventsPerSecond,
  type GoalResult,
} from "./benchmark.ts";

/** Before the goal: konn's figure by that of the line, of the speed and of its own CPU. */
const COLUMNS = [
  "events/s",
  "docs/s",
  "CPU s",
  "MiB",
  "Kafka",
  "index",
  "konn:it",
  "CPU",
  "goal",
] as const;
const WIDTHS = [9, 8, 7, 5, 7, 7, 8, 6, 7] as const;
const NAME_WIDTH = 16;

export function tableOf(result: BenchmarkResult): string {
  const head = `${" ".repeat(NAME_WIDTH)}${row(COLUMNS)}`;
  const rows = result.contenders.map((contender, at) => {
    const goal = result.goals.find(
      ({ rival, measure }) => rival === contender.name && measure.endsWith("/s"),
    );
    return `${contender.name.padEnd(NAME_WIDTH)}${row(cells(contender, goal, at === 0))}`;
  });
  return [`\n${result.title}`, head, ...rows, ...result.goals.map(goalLine)].join("\n");
}

function cells(
  { median, ratio, cpuRatio }: ContenderResult,
  goal: GoalResult | undefined,
  isKonn: boolean,
): readonly string[] {
  const { documents, seconds, cpuSeconds, peakBytes } = median;
  // Who takes documents alone has no events to be compared by.
  const isByDocuments = goal?.measure === "documents/s";
  const shown = isByDocuments ? goal.reached : ratio;
  return [
    count(eventsPerSecond(median)),
    documents === undefined ? "" : count(documents / seconds),
    cpuSeconds.toFixed(1),
    (peakBytes / 1024 / 1024).toFixed(0),
    decimal(median.kafkaCpuSeconds),
    decimal(median.openSearchCpuSeconds),
    isKonn ? "" : shown.toFixed(2),
    isKonn || isByDocuments ? "" : cpuRatio.toFixed(2),
    goal?.atLeast === undefined ? "" : `>= ${goal.atLeast}`,
  ];
}

/** A goal as a sentence: what was compared, what was to be reached, and what was. */
export function goalLine({ measure, rival, atLeast, atMost, reached, isMet }: GoalResult): string {
  const what = rival === undefined ? `konn, ${measure}` : `konn : ${rival}, ${measure}`;
  const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
  const digits = reached >= 10 ? 0 : 2;
  return `  ${isMet ? "met" : "not met"}: ${what} is ${reached.toFixed(digits)}, ${bound}`;
}

function row(texts: readonly string[]): string {
  return texts.map((text, at) => text.padStart(WIDTHS[at] ?? 0)).join("");
}

function count(number: number): string {
  return Number.isFinite(number) ? Math.round(number).toLocaleString("en") : "";
}

function decimal(number: number | undefined): string {
  return number === undefined ? "-" : number.toFixed(1);
}
