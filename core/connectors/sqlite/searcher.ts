import type { Database, Statement } from "bun:sqlite";
import { resolve } from "node:path";
import { KonnError } from "../../base/errors.ts";
import type { EntityDocument } from "../../search/searcher.ts";
import { explanationOf } from "../../search/explanation.ts";
import { Highlighter } from "../../search/highlight.ts";
import { nextCursor, pageOffset } from "../../search/page_cursor.ts";
import { type ExpressionScorer, expressionScorer } from "../../search/score_expression.ts";
import type { Ranking } from "../../search/score_words.ts";
import { SearchableEntity } from "../../search/searchable_entity.ts";
import {
  type FacetCount,
  type IndexedEntity,
  PAGE_MAX_SIZE,
  type Searcher,
  type SearchHit,
  type SearchRequest,
  type SearchResult,
} from "../../search/searcher.ts";
import type { Expression } from "../../search/query.ts";
import { isSameType } from "../../search/type_names.ts";
import { CandidateFinder, type Effort, typeCondition } from "./candidates.ts";
import { Catalog, type SlotFilter } from "./catalog.ts";
import { decodeDelta } from "./catalog_delta.ts";
import { hashOf } from "./generation_writer.ts";
import { generationsOf, guarded, openForReading } from "./index_file.ts";
import { controlPlaneMark } from "./indexed_words.ts";
import { allOf, anyWord, type MatchExpression } from "./match_expression.ts";
import { Vocabulary } from "./vocabulary.ts";

export interface SqliteSearcherOptions {
  readonly path: string;
}

/** Entities of one search that are compared with the query, beyond those of the pages before. */
const SCORED_MAX_COUNT = 300;
/** Entities that stay prepared: some 30 MiB. */
const PREPARED_MAX_COUNT = 8_192;
/** Control planes that a facet lists. */
const FACET_MAX_COUNT = 100;
/** Clusters whose names are looked up for the facet of control planes. */
const CLUSTERS_MAX_COUNT = 2_000;

const EFFORTS: readonly Effort[] = ["strict", "fuzzy", "inside"];

/**
 * Searches an index file. What a sink commits is found by the next search: the searcher takes up
 * what has changed since the last one, and never sees half of a transaction.
 *
 * Errors: `INDEX_NOT_FOUND`, `INDEX_NOT_OURS`, `INDEX_FORMAT_UNKNOWN`, `INDEX_BUSY`,
 * `INDEX_FILE_UNUSABLE`.
 */
export function createSqliteSearcher(options: SqliteSearcherOptions): Searcher {
  return new SqliteSearcher(options);
}

/** What is kept of the live generation between two searches. */
interface Loaded {
  readonly number: number;
  readonly catalog: Catalog;
  readonly vocabulary: Vocabulary;
  readonly find: Statement<EntityRow, [string]>;
  readonly findKey: Statement<EntityRow, [bigint, string]>;
  readonly match: Statement<{ rowid: number }, [string, number]>;
  readonly changes: Statement<{ id: number; delta: Uint8Array }, [number]>;
  readonly prepared: Map<number, SearchableEntity>;
  lastChange: number;
  clusterNames: ReadonlyMap<string, string> | undefined;
}

interface EntityRow {
  readonly id: number;
  readonly key: string;
  readonly document: string;
}

interface Scored {
  readonly slot: number;
  readonly entity: SearchableEntity;
  readonly ranking: Ranking;
}

class SqliteSearcher implements Searcher {
  readonly label: string;
  readonly #path: string;
  #database: Database | undefined;
  #loaded: Loaded | undefined;
  #dataVersion = -1;

  constructor({ path }: SqliteSearcherOptions) {
    this.#path = path;
    this.label = `sqlite:${path}`;
  }

  search(request: SearchRequest, signal?: AbortSignal): Promise<SearchResult> {
    return this.#read(signal, (loaded) => searchLoaded(loaded, request));
  }

