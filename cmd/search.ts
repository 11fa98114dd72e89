import type { SearchHit, SearchResult } from "../core/search/mod.ts";
import { declareCommand } from "./cli/declare.ts";
import { openSearcher, SEARCHER_SETTINGS } from "./cli/open_searcher.ts";

const DEFAULT_LIMIT = 10;

export const command = declareCommand({
  name: "search",
  description: "Search an index, typos and half-typed words included",
  positionals: [
    {
      name: "words",
      description: "words, and selectors: type: id: name: labels.K: @ATTRIBUTE:, AND OR NOT",
      required: true,
      isRepeated: true,
    },
  ],
  settings: ["type", "control-plane", "limit", "explain", ...SEARCHER_SETTINGS],
  wording: {
    limit: `show so many (default: ${DEFAULT_LIMIT})`,
    index: "the index: its alias, a URL, or sqlite:FILE",
  },
  examples: [
    { description: "Typos are forgiven", command: "konn search paymnets" },
    { description: "Services only", command: "konn search orders api --type service" },
    {
      description: "The language of Konnect Search",
      command: "konn search 'type:route AND NOT labels.env:prod'",
    },
    {
      description: "An index of one's own",
      command: "konn search orders --index sqlite:konn.sqlite",
    },
  ],
  async run(invocation) {
    const { settings, positionals, terminal, interrupt } = invocation;
    const { PAGE_MAX_SIZE, parseQuery } = await import("../core/search/mod.ts");
    const query = parseQuery(positionals["words"] ?? "");
    const size = Math.min(settings.limit ?? DEFAULT_LIMIT, PAGE_MAX_SIZE);
    if (settings.limit !== undefined && settings.limit > PAGE_MAX_SIZE) {
      terminal.log.warn(`--limit is at most ${PAGE_MAX_SIZE}`);
    }
    await using searcher = await openSearcher(invocation);
    const request = {
      query,
      size,
      types: settings.type,
      controlPlanes: settings["control-plane"],
      explain: settings.explain,
    };
    // The first search reads the index; what follows says how fast it is.
    const startedMs = performance.now();
    const result = await searcher.search(request, interrupt.signal);
    const ms = performance.now() - startedMs;
    if (terminal.json || !process.stdout.isTTY) {
      terminal.result(JSON.stringify(resultJson(result, { text: query.text, searcher, ms })));
      return 0;
    }
    const { searchTable } = await import("./cli/search_table.ts");
    const { useColors } = await import("./cli/terminal.ts");
    const colors = useColors(settings["no-color"], process.stdout);
    terminal.result(searchTable(result, { colors, label: searcher.label, ms }));
    return 0;
  },
});

/** The result as scripts read it. The names are part of konn's interface. */
function resultJson(
  { hits, total, facets }: SearchResult,
  { text, searcher, ms }: { text: string; searcher: { label: string }; ms: number },
): object {
  return {
    query: text,
    index: searcher.label,
    total: total.count,
    total_is_exact: total.isExact,
    hits: hits.map(hitJson),
    facets: { types: facets.types, control_planes: facets.controlPlanes },
    seconds: Math.round(ms) / 1_000,
  };
}

function hitJson({ key, id, type, name, document, score, tier, ...hit }: SearchHit): object {
  return {
    key,
    id,
    type,
    name,
    control_plane: document.control_plane,
    match: hit.match,
    score: Math.round(score * 10) / 10,
    tier,
    highlights: hit.highlights,
    ...(hit.explanation && { explanation: hit.explanation }),
    document,
  };
}
