/**
 * A reader of Prometheus' text format 0.0.4 that takes nothing but what the format allows
 * (https://prometheus.io/docs/instrumenting/exposition_formats/): written from that page, with none
 * of the code that makes the text.
 */

export interface Exposition {
  /** The type of each metric by its name. */
  readonly types: ReadonlyMap<string, string>;
  /** The value of a series; labels in the order of their names. Throws when it is not there. */
  value(name: string, labels?: Readonly<Record<string, string>>): number;
  /** All series of a sample name. */
  series(name: string): ReadonlyMap<string, number>;
}

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?<labels>.*)\})? (?<value>\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;
const TYPES = new Set(["counter", "gauge", "histogram"]);
const HISTOGRAM_SUFFIXES = ["_bucket", "_sum", "_count"];

export function parseExposition(text: string): Exposition {
  if (!text.endsWith("\n")) throw new Error("the last line has no line feed");
  const types = new Map<string, string>();
  const helps = new Set<string>();
  const finished = new Set<string>();
  const samples = new Map<string, Map<string, number>>();
  let current = "";
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [, kind = "", name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === "") {
      const { sample, labels, value } = readSample(line);
      if (familyOf(sample, types) !== current) throw new Error(`${sample} stands apart: ${line}`);
      const series = samples.get(sample) ?? new Map<string, number>();
      if (series.has(labels)) throw new Error(`twice: ${line}`);
      samples.set(sample, series.set(labels, value));
      continue;
    }
    if (!METRIC_NAME.test(name)) throw new Error(`no name: ${line}`);
    if (name !== current) {
      if (finished.has(name)) throw new Error(`${name} stands in two places`);
      finished.add(name);
      current = name;
    }
    if (kind === "HELP") {
      if (helps.has(name)) throw new Error(`a second HELP of ${name}`);
      helps.add(name);
    } else {
      if (types.has(name)) throw new Error(`a second TYPE of ${name}`);
      if (!TYPES.has(rest)) throw new Error(`no type: ${line}`);
      types.set(name, rest);
    }
  }
  checkNames(types, helps);
  for (const [name, type] of types) if (type === "histogram") checkHistogram(name, samples);
  return {
    types,
    series: (name) => samples.get(name) ?? new Map(),
    value: (name, labels = {}) => {
      const value = samples.get(name)?.get(labelText(Object.entries(labels)));
      if (value === undefined) throw new Error(`no series ${name} ${JSON.stringify(labels)}`);
      return value;
    },
  };
}

function readSample(line: string): { sample: string; labels: string; value: number } {
  const { name = "", labels = "", value = "" } = SAMPLE.exec(line)?.groups ?? {};
  const number = value === "+Inf" ? Infinity : Number(value);
  if (name === "" || value === "" || Number.isNaN(number)) throw new Error(`no sample: ${line}`);
  const pairs: [string, string][] = [];
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < labels.length) {
    const [, label = "", text = ""] = LABEL.exec(labels) ?? [];
    if (label === "") throw new Error(`no labels: ${line}`);
    pairs.push([label, text.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c))]);
  }
  return { sample: name, labels: labelText(pairs), value: number };
}

function labelText(pairs: readonly (readonly [string, string])[]): string {
  return JSON.stringify(pairs.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function familyOf(sample: string, types: ReadonlyMap<string, string>): string {
  for (const suffix of HISTOGRAM_SUFFIXES) {
    const family = sample.slice(0, -suffix.length);
    if (sample.endsWith(suffix) && types.get(family) === "histogram") return family;
  }
  return sample;
}

/** https://prometheus.io/docs/practices/naming/ */
function checkNames(types: ReadonlyMap<string, string>, helps: ReadonlySet<string>): void {
  for (const [name, type] of types) {
    if (!helps.has(name)) throw new Error(`${name} has no HELP`);
    if ((type === "counter") !== name.endsWith("_total")) throw new Error(`${name} is a ${type}`);
    if (/_(ms|milliseconds|kb|mb|minutes)(_|$)/.test(name)) throw new Error(`the unit of ${name}`);
  }
}

function checkHistogram(name: string, samples: ReadonlyMap<string, Map<string, number>>): void {
  const buckets = [...(samples.get(`${name}_bucket`) ?? [])].map(([labels, count]) => {
    const le = new Map<string, string>(JSON.parse(labels)).get("le") ?? "";
    return [le === "+Inf" ? Infinity : Number(le), count] as const;
  });
  const total = samples.get(`${name}_count`)?.get("[]");
  if (samples.get(`${name}_sum`)?.get("[]") === undefined) throw new Error(`${name} has no sum`);
  if (buckets.at(-1)?.[0] !== Infinity || buckets.at(-1)?.[1] !== total) {
    throw new Error(`${name}: the last bucket is not +Inf with the count`);
  }
  for (const [at, [le, count]] of buckets.entries()) {
    const [lower = -Infinity, fewer = 0] = buckets[at - 1] ?? [];
    if (Number.isNaN(le) || le <= lower || count < fewer) throw new Error(`${name}: bucket ${le}`);
  }
}