  get(key: string, signal?: AbortSignal): Promise<IndexedEntity | undefined> {
    return this.#read(signal, ({ findKey }) => {
      const row = findKey.get(hashOf(key), key);
      return row ? indexedEntity(key, JSON.parse(row.document)) : undefined;
    });
  }

  byIds(ids: readonly string[], signal?: AbortSignal): Promise<readonly IndexedEntity[]> {
    return this.#read(signal, (loaded) => {
      const wanted = new Set(ids.slice(0, PAGE_MAX_SIZE));
      const slots = [...wanted].flatMap((id) => loaded.catalog.withIdHead(id, NO_FILTER));
      return [...entitiesOf(loaded, slots).values()]
        .filter(({ document }) => wanted.has(document.id))
        .map(({ key, document }) => indexedEntity(key, document));
    });
  }

  types(signal?: AbortSignal): Promise<readonly FacetCount[]> {
    return this.#read(signal, ({ catalog }) => {
      const slots = catalog.all(NO_FILTER);
      return countsOf(slots, (slot) => catalog.typeOf(slot), catalog.typeNames.names);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const database = this.#database;
    this.#database = undefined;
    this.#loaded = undefined;
    database?.close();
  }

  /** Runs inside one transaction, so that the catalog and the tables are of the same moment. */
  #read<Result>(
    signal: AbortSignal | undefined,
    action: (loaded: Loaded) => Result,
  ): Promise<Result> {
    return Promise.try(() => {
      signal?.throwIfAborted();
      return guarded(this.#path, "search", () => {
        const database = this.#open();
        return database.transaction(() => action(this.#refresh(database))).deferred();
      });
    });
  }

  #open(): Database {
    this.#database ??= openForReading(resolve(this.#path));
    if (this.#database) return this.#database;
    throw notFound(this.#path);
  }

  #refresh(database: Database): Loaded {
    const row = database.query<{ data_version: number }, []>("PRAGMA data_version").get();
    const dataVersion = row?.data_version ?? 0;
    if (this.#loaded && dataVersion === this.#dataVersion) return this.#loaded;
    const live = generationsOf(database).find(({ isLive }) => isLive);
    if (!live) throw notFound(this.#path);
    if (this.#loaded?.number !== live.number) this.#loaded = emptyLoaded(database, live.number);
    takeChanges(this.#loaded);
    this.#dataVersion = dataVersion;
    return this.#loaded;
  }
}

const NO_FILTER: SlotFilter = { types: undefined, controlPlanes: undefined };

function emptyLoaded(database: Database, number: number): Loaded {
  const catalog = new Catalog();
  return {
    number,
    catalog,
    vocabulary: new Vocabulary(catalog.words),
    find: database.query(
      `SELECT id, key, document FROM entity_${number} WHERE id IN (SELECT value FROM json_each(?))`,
    ),
    findKey: database.query(
      `SELECT id, key, document FROM entity_${number} WHERE key_hash = ? AND key = ?`,
    ),
    match: database.query(
      `SELECT rowid FROM words_${number} WHERE words_${number} MATCH ? LIMIT ?`,
    ),
    changes: database.query(`SELECT id, delta FROM catalog_${number} WHERE id > ? ORDER BY id`),
    prepared: new Map(),
    lastChange: 0,
    clusterNames: undefined,
  };
}

function takeChanges(loaded: Loaded): void {
  for (const { id, delta } of loaded.changes.iterate(loaded.lastChange)) {
    loaded.catalog.apply(decodeDelta(delta));
    loaded.lastChange = id;
    loaded.clusterNames = undefined;
  }
  loaded.vocabulary.refresh();
}

function searchLoaded(loaded: Loaded, request: SearchRequest): SearchResult {
  const offset = pageOffset(request);
  const { expression } = request.query;
  const wantedCount = offset + request.size + 1;
  const { catalog } = loaded;
  const fence = filterOf(catalog, { controlPlanes: request.fence });
  const wanted = filterOf(catalog, request);
  const isNarrowed = hasValues(request.types) || hasValues(request.controlPlanes);
  const scorer = expressionScorer(expression);
  const scores = new Map<number, Scored | undefined>();
  const ranker = finderOf(loaded, wanted, conditionOf(request));
  const counter = isNarrowed
    ? finderOf(loaded, fence, conditionOf({ fence: request.fence }))
    : ranker;
  let hits: Scored[] = [];
  for (const effort of effortsFor(expression)) {
    ranker.find(expression, effort);
    if (isNarrowed) counter.find(expression, effort);
    score(loaded, {
      slots: ranker.found.slots,
      scorer,
      scores,
      maxCount: SCORED_MAX_COUNT + wantedCount,
    });
    hits = [...scores.values()].filter((scored) => scored !== undefined).toSorted(byRank);
    if (hits.length >= wantedCount || hits[0]?.ranking.tier === "exact_id") break;
  }
  const isMatch = (slot: number): boolean => !scores.has(slot) || scores.get(slot) !== undefined;
  const counted = [...counter.found.slots].filter(isMatch);
  const page = hits.slice(offset, offset + request.size);
  const total = counted.filter((slot) => catalog.passes(slot, wanted)).length;
  return {
    hits: hitsOf(page, request),
    total: {
      count: total,
      isExact: counter.found.isComplete && isCertain(expression, counted.length, scores.size),
    },
    facets: facetsOf(loaded, counted, request),
    next: nextCursor(request, { offset, foundCount: hits.length }),
  };
}

/** Candidates that were not compared match where they were found by words, else perhaps not. */
function isCertain(
  expression: Expression | undefined,
  count: number,
  scoredCount: number,
): boolean {
  return expression === undefined || expression.kind === "words" || scoredCount >= count;
}

function finderOf(
  { catalog, vocabulary, match }: Loaded,
  filter: SlotFilter,
  condition: MatchExpression | undefined,
): CandidateFinder {
  const sources = {
    catalog,
    vocabulary,
    match: (expression: MatchExpression, limit: number) =>
      match.values(expression, limit).map(([id]) => Number(id)),
  };
  return new CandidateFinder(sources, { filter, condition });
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

function score(
  loaded: Loaded,
  {
    slots,
    scorer,
    scores,
    maxCount,
  }: {
    slots: ReadonlySet<number>;
    scorer: ExpressionScorer;
    scores: Map<number, Scored | undefined>;
    maxCount: number;
  },
): void {
  const fresh: number[] = [];
  for (const slot of slots) {
    if (fresh.length >= maxCount) break;
    if (!scores.has(slot)) fresh.push(slot);
  }
  const entities = entitiesOf(loaded, fresh);
  for (const slot of fresh) {
    const entity = entities.get(slot);
    const ranking = entity && scorer.score(entity);
    scores.set(slot, entity && ranking && { slot, entity, ranking });
  }
}

/** Entities by slot, prepared for comparison. What an id stands for never changes. */
function entitiesOf(
  { catalog, find, prepared }: Loaded,
  slots: readonly number[],
): ReadonlyMap<number, SearchableEntity> {
  const found = new Map<number, SearchableEntity>();
  const missing: number[] = [];
  for (const slot of slots) {
    const known = prepared.get(slot);
    if (known) found.set(slot, known);
    else missing.push(catalog.idOf(slot));
  }
  if (missing.length > 0) {
    for (const { id, key, document } of find.all(JSON.stringify(missing))) {
      const slot = catalog.slotOf(id);
      if (slot === undefined) continue;
      const entity = new SearchableEntity(key, JSON.parse(document));
      found.set(slot, entity);
      prepared.set(slot, entity);
    }
    for (const slot of prepared.keys()) {
      if (prepared.size <= PREPARED_MAX_COUNT) break;
      prepared.delete(slot);
    }
  }
  return found;
}

/** The better match first, then the shorter name, then the key. */
function byRank(a: Scored, b: Scored): number {
  return (
    b.ranking.score - a.ranking.score ||
    nameOf(a.entity).length - nameOf(b.entity).length ||
    (a.entity.key < b.entity.key ? -1 : 1)
  );
}

function hitsOf(page: readonly Scored[], { query, explain }: SearchRequest): SearchHit[] {
  const highlighter = new Highlighter(query.expression);
  return page.map(({ entity, ranking }) => ({
    ...indexedEntity(entity.key, entity.document),
    score: ranking.score,
    tier: ranking.tier,
    match: ranking.match,
    highlights: highlighter.highlights(entity, ranking),
    ...(explain === true && { explanation: explanationOf(ranking) }),
  }));
}

function indexedEntity(key: string, document: EntityDocument): IndexedEntity {
  const { id, type, name } = document;
  return { key, id, type, name: name ?? id, document };
}

function nameOf({ document }: SearchableEntity): string {
  return document.name ?? document.id;
}

function facetsOf(loaded: Loaded, counted: readonly number[], request: SearchRequest) {
  const { catalog } = loaded;
  const ofTypes = filterOf(catalog, { ...request, types: undefined });
  const ofPlanes = filterOf(catalog, { ...request, controlPlanes: undefined });
  const types = countsOf(
    counted.filter((slot) => catalog.passes(slot, ofTypes)),
    (slot) => catalog.typeOf(slot),
    catalog.typeNames.names,
  );
  const controlPlanes = countsOf(
    counted.filter((slot) => catalog.passes(slot, ofPlanes)),
    (slot) => catalog.controlPlaneOf(slot),
    catalog.controlPlaneNames.names,
  ).filter(({ value }) => value !== "");
  const names = clusterNames(loaded);
  return {
    types,
    controlPlanes: controlPlanes.map((facet): FacetCount => {
      const name = names.get(facet.value);
      return name === undefined ? facet : Object.assign(facet, { name });
    }),
  };
}

function countsOf(
  slots: readonly number[],
  numberOf: (slot: number) => number,
  names: readonly string[],
): FacetCount[] {
  const counts = new Map<number, number>();
  for (const slot of slots) counts.set(numberOf(slot), (counts.get(numberOf(slot)) ?? 0) + 1);
  return [...counts]
    .map(([number, count]) => ({ value: names[number] ?? "", count }))
    .toSorted((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
    .slice(0, FACET_MAX_COUNT);
}

/** Names of control planes by their ids. */
function clusterNames(loaded: Loaded): ReadonlyMap<string, string> {
  if (loaded.clusterNames) return loaded.clusterNames;
  const slots = loaded.catalog.all(filterOf(loaded.catalog, { types: ["cluster"] }));
  const entities = entitiesOf(loaded, slots.slice(0, CLUSTERS_MAX_COUNT));
  const names = [...entities.values()].flatMap(({ document: { id, name } }) => {
    return name === undefined ? [] : [[id, name] as const];
  });
  loaded.clusterNames = new Map(names);
  return loaded.clusterNames;
}

type Filters = Partial<Pick<SearchRequest, "types" | "controlPlanes" | "fence">>;

function filterOf(catalog: Catalog, { types, controlPlanes, fence }: Filters): SlotFilter {
  return {
    types: marksOf(catalog.typeNames.names, types, isSameType),
    controlPlanes: bothOf(
      marksOf(catalog.controlPlaneNames.names, controlPlanes, isSame),
      marksOf(catalog.controlPlaneNames.names, fence, isSame),
    ),
  };
}

/** 1 for each name that is one of those asked for; undefined where all are. */
function marksOf(
  names: readonly string[],
  asked: readonly string[] | undefined,
  isMeant: (name: string, asked: string) => boolean,
): Uint8Array | undefined {
  if (!hasValues(asked)) return undefined;
  return Uint8Array.from(names, (name) => (asked.some((other) => isMeant(name, other)) ? 1 : 0));
}

function bothOf(a: Uint8Array | undefined, b: Uint8Array | undefined): Uint8Array | undefined {
  return a && b ? a.map((mark, index) => mark & (b[index] ?? 0)) : (a ?? b);
}

function isSame(a: string, b: string): boolean {
  return a === b;
}

function conditionOf({ types, controlPlanes, fence }: Filters): MatchExpression | undefined {
  return allOf([
    hasValues(types) ? typeCondition(types) : undefined,
    planeCondition(controlPlanes),
    planeCondition(fence),
  ]);
}

function planeCondition(planes: readonly string[] | undefined): MatchExpression | undefined {
  return hasValues(planes) ? anyWord(planes.map(controlPlaneMark), undefined, ["kind"]) : undefined;
}

function hasValues(list: readonly string[] | undefined): list is readonly string[] {
  return list !== undefined && list.length > 0;
}

function notFound(path: string): KonnError {
  return new KonnError(`Cannot search ${path}: there is no index`, {
    code: "INDEX_NOT_FOUND",
    mayPass: true,
    hint: `Make it: konn pipe --from stream.jsonl --to sqlite:${path}`,
  });
}
