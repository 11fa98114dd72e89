import { nextCursor, pageOffset } from "../../search/page_cursor.ts";
import type { Expression } from "../../search/query.ts";
import { byRank, isEverything, type Scored, searchHits } from "../../search/ranked_hits.ts";
import { type ExpressionScorer, expressionScorer } from "../../search/score_expression.ts";
import type { SearchRequest, SearchResult } from "../../search/searcher.ts";
import { CandidateFinder, type Effort } from "./candidates.ts";
import { countAll, countMatching } from "./facets.ts";
import type { LoadedGeneration } from "./loaded_generation.ts";
import { type Filters, hasValues, slotFilter } from "./slot_filter.ts";

/** Entities of one search that are compared with the query, beyond those of the pages before. */
const SCORED_MAX_COUNT = 300;

/** What is compared between two looks at the clock. */
const SCORED_STEP_MAX_COUNT = 8_192;

/** Half of the time after which a server gives up. */
const SEARCH_MAX_MS = 1_000;

const EFFORTS: readonly Effort[] = ["strict", "fuzzy", "letters", "inside"];

/**
 * Searches what is loaded. Nothing can interrupt it from outside, so it looks at the clock itself:
 * once `isLate` says so it answers with what it has found, and says that there may be more.
 */
export function runSearch(
  loaded: LoadedGeneration,
  request: SearchRequest,
  isLate: () => boolean = lateAfter(SEARCH_MAX_MS),
): SearchResult {
  const offset = pageOffset(request);
  const wantedCount = offset + request.size + 1;
  const { expression } = request.query;
  return isEverything(expression)
    ? everything(loaded, request, { offset, wantedCount })
    : matching(loaded, request, { offset, wantedCount, isLate });
}

function lateAfter(maxMs: number): () => boolean {
  const endMs = performance.now() + maxMs;
  return () => performance.now() > endMs;
}

interface Window {
  readonly offset: number;
  /** One more than the page needs, which tells whether there is a next one. */
  readonly wantedCount: number;
}

/** Nothing was asked for: what there is, by the length of its name. */
function everything(
  loaded: LoadedGeneration,
  request: SearchRequest,
  { offset, wantedCount }: Window,
): SearchResult {
  const { catalog } = loaded;
  const slots = catalog.shortest(slotFilter(catalog, request), wantedCount);
  const scores = new Map<number, Scored | undefined>();
  score(loaded, { slots, scorer: expressionScorer(undefined), scores, maxCount: wantedCount });
  const { total, facets } = countAll(loaded, request);
  const hits = hitsOf(scores);
  return {
    hits: searchHits(hits.slice(offset, offset + request.size), request),
    total: { count: total, isExact: true },
    facets,
    next: nextCursor(request, { offset, foundCount: hits.length }),
  };
}

function matching(
  loaded: LoadedGeneration,
  request: SearchRequest,
  { offset, wantedCount, isLate }: Window & { readonly isLate: () => boolean },
): SearchResult {
  const { expression } = request.query;
  const scorer = expressionScorer(expression);
  const scores = new Map<number, Scored | undefined>();
  const ranker = finderOf(loaded, request, isLate);
  const isNarrowed = hasValues(request.types) || hasValues(request.controlPlanes);
  const counter = isNarrowed ? finderOf(loaded, { fence: request.fence }, isLate) : ranker;
  let hits: Scored[] = [];
  let isCut = false;
  for (const effort of effortsFor(expression)) {
    ranker.find(expression, effort);
    if (isNarrowed) counter.find(expression, effort);
    let maxCount = SCORED_MAX_COUNT + wantedCount;
    let comparedCount: number;
    do {
      comparedCount = scores.size;
      score(loaded, { slots: ranker.found(), scorer, scores, maxCount });
      hits = hitsOf(scores);
      isCut = isLate();
      maxCount = Math.min(2 * maxCount, SCORED_STEP_MAX_COUNT);
      // Conditions that only a comparison decides may have left out all that came first.
    } while (
      !hasWords(expression) &&
      !isCut &&
      hits.length < wantedCount &&
      scores.size > comparedCount
    );
    if (isCut || hits.length >= wantedCount || hits[0]?.ranking.tier === "exact_id") break;
  }
  let uncomparedCount = 0;
  function* counted(): Generator<number> {
    for (const slot of counter.found()) {
      const isCompared = scores.has(slot);
      if (!isCompared) uncomparedCount += 1;
      // What was found by its words alone is taken for a match.
      if (!isCompared || scores.get(slot) !== undefined) yield slot;
    }
  }
  const { total, facets } = countMatching(loaded, counted(), request);
  const isCertain = expression?.kind === "words" || uncomparedCount === 0;
  return {
    hits: searchHits(hits.slice(offset, offset + request.size), request),
    total: { count: total, isExact: counter.isComplete && isCertain && !isCut },
    facets,
    next: nextCursor(request, { offset, foundCount: hits.length }),
  };
}

function finderOf(
  loaded: LoadedGeneration,
  filters: Filters,
  isLate: () => boolean,
): CandidateFinder {
  return new CandidateFinder(loaded, slotFilter(loaded.catalog, filters), isLate);
}

/** Without plain words there is nothing to be fuzzy about. */
function effortsFor(expression: Expression | undefined): readonly Effort[] {
  return hasWords(expression) ? EFFORTS : ["strict"];
}

function hasWords(expression: Expression | undefined): boolean {
  if (expression === undefined) return false;
  if ("parts" in expression) return expression.parts.some(hasWords);
  return expression.kind === "words";
}

interface Scoring {
  readonly slots: Iterable<number>;
  readonly scorer: ExpressionScorer;
  /** By slot; undefined for what does not match. */
  readonly scores: Map<number, Scored | undefined>;
  readonly maxCount: number;
}

function score(loaded: LoadedGeneration, { slots, scorer, scores, maxCount }: Scoring): void {
  const fresh: number[] = [];
  for (const slot of slots) {
    if (fresh.length >= maxCount) break;
    if (!scores.has(slot)) fresh.push(slot);
  }
  const entities = loaded.entities(fresh);
  for (const slot of fresh) {
    const entity = entities.get(slot);
    const ranking = entity && scorer.score(entity);
    scores.set(slot, entity && ranking && { entity, ranking });
  }
}

function hitsOf(scores: ReadonlyMap<number, Scored | undefined>): Scored[] {
  const hits: Scored[] = [];
  for (const scored of scores.values()) if (scored) hits.push(scored);
  return hits.toSorted(byRank);
}
