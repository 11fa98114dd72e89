import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * What the topic says of each row: `live` with a document, `deleted`, or `unknown` when its value
 * was never sent.
 */
export type RowState = "live" | "deleted" | "unknown";

export interface ExpectedRow {
  readonly state: RowState;
  /** Of the change that says so. */
  readonly version: bigint;
  /** Of the document's content, for live rows. */
  readonly contentHash: bigint;
}

/** How a document of the index differs from what the topic says. */
export type DifferenceKind = "missing" | "stale" | "extra";

export interface Difference {
  readonly key: string;
  readonly kind: DifferenceKind;
  /** What the index holds under the key: 0 where it holds nothing. */
  readonly indexVersion: bigint;
  readonly expected: ExpectedRow | undefined;
}

const STATES = ["live", "deleted", "unknown"] as const;
const CACHE_KIB = 32 * 1024;

interface StoredRow {
  readonly lane: bigint;
  readonly state: bigint;
  readonly version: bigint;
  readonly hash: bigint;
}

/**
 * The rows that a topic tells of and their differences from an index, on disk, since there may be
 * millions. The file is removed when this is disposed.
 */
export class ExpectedRows implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "konn-verify-"));
  readonly #database = new Database(join(this.#folder, "rows.sqlite"), { safeIntegers: true });
  readonly #lanes = new Map<string, bigint>();

  constructor() {
    for (const statement of [
      "PRAGMA journal_mode = OFF",
      "PRAGMA synchronous = OFF",
      `PRAGMA cache_size = -${CACHE_KIB}`,
      `CREATE TABLE row (key TEXT PRIMARY KEY, lane INTEGER, state INTEGER, version INTEGER,
        hash INTEGER, is_seen INTEGER DEFAULT 0) WITHOUT ROWID`,
      "CREATE TABLE difference (key TEXT PRIMARY KEY, kind TEXT, index_version INTEGER) WITHOUT ROWID",
      "CREATE TABLE two_lanes (key TEXT PRIMARY KEY) WITHOUT ROWID",
    ]) {
      this.#database.run(statement);
    }
  }

  /** Runs many changes as one transaction. */
  together(changes: () => void): void {
    this.#database.transaction(changes)();
  }

  find(key: string): ExpectedRow | undefined {
    const row = this.#stored(key);
    const state = STATES[Number(row?.state ?? STATES.length)];
    return row && state ? { state, version: row.version, contentHash: row.hash } : undefined;
  }

  /** Sets what a row is now. In two lanes the higher version wins, as it does in the index. */
  put(key: string, lane: string, { state, version, contentHash }: ExpectedRow): void {
    const laneNumber = this.#laneNumber(lane);
    const before = this.#stored(key);
    if (before && before.lane !== laneNumber) {
      this.#database.query("INSERT OR IGNORE INTO two_lanes VALUES (?)").run(key);
    }
    if (before && before.version > version) return;
    this.#database
      .query("INSERT OR REPLACE INTO row (key, lane, state, version, hash) VALUES (?, ?, ?, ?, ?)")
      .run(key, laneNumber, BigInt(STATES.indexOf(state)), version, contentHash);
  }

  /** The index holds something under this key. */
  markSeen(key: string): void {
    this.#database.query("UPDATE row SET is_seen = 1 WHERE key = ?").run(key);
  }

  addDifference(key: string, kind: DifferenceKind, indexVersion: bigint): void {
    this.#database
      .query("INSERT OR REPLACE INTO difference VALUES (?, ?, ?)")
      .run(key, kind, indexVersion);
  }

  /** Live rows that the index holds nothing of are missing from it. */
  addUnseenAsMissing(): void {
    this.#database.run(
      "INSERT INTO difference SELECT key, 'missing', 0 FROM row WHERE state = 0 AND is_seen = 0",
    );
  }

  /** A change that came meanwhile: whatever differs may be its work. */
  dropDifference(key: string): void {
    this.#database.query("DELETE FROM difference WHERE key = ?").run(key);
  }

  countDifferences(kind: DifferenceKind): number {
    return this.#count("SELECT count(*) AS n FROM difference WHERE kind = ?", kind);
  }

  countState(state: RowState): number {
    const query = "SELECT count(*) AS n FROM row WHERE state = ?";
    return this.#count(query, BigInt(STATES.indexOf(state)));
  }

  countInTwoLanes(): number {
    return this.#count("SELECT count(*) AS n FROM two_lanes");
  }

  /** The first keys of a kind, in order. */
  firstKeys(kind: DifferenceKind, limit: number): readonly string[] {
    return this.#keys("SELECT key FROM difference WHERE kind = ? ORDER BY key LIMIT ?", [
      kind,
      limit,
    ]);
  }

  firstUnknownKeys(limit: number): readonly string[] {
    return this.#keys("SELECT key FROM row WHERE state = 2 ORDER BY key LIMIT ?", [limit]);
  }

  firstKeysInTwoLanes(limit: number): readonly string[] {
    return this.#keys("SELECT key FROM two_lanes ORDER BY key LIMIT ?", [limit]);
  }

  /** All differences, for a repair. */
  *differences(): Iterable<Difference> {
    const query = this.#database.query<
      { key: string; kind: DifferenceKind; index_version: bigint },
      []
    >("SELECT key, kind, index_version FROM difference ORDER BY key");
    for (const { key, kind, index_version: indexVersion } of query.iterate()) {
      yield { key, kind, indexVersion, expected: this.find(key) };
    }
  }

  [Symbol.dispose](): void {
    this.#database.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #stored(key: string): StoredRow | null {
    return this.#database
      .query<StoredRow, [string]>("SELECT lane, state, version, hash FROM row WHERE key = ?")
      .get(key);
  }

  #count(query: string, ...parameters: (string | bigint)[]): number {
    return Number(
      this.#database.query<{ n: bigint }, (string | bigint)[]>(query).get(...parameters)?.n,
    );
  }

  #keys(query: string, parameters: (string | number)[]): readonly string[] {
    return this.#database
      .query<{ key: string }, (string | number)[]>(query)
      .all(...parameters)
      .map(({ key }) => key);
  }

  #laneNumber(lane: string): bigint {
    const number = this.#lanes.get(lane) ?? BigInt(this.#lanes.size);
    this.#lanes.set(lane, number);
    return number;
  }
}
