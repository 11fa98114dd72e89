import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type HealthServer, startHealthServer } from "../../core/serve/health_server.ts";
import { parseExposition } from "../serve/exposition.ts";

const DOCS = join(import.meta.dir, "..", "..", "docs");
const METRIC = /\b(?:konn|process)_[a-z_]+\b/g;
/** Labels that Prometheus adds to what it reads. */
const LABELS_OF_PROMETHEUS = ["instance", "job", "le"];

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly action: string };
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
}

function read(path: string): string {
  return readFileSync(join(DOCS, path), "utf8");
}

/** All that a run tells: of events, and for a run of a file. */
async function exposed(): Promise<{ names: Set<string>; labels: Set<string> }> {
  const names = new Set<string>();
  const labels = new Set<string>();
  for (const unit of ["events", "bytes"] as const) {
    await using server = startHealthServer({
      hostname: "127.0.0.1",
      port: 0,
      maxLagMs: 1_000,
      unit,
    });
    watchARun(server);
    const text = await (await fetch(`${server.url}/metrics`)).text();
    for (const [name, type] of parseExposition(text).types) {
      names.add(name);
      if (type !== "histogram") continue;
      for (const part of ["bucket", "sum", "count"]) names.add(`${name}_${part}`);
    }
    for (const [, label = ""] of text.matchAll(/[{,]([a-z_]+)="/g)) labels.add(label);
  }
  return { names, labels };
}

/** Something of everything, so that each label has a value. */
function watchARun({ meter }: HealthServer): void {
  meter.began({ isFollowing: true });
  meter.read(3);
  meter.settled({ written: 1, deleted: 1, skipped: { unchanged: 1 } });
  meter.refused("KEY_EMPTY");
  meter.retried(1);
  meter.wrote({ documentsCount: 1, bytes: 1, seconds: 1 });
}

const { names, labels } = await exposed();

describe("docs/monitoring", () => {
  const rules = (
    Bun.YAML.parse(read("monitoring/alerts.yaml")) as { groups: { rules: Rule[] }[] }
  ).groups.flatMap((group) => group.rules);
  const dashboard: { panels: Panel[] } = JSON.parse(read("monitoring/dashboard.json"));
  const targets = dashboard.panels.flatMap((panel) => panel.targets);

  test("names only metrics that konn tells", () => {
    const texts = [...rules.map(({ expr }) => expr), ...targets.map(({ expr }) => expr)];
    const used = new Set(texts.flatMap((text) => text.match(METRIC) ?? []));
    expect([...used].filter((name) => !names.has(name))).toEqual([]);
    expect(used.size).toBeGreaterThan(10);
  });

  test("names only labels that they have", () => {
    const texts = [
      ...rules.flatMap(({ annotations }) => annotations.summary),
      ...targets.map(({ legendFormat }) => legendFormat),
    ];
    const inText = texts.flatMap((text) =>
      [...text.matchAll(/\{\{ ?(?:\$labels\.)?([a-z_]+) ?\}\}/g)].map(([, name = ""]) => name),
    );
    const inQueries = targets.flatMap(({ expr }) =>
      [...expr.matchAll(/by \(([a-z_, ]+)\)/g)].flatMap(([, by = ""]) => by.split(", ")),
    );
    const known = new Set([...labels, ...LABELS_OF_PROMETHEUS]);
    expect([...inText, ...inQueries].filter((name) => !known.has(name))).toEqual([]);
  });

  test("has whole rules, and panels that do not lie on each other", () => {
    for (const { alert, expr, annotations, labels: marks } of rules) {
      const texts = [alert, expr, marks.severity, annotations.summary, annotations.action];
      expect(texts.filter((text) => typeof text !== "string" || text === "")).toEqual([]);
    }
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });

  test("every metric has a row in docs/operations.md, and every row a metric", () => {
    const rows = read("operations.md")
      .split("\n")
      .filter((line) => /^\| `(?:konn|process)_/.test(line));
    const told = rows.flatMap((row) => row.match(METRIC) ?? []);
    const families = [...names].filter((name) => !/_(bucket|sum|count)$/.test(name));
    const ours = families.filter((name) => name.startsWith("konn_"));
    expect(ours.filter((name) => !told.includes(name))).toEqual([]);
    expect(told.filter((name) => !names.has(name))).toEqual([]);
  });
});
