import type { Database, Statement } from "bun:sqlite";
import { SearchableEntity } from "../../search/searchable_entity.ts";
import { Catalog } from "./catalog.ts";
import { decodeDelta } from "./catalog_delta.ts";
import { slotFilter } from "./slot_filter.ts";
import type { MatchExpression } from "./match_expression.ts";
import { Vocabulary } from "./vocabulary.ts";

/** Entities that stay prepared: some 20 MiB. */
const PREPARED_MAX_COUNT = 4_096;
/** Clusters whose names are looked up for the facet of control planes. */
const CLUSTERS_MAX_COUNT = 2_000;

interface EntityRow {
  readonly id: number;
  readonly key: string;
  readonly document: string;
}

/** What a searcher keeps of the live generation between two searches. */
export class LoadedGeneration {
  readonly number: number;
  readonly catalog = new Catalog();
  readonly vocabulary: Vocabulary;
  readonly #find: Statement<EntityRow, [string]>;
  readonly #match: Statement<{ ids: string }, [string, number]>;
  readonly #changes: Statement<{ id: number; delta: Uint8Array }, [number]>;
  readonly #prepared = new Map<number, SearchableEntity>();
  #lastChange = 0;
  #clusterNames: ReadonlyMap<string, string> | undefined;

  constructor(database: Database, number: number) {
    this.number = number;
    this.vocabulary = new Vocabulary(this.catalog.words);
    this.#find = database.query(
      `SELECT id, key, document FROM entity_${number} WHERE id IN (SELECT value FROM json_each(?))`,
    );
    // One text for thousands of rows costs less than as many objects.
    this.#match = database.query(
      `SELECT json_group_array(rowid) AS ids FROM (SELECT rowid FROM words_${number} WHERE words_${number} MATCH ? LIMIT ?)`,
    );
    this.#changes = database.query(
      `SELECT id, delta FROM catalog_${number} WHERE id > ? ORDER BY id`,
    );
  }

  /** Takes up what has been committed since the last time. */
  refresh(): void {
    for (const { id, delta } of this.#changes.iterate(this.#lastChange)) {
      this.catalog.apply(decodeDelta(delta));
      this.#lastChange = id;
      this.#clusterNames = undefined;
    }
    this.vocabulary.refresh();
  }

  /** The ids of entities that fulfil an expression, at most so many. */
  match(expression: MatchExpression, limit: number): readonly number[] {
    const ids: number[] = JSON.parse(this.#match.get(expression, limit)?.ids ?? "[]");
    return ids;
  }

  /** Entities by slot, prepared for comparison. What a slot stands for never changes. */
  entities(slots: readonly number[]): ReadonlyMap<number, SearchableEntity> {
    const found = new Map<number, SearchableEntity>();
    const missing: number[] = [];
    for (const slot of slots) {
      const known = this.#prepared.get(slot);
      if (known) found.set(slot, known);
      else missing.push(this.catalog.idOf(slot));
    }
    if (missing.length === 0) return found;
    for (const { id, key, document } of this.#find.all(JSON.stringify(missing))) {
      const slot = this.catalog.slotOf(id);
      if (slot === undefined) continue;
      const entity = new SearchableEntity(key, JSON.parse(document));
      found.set(slot, entity);
      this.#prepared.set(slot, entity);
    }
    for (const slot of this.#prepared.keys()) {
      if (this.#prepared.size <= PREPARED_MAX_COUNT) break;
      this.#prepared.delete(slot);
    }
    return found;
  }

  /** Names of control planes by their ids, as far as the index holds them. */
  clusterNames(): ReadonlyMap<string, string> {
    if (this.#clusterNames) return this.#clusterNames;
    const ofClusters = slotFilter(this.catalog, { types: ["cluster"] });
    const slots = this.catalog.shortest(ofClusters, CLUSTERS_MAX_COUNT);
    const names = new Map<string, string>();
    for (const { document } of this.entities(slots).values()) {
      if (document.name !== undefined) names.set(document.id, document.name);
    }
    this.#clusterNames = names;
    return names;
  }
}
