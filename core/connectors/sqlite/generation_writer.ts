import type { Database, Statement } from "bun:sqlite";
import type { EntityDocument } from "../../search/searcher.ts";
import type { Mutation } from "../../indexing/mod.ts";
import {
  type CatalogDelta,
  type CatalogEntity,
  decodeDelta,
  encodeDelta,
  idHeadOf,
} from "./catalog_delta.ts";
import { mergeDeltas } from "./catalog_merge.ts";
import { indexedWords, isVocabularyWord } from "./indexed_words.ts";

/** So many deltas of one level become one of the next: a searcher reads few rows. */
const DELTAS_PER_LEVEL_COUNT = 32;
/** Above it a delta is large enough to stay. */
const LEVEL_MAX = 3;
/** Changes of the catalog that are kept in memory until they are written. */
const DELTA_MAX_COUNT = 5_000;
/** Words that are remembered. Those beyond are found, but their typos are not. */
const VOCABULARY_MAX_COUNT = 500_000;

/** What became of a mutation. */
export type Fate = "written" | "deleted" | "unchanged" | "already_applied";

interface StoredEntity {
  readonly id: number;
  readonly key: string;
  readonly version: number;
  readonly document: string;
}

/** Writes entities into one generation. Every call happens inside a transaction of the caller's. */
export class GenerationWriter {
  readonly #database: Database;
  readonly #number: number;
  readonly #find: Statement<StoredEntity, [bigint]>;
  readonly #insert: Statement<unknown, [number, bigint, string, bigint, string]>;
  readonly #insertWords: Statement<unknown, [number, string, string, string]>;
  readonly #remove: Statement<unknown, [number]>;
  readonly #removeWords: Statement<unknown, [number]>;
  readonly #vocabulary = new Set<string>();
  #nextId: number;
  #removed: number[] = [];
  #added: CatalogEntity[] = [];
  #words: string[] = [];

  constructor(database: Database, number: number) {
    this.#database = database;
    this.#number = number;
    this.#find = database.query(
      `SELECT id, key, version, document FROM entity_${number} WHERE key_hash = ?`,
    );
    this.#insert = database.query(
      `INSERT INTO entity_${number} (id, key_hash, key, version, document) VALUES (?, ?, ?, ?, ?)`,
    );
    this.#insertWords = database.query(
      `INSERT INTO words_${number} (rowid, name, rest, kind) VALUES (?, ?, ?, ?)`,
    );
    this.#remove = database.query(`DELETE FROM entity_${number} WHERE id = ?`);
    this.#removeWords = database.query(`DELETE FROM words_${number} WHERE rowid = ?`);
    const row = database
      .query<{ next_id: number }, [number]>("SELECT next_id FROM konn_generation WHERE number = ?")
      .get(number);
    this.#nextId = row?.next_id ?? 1;
    const deltas = database.query<{ delta: Uint8Array }, []>(
      `SELECT delta FROM catalog_${number} ORDER BY id`,
    );
    for (const { delta } of deltas.iterate()) {
      for (const word of decodeDelta(delta).words) this.#vocabulary.add(word);
    }
  }

  /** Makes what a message says so. Its words are found once {@link finish} has been called. */
  apply(mutation: Mutation): Fate {
    const fate = this.#apply(mutation);
    if (this.#added.length + this.#removed.length >= DELTA_MAX_COUNT) this.finish();
    return fate;
  }

  #apply({ key, version, document }: Mutation): Fate {
    const stored = this.#stored(key);
    if (stored && BigInt(stored.version) >= version) return "already_applied";
    if (!document) {
      if (stored) this.#take(stored.id);
      return "deleted";
    }
    const text = JSON.stringify(document);
    if (stored?.document === text) return "unchanged";
    if (stored) this.#take(stored.id);
    this.#put(key, version, document, text);
    return "written";
  }

  /** Writes what the transaction has changed in the catalog. To be called at its end. */
  finish(): void {
    if (this.#added.length === 0 && this.#removed.length === 0) return;
    const delta = { removed: this.#removed, added: this.#added, words: this.#words };
    this.#writeDelta(delta);
    this.#database
      .query("UPDATE konn_generation SET next_id = ? WHERE number = ?")
      .run(this.#nextId, this.#number);
    this.#removed = [];
    this.#added = [];
    this.#words = [];
  }

  #stored(key: string): StoredEntity | undefined {
    const rows = this.#find.all(hashOf(key));
    return rows.find((row) => row.key === key);
  }

  #take(id: number): void {
    this.#remove.run(id);
    this.#removeWords.run(id);
    this.#removed.push(id);
  }

  /** Ids only rise: the full-text table is fastest that way, and what is cached by an id stays true. */
  #put(key: string, version: bigint, document: EntityDocument, text: string): void {
    const id = this.#nextId;
    this.#nextId += 1;
    const { name, rest, kind, squeezedNames } = indexedWords(document);
    this.#insert.run(id, hashOf(key), key, version, text);
    this.#insertWords.run(id, name, rest, kind);
    this.#learn(name);
    this.#learn(rest);
    this.#added.push({
      id,
      type: document.type,
      controlPlane: document.control_plane ?? "",
      idHead: idHeadOf(document.id),
      names: squeezedNames,
    });
  }

  #learn(words: string): void {
    for (const word of words.split(" ")) {
      if (this.#vocabulary.has(word) || !isVocabularyWord(word)) continue;
      if (this.#vocabulary.size >= VOCABULARY_MAX_COUNT) return;
      this.#vocabulary.add(word);
      this.#words.push(word);
    }
  }

  #writeDelta(delta: CatalogDelta): void {
    const table = `catalog_${this.#number}`;
    const size = delta.added.length + delta.removed.length;
    const level = Math.min(
      LEVEL_MAX,
      Math.floor(Math.log(Math.max(1, size)) / Math.log(DELTAS_PER_LEVEL_COUNT)),
    );
    this.#database
      .query(`INSERT INTO ${table} (level, delta) VALUES (?, ?)`)
      .run(level, encodeDelta(delta));
    for (let full = level; full < LEVEL_MAX; full += 1) {
      if (!this.#mergeLevel(full)) break;
    }
  }

  /**
   * Makes one delta of all of a level and those below it that stand between. It keeps the highest
   * of their ids: a searcher that has seen some of them reads it as news, and finds nothing twice.
   */
  #mergeLevel(level: number): boolean {
    const table = `catalog_${this.#number}`;
    const rows = this.#database
      .query<{ id: number; delta: Uint8Array }, [number]>(
        `SELECT id, delta FROM ${table} WHERE level <= ? AND id > (SELECT coalesce(max(id), 0) FROM ${table} WHERE level > ?1) ORDER BY id`,
      )
      .all(level);
    const last = rows.at(-1);
    if (rows.length < DELTAS_PER_LEVEL_COUNT || !last) return false;
    const merged = mergeDeltas(rows.map(({ delta }) => decodeDelta(delta)));
    this.#database
      .query(`DELETE FROM ${table} WHERE id BETWEEN ? AND ?`)
      .run(rows[0]?.id ?? last.id, last.id);
    this.#database
      .query(`INSERT INTO ${table} (id, level, delta) VALUES (?, ?, ?)`)
      .run(last.id, level + 1, merged);
    return true;
  }
}

/** 63 bits of a hash of the key: SQLite's integers have a sign. */
export function hashOf(key: string): bigint {
  return Bun.hash.wyhash(key) >> 1n;
}
