import type { Database, Statement } from "bun:sqlite";
import { SearchableEntity } from "../../search/searchable_entity.ts";
import { Catalog } from "./catalog.ts";
import { storedWords } from "./generation_writer.ts";
import { slotFilter } from "./slot_filter.ts";
import { Vocabulary } from "./vocabulary.ts";

/** Entities that stay prepared, for the next letter of the same word: some 5 MiB. */
const PREPARED_MAX_COUNT = 1_024;
/** What preparing an entity and comparing it leaves to collect. */
const GARBAGE_PER_ENTITY_BYTES = 8_192;
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
  readonly vocabulary = new Vocabulary();
  readonly #database: Database;
  readonly #find: Statement<EntityRow, [string]>;
  readonly #segments: Statement<{ id: number }, []>;
  readonly #segment: Statement<{ segment: Uint8Array }, [number]>;
  /** By id: what an id stands for never changes. */
  readonly #prepared = new Map<number, SearchableEntity>();
  #lastSegment = 0;
  #garbageBytes = 0;
  #clusterNames: ReadonlyMap<string, string> | undefined;

  constructor(database: Database, number: number) {
    this.number = number;
    this.#database = database;
    this.#find = database.query(
      `SELECT id, key, document FROM entity_${number} WHERE id IN (SELECT value FROM json_each(?))`,
    );
    this.#segments = database.query(`SELECT id FROM catalog_${number} ORDER BY id`);
    this.#segment = database.query(`SELECT segment FROM catalog_${number} WHERE id = ?`);
  }

  /** Takes up what has been committed since the last time. */
  refresh(): void {
    const ids = this.#segments.all().map(({ id }) => id);
    const hasChanged = this.catalog.refresh(ids, (id) => this.#read(id));
    if (!hasChanged) return;
    this.#clusterNames = undefined;
    const after = this.#lastSegment;
    this.vocabulary.add(storedWords(this.#database, { number: this.number, after }));
    this.#lastSegment = ids.at(-1) ?? after;
  }

  #read(id: number): Uint8Array {
    const row = this.#segment.get(id);
    if (row) return row.segment;
    throw new Error(`Cannot read part ${id} of the catalog: it is gone`);
  }

  /** Entities by slot, prepared for comparison. */
  entities(slots: readonly number[]): ReadonlyMap<number, SearchableEntity> {
    const found = new Map<number, SearchableEntity>();
    const missing = new Map<number, number>();
    for (const slot of slots) {
      const id = this.catalog.idOf(slot);
      const known = this.#prepared.get(id);
      if (known) found.set(slot, known);
      else missing.set(id, slot);
    }
    if (missing.size === 0) return found;
    for (const { id, key, document } of this.#find.all(JSON.stringify([...missing.keys()]))) {
      const entity = new SearchableEntity(key, JSON.parse(document));
      found.set(missing.get(id) ?? 0, entity);
      this.#prepared.set(id, entity);
    }
    this.#garbageBytes += missing.size * GARBAGE_PER_ENTITY_BYTES;
    for (const id of this.#prepared.keys()) {
      if (this.#prepared.size <= PREPARED_MAX_COUNT) break;
      this.#prepared.delete(id);
    }
    return found;
  }

  /** What searches have left to collect since this was asked last, in bytes. */
  takeGarbage(): number {
    const bytes = this.#garbageBytes;
    this.#garbageBytes = 0;
    return bytes;
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
