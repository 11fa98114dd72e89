import type { EntityDocument } from "../konnect/entity_document.ts";
import { explanationOf } from "./explanation.ts";
import { Highlighter } from "./highlight.ts";
import type { Expression } from "./query.ts";
import type { Ranking } from "./score_words.ts";
import type { SearchableEntity } from "./searchable_entity.ts";
import type { IndexedEntity, SearchHit, SearchRequest } from "./searcher.ts";

/** An entity that was compared with a query, and matches. */
export interface Scored {
  readonly entity: SearchableEntity;
  readonly ranking: Ranking;
}

/** The better match first, then the shorter name, then the key. */
export function byRank(a: Scored, b: Scored): number {
  return (
    b.ranking.score - a.ranking.score ||
    nameOf(a.entity).length - nameOf(b.entity).length ||
    (a.entity.key < b.entity.key ? -1 : 1)
  );
}

/** What was ranked, as callers get it. */
export function searchHits(
  page: readonly Scored[],
  { query, explain }: Pick<SearchRequest, "query" | "explain">,
): SearchHit[] {
  const highlighter = new Highlighter(query.expression);
  return page.map(({ entity, ranking }) => {
    const { score: points, tier, match } = ranking;
    const hit: SearchHit = {
      ...indexedEntity(entity.key, entity.document),
      score: points,
      tier,
      match,
      highlights: highlighter.highlights(entity, ranking),
    };
    return explain === true ? Object.assign(hit, { explanation: explanationOf(ranking) }) : hit;
  });
}

/** An entity as callers get it. */
export function indexedEntity(key: string, document: EntityDocument): IndexedEntity {
  const { id, type, name } = document;
  return { key, id, type, name: name ?? id, document };
}

/** An empty query, or a wildcard by itself. */
export function isEverything(expression: Expression | undefined): boolean {
  if (expression === undefined) return true;
  if (expression.kind !== "term" || expression.field.name !== "any") return false;
  return expression.pattern.text === "";
}

function nameOf({ document }: SearchableEntity): string {
  return document.name ?? document.id;
}
