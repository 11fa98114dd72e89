#!/usr/bin/env bun
/**
 * Puts the figures of a benchmark into the documentation: docs/images/bench.svg (events a second of
 * konn and of what was measured beside it, each as a part of the fastest in its group) and the tables
 * of docs/benchmarks.md.
 *
 *   bun scripts/publish_bench.ts [dist/bench.json] [dist/soak.json]
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchmarkResult, BenchReport } from "../tests/bench/benchmark.ts";
import { tableOf } from "../tests/bench/report.ts";

const DOCS = join(import.meta.dir, "..", "docs");
const PICTURE = join(DOCS, "images", "bench.svg");
const PAGE = join(DOCS, "benchmarks.md");
const WIDTH = 760;
const MARGIN = 20;
const BAR_LEFT = 170;
const BAR_WIDTH = 400;
const BAR_HEIGHT = 16;
const ROW_HEIGHT = 24;
const TITLE_HEIGHT = 34;
const GAP = 14;

/** Readable on white and on black: a page that embeds the picture does not say which it is. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; }
  .figure { fill: #57606a; }
  .konn { fill: #0969da; }
  .other { fill: #afb8c1; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .figure { fill: #8d96a0; }
    .konn { fill: #4493f8; }
    .other { fill: #484f58; }
  }`;

interface Bar {
  readonly name: string;
  readonly perSecond: number;
  readonly unit: string;
}

interface Soak {
  readonly eventsCount: number;
  readonly runs: readonly { readonly name: string; peakMiB: number; tenthsMiB: number[] }[];
}

const [benchFile = "dist/bench.json", soakFile = "dist/soak.json"] = process.argv.slice(2);
const report: BenchReport = await Bun.file(benchFile).json();
const soak: Soak | undefined = existsSync(soakFile) ? await Bun.file(soakFile).json() : undefined;
writeFileSync(PICTURE, chartOf(report.benchmarks));
const page = readFileSync(PAGE, "utf8");
writeFileSync(
  PAGE,
  withFigures(withFigures(page, "bench", tables(report)), "soak", soakTable(soak)),
);

/** Replaces what stands between the marks of a name. Without figures it stays as it is. */
function withFigures(text: string, name: string, figures: string | undefined): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to === -1) throw new Error(`${PAGE} has no place for ${name}`);
  if (figures === undefined) return text;
  const block = `${begin}\n\n\`\`\`text\n${figures}\n\`\`\`\n\n`;
  return `${text.slice(0, from)}${block}${text.slice(to)}`;
}

function tables({ startedAt, machine, load, rounds, benchmarks }: BenchReport): string {
  const { processors, model = "unknown" } = machine;
  const head = [
    `${startedAt.slice(0, 10)}, ${processors} processors (${model}), medians of ${rounds}`,
    `load average before ${load.before.toFixed(1)}, after ${load.after.toFixed(1)}`,
  ];
  return [...head, ...benchmarks.map(tableOf)].join("\n");
}

function soakTable(soaked: Soak | undefined): string | undefined {
  if (soaked === undefined) return undefined;
  const rows = soaked.runs.map(({ name, peakMiB, tenthsMiB }) =>
    [name.padEnd(8), ...[...tenthsMiB, peakMiB].map((mib) => String(mib).padStart(6))].join(""),
  );
  const head = `MiB     ${tenthTitles().join("")}  peak`;
  return [`${soaked.eventsCount.toLocaleString("en")} events`, head, ...rows].join("\n");
}

function tenthTitles(): readonly string[] {
  return Array.from({ length: 10 }, (_, at) => `${(at + 1) * 10} %`.padStart(6));
}

function chartOf(results: readonly BenchmarkResult[]): string {
  const parts: string[] = [];
  let y = MARGIN;
  for (const result of results.filter(isCompared)) {
    const bars = barsOf(result);
    parts.push(`<text class="title" x="${MARGIN}" y="${y + 14}">${escaped(result.title)}</text>`);
    y += TITLE_HEIGHT;
    const most = Math.max(...bars.map(({ perSecond }) => perSecond));
    for (const [at, bar] of bars.entries()) {
      parts.push(drawn(bar, { y, share: bar.perSecond / most, isKonn: at === 0 }));
      y += ROW_HEIGHT;
    }
    y += GAP;
  }
  const size = `width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}"`;
  const title = "<title>Events a second, konn and others</title>";
  const body = parts.join("\n  ");
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img">\n  ${title}\n  <style>${STYLE}\n  </style>\n  ${body}\n</svg>\n`;
}

function isCompared({ contenders }: BenchmarkResult): boolean {
  return contenders.length > 1 && contenders.every(({ median }) => median.latency === undefined);
}

/** Documents instead of events where somebody takes documents alone. */
function barsOf({ contenders, goals }: BenchmarkResult): readonly Bar[] {
  const isOfDocuments = (name: string): boolean =>
    goals.some(({ rival, measure }) => rival === name && measure === "documents/s");
  return contenders.map(({ name, median }) => {
    const { events, documents = events, seconds } = median;
    if (!isOfDocuments(name)) return { name, perSecond: events / seconds, unit: "/s" };
    // As many events as konn makes such documents of.
    const [konn] = contenders;
    const share = (konn?.median.events ?? 1) / (konn?.median.documents ?? 1);
    return { name, perSecond: (documents / seconds) * share, unit: "/s, of its documents" };
  });
}

function drawn(
  { name, perSecond, unit }: Bar,
  { y, share, isKonn }: { y: number; share: number; isKonn: boolean },
): string {
  const width = Math.max(2, Math.round(share * BAR_WIDTH));
  const middle = y + 13;
  const figure = `${Math.round(perSecond).toLocaleString("en")}${unit}`;
  return [
    `<text x="${BAR_LEFT - 10}" y="${middle}" text-anchor="end">${escaped(name)}</text>`,
    `<rect class="${isKonn ? "konn" : "other"}" x="${BAR_LEFT}" y="${y}" width="${width}" height="${BAR_HEIGHT}" rx="2"/>`,
    `<text class="figure" x="${BAR_LEFT + width + 8}" y="${middle}">${figure}</text>`,
  ].join("\n  ");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
