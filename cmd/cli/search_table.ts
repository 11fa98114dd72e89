import { formatCount } from "../../core/base/format.ts";
import { printable } from "../../core/base/printable.ts";
import type { Highlight, SearchHit, SearchResult } from "../../core/search/mod.ts";

export interface SearchTableOptions {
  readonly colors: boolean;
  /** What was searched, and for how long. */
  readonly label: string;
  readonly ms: number;
}

/** The widest that a name or a match is shown. */
const TEXT_MAX_COLUMNS = 48;
const BOLD = "\u001B[1;33m";
const DIM = "\u001B[90m";
const RESET = "\u001B[0m";

/** What `konn search` shows to a person. */
export function searchTable(result: SearchResult, options: SearchTableOptions): string {
  const { hits, total } = result;
  const { label, ms, colors } = options;
  if (hits.length === 0) return `Nothing found in ${label}.`;
  const rows = hits.map((hit) => rowOf(hit, colors));
  const head = ["TYPE", "NAME", "MATCH", "ID"].map((text) => ({ text, columns: text.length }));
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]?.columns ?? 0)),
  );
  const lines: string[] = [];
  for (const [index, row] of [head, ...rows].entries()) {
    const cells = row.map(({ text, columns }, column) => {
      return text + " ".repeat((widths[column] ?? 0) - columns);
    });
    lines.push(cells.join("  ").trimEnd());
    for (const reason of hits[index - 1]?.explanation ?? []) {
      lines.push(dim(`    ${printable(reason)}`, colors));
    }
  }
  const count = `${total.isExact ? "" : "at least "}${formatCount(total.count)}`;
  lines.push(dim(`${hits.length} of ${count} in ${label}, ${ms.toFixed(1)} ms`, colors));
  return lines.join("\n");
}

/** A cell: its text with colours, and how wide it is without them. */
interface Cell {
  readonly text: string;
  readonly columns: number;
}

function rowOf(hit: SearchHit, colors: boolean): readonly Cell[] {
  const ofName = hit.highlights.find(({ field, text }) => field === "name" && text === hit.name);
  const name = ofName ?? { field: "name", text: hit.name, ranges: [] };
  const isOther = ![hit.name, hit.id, hit.type, ""].includes(hit.match);
  const ofMatch = hit.highlights.find(({ text }) => text === hit.match);
  const match = isOther ? (ofMatch ?? { field: "", text: hit.match, ranges: [] }) : undefined;
  return [
    plain(hit.type),
    marked(name, colors),
    match ? marked(match, colors) : plain(""),
    plain(hit.id),
  ];
}

function plain(text: string): Cell {
  const shown = cut(printable(text));
  return { text: shown, columns: Bun.stringWidth(shown) };
}

/** The text with what was found in bold, on a terminal with colours; in brackets there is no room. */
function marked({ text, ranges }: Highlight, colors: boolean): Cell {
  const cell = plain(text);
  if (!colors || cell.text !== text) return cell;
  let shown = "";
  let last = 0;
  for (const [start, end] of ranges) {
    shown += `${text.slice(last, start)}${BOLD}${text.slice(start, end)}${RESET}`;
    last = end;
  }
  return { text: shown + text.slice(last), columns: cell.columns };
}

function cut(text: string): string {
  if (Bun.stringWidth(text) <= TEXT_MAX_COLUMNS) return text;
  return `${text.slice(0, TEXT_MAX_COLUMNS - 1)}…`;
}

function dim(text: string, colors: boolean): string {
  return colors ? `${DIM}${text}${RESET}` : text;
}
