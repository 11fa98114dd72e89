import type { Database, Statement } from "bun:sqlite";
import type { Mutation } from "../../indexing/mod.ts";
import { SegmentBuilder } from "./segment_builder.ts";
import { decodeSegment } from "./segment_layout.ts";
import { mergeSegments } from "./segment_merge.ts";
import { isVocabularyWord } from "./vocabulary_word.ts";

/** So many segments of one level become one of the next: a searcher reads few rows. */
const SEGMENTS_PER_LEVEL_COUNT = 32;
/** Above it a segment is large enough to stay. */
const LEVEL_MAX = 3;
/** Changes that are kept in memory until they are written as a segment. */
const CHANGES_MAX_COUNT = 8_192;
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
  readonly #findHashes: Statement<StoredEntity, [string]>;
  readonly #insert: Statement<unknown, [number, bigint, string, bigint, string]>;
  readonly #remove: Statement<unknown, [number]>;
  readonly #vocabulary = new Set<string>();
  #nextId: number;
  /** The newest row of the catalog that this writer knows of. */
  #lastSegment: number;
  #removed: number[] = [];
  #added = new SegmentBuilder();

  constructor(database: Database, number: number) {
    this.#database = database;
    this.#number = number;
    // One query for thousands of keys costs a fraction of as many.
    this.#findHashes = database.query(
      `SELECT id, key, version, document FROM entity_${number} WHERE key_hash IN (SELECT value FROM json_each(?))`,
    );
    this.#insert = database.query(
      `INSERT INTO entity_${number} (id, key_hash, key, version, document) VALUES (?, ?, ?, ?, ?)`,
    );
    this.#remove = database.query(`DELETE FROM entity_${number} WHERE id = ?`);
    this.#nextId = this.#stored().nextId;
    this.#lastSegment = this.#stored().lastSegment;
    for (const word of storedWords(database, { number, after: 0 })) this.#vocabulary.add(word);
  }

  /** Whether the generation is as this writer has left it. To be asked before it writes. */
  get isOwn(): boolean {
    const { nextId, lastSegment } = this.#stored();
    return nextId === this.#nextId && lastSegment === this.#lastSegment;
  }

  /**
   * Makes what messages say so, each of another key, and counts what became of them. Their words are
   * found once {@link finish} has been called.
   */
  apply(mutations: readonly Mutation[]): Record<Fate, number> {
    const fates = { written: 0, deleted: 0, unchanged: 0, already_applied: 0 };
    const hashes = mutations.map(({ key }) => hashOf(key));
    const stored = this.#find(hashes);
    for (const [index, mutation] of mutations.entries()) {
      fates[this.#apply(mutation, hashes[index] ?? 0n, stored.get(mutation.key))] += 1;
      if (this.#added.count + this.#removed.length >= CHANGES_MAX_COUNT) this.finish();
    }
    return fates;
  }

  #apply(
    { key, version, document }: Mutation,
    hash: bigint,
    stored: StoredEntity | undefined,
  ): Fate {
    if (stored && BigInt(stored.version) >= version) return "already_applied";
    if (!document) {
      if (stored) this.#take(stored.id);
      return "deleted";
    }
    const text = JSON.stringify(document);
    if (stored?.document === text) return "unchanged";
    if (stored) this.#take(stored.id);
    // Ids only rise: rows are fastest written that way, and what is cached by an id stays true.
    const id = this.#nextId;
    this.#nextId += 1;
    this.#insert.run(id, hash, key, version, text);
    this.#added.add(id, document);
    return "written";
  }

  /** Writes what the transaction has changed in the catalog. To be called at its end. */
  finish(): void {
    const [added, removed] = [this.#added, this.#removed];
    if (added.count === 0 && removed.length === 0) return;
    this.#added = new SegmentBuilder();
    this.#removed = [];
    const words = this.#learn(added.words());
    this.#writeSegment({
      level: levelOf(added.count + removed.length),
      words,
      segment: added.encode(removed),
    });
    this.#mergeLevels();
    this.#database
      .query("UPDATE konn_generation SET next_id = ? WHERE number = ?")
      .run(this.#nextId, this.#number);
    this.#lastSegment = this.#stored().lastSegment;
  }

  #stored(): { readonly nextId: number; readonly lastSegment: number } {
    const row = this.#database
      .query<{ nextId: number; lastSegment: number }, [number]>(
        `SELECT next_id AS nextId, (SELECT coalesce(max(id), 0) FROM catalog_${this.#number}) AS lastSegment
         FROM konn_generation WHERE number = ?`,
      )
      .get(this.#number);
    return row ?? { nextId: 1, lastSegment: 0 };
  }

  #find(hashes: readonly bigint[]): ReadonlyMap<string, StoredEntity> {
    const rows = this.#findHashes.all(`[${hashes.join()}]`);
    return new Map(rows.map((row) => [row.key, row]));
  }

  #take(id: number): void {
    this.#remove.run(id);
    this.#removed.push(id);
  }

  /** Those that belong into the vocabulary and are not in it yet. */
  #learn(words: Iterable<string>): string[] {
    const fresh: string[] = [];
    for (const word of words) {
      if (this.#vocabulary.size >= VOCABULARY_MAX_COUNT) break;
      if (this.#vocabulary.has(word) || !isVocabularyWord(word)) continue;
      this.#vocabulary.add(word);
      fresh.push(word);
    }
    return fresh;
  }

  #writeSegment({ level, words, segment }: StoredSegment): void {
    this.#database
      .query(`INSERT INTO catalog_${this.#number} (level, words, segment) VALUES (?, ?, ?)`)
      .run(level, words.join(" "), segment);
  }

  /** Makes one segment of those of a level, and of lower ones between, once they are many. */
  #mergeLevels(): void {
    for (let level = 0; level < LEVEL_MAX; level += 1) {
      const rows = this.#trailing(level);
      const [first, last] = [rows[0], rows.at(-1)];
      if (rows.length < SEGMENTS_PER_LEVEL_COUNT || !first || !last) continue;
      const segment = mergeSegments(rows.map((row) => decodeSegment(row.segment)));
      this.#database
        .query(`DELETE FROM catalog_${this.#number} WHERE id BETWEEN ? AND ?`)
        .run(first.id, last.id);
      const words = rows.flatMap((row) => (row.words === "" ? [] : [row.words]));
      this.#writeSegment({ level: level + 1, words, segment });
    }
  }

  /**
   * The segments of a level and below it behind the last one that is above it, where enough of them are
   * of that very level: others would rise before they are large.
   */
  #trailing(level: number): readonly SegmentRow[] {
    const table = `catalog_${this.#number}`;
    const behind = `level <= ?1 AND id > (SELECT coalesce(max(id), 0) FROM ${table} WHERE level > ?1)`;
    const count = this.#database
      .query<{ count: number }, [number]>(
        `SELECT count(*) AS count FROM ${table} WHERE level = ?1 AND ${behind}`,
      )
      .get(level)?.count;
    if (count === undefined || count < SEGMENTS_PER_LEVEL_COUNT) return [];
    return this.#database
      .query<SegmentRow, [number]>(
        `SELECT id, words, segment FROM ${table} WHERE ${behind} ORDER BY id`,
      )
      .all(level);
  }
}

interface StoredSegment {
  readonly level: number;
  readonly words: readonly string[];
  readonly segment: Uint8Array;
}

interface SegmentRow {
  readonly id: number;
  /** Words of the vocabulary that came with it, with spaces between. */
  readonly words: string;
  readonly segment: Uint8Array;
}

function levelOf(changesCount: number): number {
  const level = Math.log(changesCount) / Math.log(SEGMENTS_PER_LEVEL_COUNT);
  return Math.min(LEVEL_MAX, Math.floor(level));
}

/** Words of the vocabulary that came with segments behind this row. */
export function* storedWords(
  database: Database,
  { number, after }: { readonly number: number; readonly after: number },
): Generator<string> {
  const rows = database.query<{ words: string }, [number]>(
    `SELECT words FROM catalog_${number} WHERE id > ? AND words <> '' ORDER BY id`,
  );
  for (const { words } of rows.iterate(after)) yield* words.split(" ");
}

/** 63 bits of a hash of the key: SQLite's integers have a sign. */
export function hashOf(key: string): bigint {
  return Bun.hash.wyhash(key) >> 1n;
}
