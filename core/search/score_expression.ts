import { TermScorer } from "./match_term.ts";
import type { Expression } from "./query.ts";
import { type Ranking, WordsScorer } from "./score_words.ts";
import type { SearchableEntity } from "./searchable_entity.ts";
import { TIERS } from "./tiers.ts";
import { wordsQuery } from "./words_query.ts";

/** Compares entities with what a query asks for. One for each query, since it remembers words. */
export interface ExpressionScorer {
  /** How well an entity matches, or undefined where it does not. */
  score(entity: SearchableEntity): Ranking | undefined;
}

/** Everything matches, and nothing better than anything else. */
const EVERYTHING: Ranking = { score: 0, tier: "filter", field: "name", match: "", edits: 0 };

/** Prepares an expression for being compared with many entities. Undefined: everything matches. */
export function expressionScorer(expression: Expression | undefined): ExpressionScorer {
  return { score: expression === undefined ? () => EVERYTHING : scorerOf(expression, false) };
}

type Scorer = (entity: SearchableEntity) => Ranking | undefined;

/** Within a `NOT` a match has to be certain: a typo takes nothing away. */
function scorerOf(expression: Expression, isStrict: boolean): Scorer {
  if (expression.kind === "words") {
    const words = new WordsScorer(wordsQuery(expression.text));
    return (entity) => (isStrict ? certain(words.score(entity)) : words.score(entity));
  }
  if (expression.kind === "term") {
    const term = new TermScorer(expression);
    return (entity) => term.score(entity, isStrict);
  }
  if (expression.kind === "not") {
    const part = scorerOf(expression.part, true);
    return (entity) => (part(entity) ? undefined : EVERYTHING);
  }
  const parts = expression.parts.map((part) => scorerOf(part, isStrict));
  return expression.kind === "all"
    ? (entity) => all(parts, entity)
    : (entity) => any(parts, entity);
}

function all(parts: readonly Scorer[], entity: SearchableEntity): Ranking | undefined {
  let best: Ranking | undefined;
  for (const part of parts) {
    const found = part(entity);
    if (!found) return undefined;
    if (!best || found.score > best.score) best = found;
  }
  return best;
}

function any(parts: readonly Scorer[], entity: SearchableEntity): Ranking | undefined {
  let best: Ranking | undefined;
  for (const part of parts) {
    const found = part(entity);
    if (found && (!best || found.score > best.score)) best = found;
  }
  return best;
}

function certain(ranking: Ranking | undefined): Ranking | undefined {
  return ranking && ranking.edits === 0 && ranking.score > TIERS.inside_word + 50
    ? ranking
    : undefined;
}
