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

const LATENCY_COLUMNS = ["p50 ms", "p95 ms", "p99 ms", "CPU s", "MiB"] as const;
const LATENCY_WIDTHS = [9, 9, 9, 9, 7] as const;
const LATENCY_NAME_WIDTH = 36;

export function tableOf(result: BenchmarkResult): string {
  const isLatency = result.contenders.some(({ median }) => median.latency);
  const lines = isLatency ? latencyLines(result) : throughputLines(result);
  return [`\n${result.title}`, ...lines, ...result.goals.map(goalLine)].join("\n");
}

function latencyLines({ contenders }: BenchmarkResult): readonly string[] {
  const rows = contenders.map(({ name, median }) => {
    const { latency, cpuSeconds, peakBytes } = median;
    const { p50Ms = NaN, p95Ms = NaN, p99Ms = NaN } = latency ?? {};
    const figures = [p50Ms.toFixed(1), p95Ms.toFixed(1), p99Ms.toFixed(1), cpuSeconds.toFixed(2)];
    return `${name.padEnd(LATENCY_NAME_WIDTH)}${row([...figures, mebibytes(peakBytes)], LATENCY_WIDTHS)}`;
  });
  return [`${" ".repeat(LATENCY_NAME_WIDTH)}${row(LATENCY_COLUMNS, LATENCY_WIDTHS)}`, ...rows];
}

function throughputLines(result: BenchmarkResult): readonly string[] {
  const head = `${" ".repeat(NAME_WIDTH)}${row(COLUMNS)}`;
  const rows = result.contenders.map((contender, at) => {
    const goal = result.goals.find(
      ({ rival, measure }) => rival === contender.name && measure.endsWith("/s"),
    );
    return `${contender.name.padEnd(NAME_WIDTH)}${row(cells(contender, goal, at === 0))}`;
  });
  return [head, ...rows];
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
    mebibytes(peakBytes),
    decimal(median.kafkaCpuSeconds),
    decimal(median.openSearchCpuSeconds),
    isKonn ? "" : shown.toFixed(2),
    isKonn || isByDocuments ? "" : cpuRatio.toFixed(2),
    goal?.atLeast === undefined ? "" : `>= ${goal.atLeast}`,
  ];
}

/** A goal as a sentence: what was compared, what was to be reached, and what was. */
function goalLine(goal: GoalResult): string {
  const { measure, contender = "konn", rival, atLeast, atMost, reached, isMet } = goal;
  const what = `${contender}${rival === undefined ? "" : ` : ${rival}`}, ${measure}`;
  const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
  const digits = reached >= 10 ? 0 : 2;
  return `  ${isMet ? "met" : "not met"}: ${what} is ${reached.toFixed(digits)}, ${bound}`;
}

function row(texts: readonly string[], widths: readonly number[] = WIDTHS): string {
  return texts.map((text, at) => text.padStart(widths[at] ?? 0)).join("");
}

function count(number: number): string {
  return Number.isFinite(number) ? Math.round(number).toLocaleString("en") : "";
}

function mebibytes(bytes: number): string {
  return Number.isNaN(bytes) ? "-" : (bytes / 1024 / 1024).toFixed(0);
}

function decimal(number: number | undefined): string {
  return number === undefined ? "-" : number.toFixed(1);
}
