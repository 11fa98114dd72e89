import { nextCursor } from "../../search/page_cursor.ts";
import { byRank, type Scored, searchHits } from "../../search/ranked_hits.ts";
import { type ExpressionScorer, expressionScorer } from "../../search/score_expression.ts";
import type { FacetCount, SearchRequest, SearchResult } from "../../search/searcher.ts";
import { editsCost, TIERS } from "../../search/tiers.ts";
import { isSameType } from "../../search/type_names.ts";
import { type Effort, harderEfforts, isExact } from "./candidate_query.ts";
import { type AnswerCounts, byCount, type SearchAnswer } from "./search_answer.ts";
import { hasValues } from "./search_request.ts";

const FACET_MAX_COUNT = 100;

/** Hits that are worth more come before all that is found by a typo in a name. */
const NO_TYPO_SCORE = TIERS.name_typo;
/** What a name with two typos may be worth, with room for what is added within the tier. */
const TWO_TYPOS_SCORE = TIERS.name_typo - editsCost(2) + 10;

/** Compares candidates with the query: what OpenSearch thinks of them counts no more. */
export class AnswerRanker {
  readonly #request: SearchRequest;
  readonly #offset: number;
  readonly #scorer: ExpressionScorer;
  readonly #compared = new Set<string>();
  readonly #matching: Scored[] = [];
  #isComplete = true;
  /** Typos were not looked for, since the page is full without. */
  #isCutShort = false;

  constructor(request: SearchRequest, offset: number) {
    this.#request = request;
    this.#offset = offset;
    this.#scorer = expressionScorer(request.query.expression);
  }

  /** Takes the candidates of an answer that no earlier one held. */
  add({ entities, candidatesCount }: SearchAnswer): void {
    for (const entity of entities) {
      if (this.#compared.has(entity.key)) continue;
      this.#compared.add(entity.key);
      const ranking = this.#scorer.score(entity);
      if (ranking) this.#matching.push({ entity, ranking });
    }
    if (candidatesCount > entities.length) this.#isComplete = false;
  }

  /** Whether the page may be fuller once more is compared: without words, nothing tells what is near. */
  lacksHits(wantedCount: number): boolean {
    const hasHarder = harderEfforts(this.#request.query.expression).length > 0;
    return !hasHarder && !this.#isComplete && this.#hits().length < wantedCount;
  }

  /**
   * Whether looking so hard is idle: for typos, where the page is full of what is better; for two of
   * them, where something nearer was found.
   */
  isEnough(effort: Effort): boolean {
    const scores = this.#hits().map(({ ranking }) => ranking.score);
    if (effort === "far") return scores.some((score) => score > TWO_TYPOS_SCORE);
    const good = scores.filter((score) => score > NO_TYPO_SCORE);
    this.#isCutShort = good.length > this.#offset + this.#request.size;
    return this.#isCutShort;
  }

  /** @param sure counts of what is found without looking for typos */
  result(sure: AnswerCounts): SearchResult {
    const request = this.#request;
    const { expression } = request.query;
    const hits = this.#hits().toSorted(byRank);
    // Where all candidates were compared, what was counted here is right, and else at least so much.
    const isCounted = this.#isComplete || (sure.count < hits.length && !isExact(expression));
    const { types, controlPlanes } = isCounted ? facetsOf(this.#matching, request) : sure;
    return {
      hits: searchHits(hits.slice(this.#offset, this.#offset + request.size), request),
      total: {
        count: isCounted ? hits.length : sure.count,
        isExact: (this.#isComplete && !this.#isCutShort) || isExact(expression),
      },
      facets: { types, controlPlanes },
      next: nextCursor(request, { offset: this.#offset, foundCount: hits.length }),
    };
  }

  #hits(): Scored[] {
    return this.#matching.filter((scored) => {
      return isOfType(scored, this.#request) && isOfPlane(scored, this.#request);
    });
  }
}

function isOfType({ entity }: Scored, { types }: SearchRequest): boolean {
  return !hasValues(types) || types.some((type) => isSameType(entity.document.type, type));
}

function isOfPlane({ entity }: Scored, { controlPlanes }: SearchRequest): boolean {
  const { control_plane: own = "" } = entity.document;
  return !hasValues(controlPlanes) || controlPlanes.includes(own);
}

/** Each facet leaves its own filter out of account. */
function facetsOf(
  matching: readonly Scored[],
  request: SearchRequest,
): Pick<AnswerCounts, "types" | "controlPlanes"> {
  const ofPlanes = matching.filter((scored) => isOfPlane(scored, request));
  const ofTypes = matching.filter((scored) => isOfType(scored, request));
  return {
    types: counted(ofPlanes.map(({ entity }) => entity.document.type)),
    controlPlanes: counted(ofTypes.map(({ entity }) => entity.document.control_plane)),
  };
}

function counted(values: readonly (string | undefined)[]): readonly FacetCount[] {
  const counts = new Map<string, number>();
  for (const value of values) {
    if (value !== undefined && value !== "") counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return Array.from(counts, ([value, count]) => ({ value, count }))
    .toSorted(byCount)
    .slice(0, FACET_MAX_COUNT);
}
