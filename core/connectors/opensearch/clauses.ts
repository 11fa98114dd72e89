/**
 * A query of OpenSearch's own JSON. Text of a search gets into it only as the value of a `term`, a
 * `prefix`, a `fuzzy` or a `match`: none of them knows operators.
 */
export type Clause = Readonly<Record<string, unknown>>;

export const EVERYTHING: Clause = { match_all: {} };
export const NOTHING: Clause = { match_none: {} };

/** Longer values are not looked for: an automaton of one would cost more than it finds. */
const VALUE_MAX_LENGTH = 256;
const FUZZY_MAX_LENGTH = 64;
/** Words that one typo may stand for. Each is a clause, of which a query has at most 1,024. */
const FUZZY_TERMS_MAX_COUNT = 25;
/** What all trigrams of a value add. */
const TRIGRAMS_POINTS = 40;

/** One of these values, as they stand in the index. */
export function terms(field: string, values: readonly string[]): Clause {
  const cut = values.filter((value) => value !== "").map(short);
  return cut.length === 0 ? NOTHING : { terms: { [field]: [...new Set(cut)] } };
}

export function beginsWith(field: string, value: string): Clause {
  return value === "" ? NOTHING : { prefix: { [field]: { value: short(value) } } };
}

/** Whatever its case. */
export function idBeginsWith(field: string, value: string): Clause {
  return { prefix: { [field]: { value: short(value), case_insensitive: true } } };
}

/** At most so many letters put in, left out, changed or swapped, the first one too. */
export function near(field: string, value: string, editsMax: number): Clause {
  if (value === "" || editsMax === 0) return NOTHING;
  const fuzziness = Math.min(editsMax, 2);
  // Not rewritten to a constant score: then each segment would build the automaton anew.
  const expansions = { max_expansions: FUZZY_TERMS_MAX_COUNT };
  return {
    fuzzy: { [field]: { value: value.slice(0, FUZZY_MAX_LENGTH), fuzziness, ...expansions } },
  };
}

/** So many of the value's trigrams; the share of them that is there is the score. */
export function sharesTrigrams(field: string, value: string, minCount: number): Clause {
  const boost = TRIGRAMS_POINTS / Math.max(1, trigramsCount(value));
  return { match: { [field]: { query: short(value), minimum_should_match: minCount, boost } } };
}

/** All of the value's trigrams, which is nearly to hold the value. Nothing has those of two letters. */
export function holdsLetters(field: string, value: string): Clause {
  const count = trigramsCount(value);
  return count === 0 ? NOTHING : sharesTrigrams(field, value, count);
}

/** Different trigrams of a value that is looked for, in characters as OpenSearch counts them. */
export function trigramsCount(value: string): number {
  const letters = Array.from(short(value));
  const grams = letters.slice(2).map((_, at) => letters.slice(at, at + 3).join(""));
  return new Set(grams).size;
}

/** All of them, the scores added. */
export function allOf(clauses: readonly (Clause | undefined)[]): Clause {
  const some = clauses.filter((clause) => clause !== undefined && clause !== EVERYTHING);
  const [first] = some;
  if (some.length <= 1) return first ?? EVERYTHING;
  return some.includes(NOTHING) ? NOTHING : { bool: { must: some } };
}

/** Any of them, the best score. */
export function anyOf(clauses: readonly Clause[]): Clause {
  const some = clauses.filter((clause) => clause !== NOTHING);
  const [first] = some;
  if (some.length <= 1) return first ?? NOTHING;
  return { dis_max: { queries: some } };
}

/** At least so many of them. */
export function someOf(clauses: readonly Clause[], minCount: number): Clause {
  if (clauses.length === 0) return NOTHING;
  return { bool: { should: clauses, minimum_should_match: minCount } };
}

/** That it is so, and nothing of how well. */
export function worth(boost: number, clause: Clause): Clause {
  return clause === NOTHING ? NOTHING : { constant_score: { filter: clause, boost } };
}

/** What is so, ordered within by its own score above a base. */
export function above(base: number, clause: Clause): Clause {
  if (clause === NOTHING) return NOTHING;
  return { bool: { must: [clause], should: [worth(base, EVERYTHING)] } };
}

/** What is so, if the condition holds too. */
export function where(clause: Clause, condition: Clause): Clause {
  if (clause === NOTHING || condition === NOTHING) return NOTHING;
  return { bool: { must: [clause], filter: [condition] } };
}

export function not(clause: Clause): Clause {
  return { bool: { must_not: [clause] } };
}

function short(value: string): string {
  return value.slice(0, VALUE_MAX_LENGTH);
}
