import { Database, SQLiteError } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KonnError } from "../base/errors.ts";
import type { Lane } from "../connector/mod.ts";

/**
 * What the topic says of each row: `live` with a document, `deleted`, or `unknown` when its value
 * was never sent.
 */
export type RowState = "live" | "deleted" | "unknown";

export interface ExpectedRow {
  readonly state: RowState;
  /** Where the change that says so stands. */
  readonly lane: Lane;
  /** Of the change that says so. */
  readonly version: bigint;
  /** Of the document's content, for live rows. */
  readonly contentHash: bigint;
}

/** How a document of the index differs from what the topic says. */
export type DifferenceKind = "missing" | "stale" | "extra";

/** A difference, or a document of which the topic can no longer say whether it is one. */
export type FindingKind = DifferenceKind | "unverifiable";

/** What the index held under a key when it was looked at. */
export interface SeenDocument {
  readonly version: bigint;
  /** Undefined where readers see nothing: no document, or a tombstone. */
  readonly contentHash: bigint | undefined;
  /** Nothing is to be written in its place. */
  readonly isKept?: boolean;
}

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
 * millions. Throws `SCRATCH_UNWRITABLE` where the disk for temporary files fails.
 */
export class ExpectedRows implements Disposable {
  readonly #folder: string;
  readonly #database: Database;
  readonly #lanes: Lane[] = [];
  readonly #laneNumbers = new Map<Lane, bigint>();
  #largestChars = 0;

  constructor() {
    try {
      this.#folder = mkdtempSync(join(tmpdir(), "konn-verify-"));
    } catch (cause) {
      throw scratchError(cause);
    }
    try {
      this.#database = openScratch(join(this.#folder, "rows.sqlite"));
      // Without a name the file ends with this process, also where that is killed. Windows does not
      // let go of an open file: there it goes when this is disposed.
      if (process.platform !== "win32") rmSync(this.#folder, { recursive: true });
    } catch (cause) {
      rmSync(this.#folder, { recursive: true, force: true });
      throw scratchError(cause);
    }
  }

  /** Runs many changes as one transaction. */
  together(changes: () => void): void {
    try {
      this.#database.transaction(changes)();
    } catch (error) {
      throw error instanceof SQLiteError ? scratchError(error) : error;
    }
  }

  find(key: string): ExpectedRow | undefined {
    const row = this.#stored(key);
    const state = STATES[Number(row?.state ?? STATES.length)];
    if (!row || !state) return undefined;
    const lane = this.#lanes[Number(row.lane)] ?? "";
    return { state, lane, version: row.version, contentHash: row.hash };
  }

  /** Sets what a row is now. In two lanes the higher version wins, as it does in the index. */
  put(key: string, { state, lane, version, contentHash }: ExpectedRow): void {
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

  /** Of a document that the index may hold, now or from before. */
  noteSize(chars: number): void {
    this.#largestChars = Math.max(this.#largestChars, chars);
  }

  /** The size of the largest such document, in UTF-16 units. */
  get largestChars(): number {
    return this.#largestChars;
  }

  /** The index holds something under this key. */
  markSeen(key: string): void {
    this.#database.query("UPDATE row SET is_seen = 1 WHERE key = ?").run(key);
  }

  addFinding(key: string, kind: FindingKind, seen: SeenDocument): void {
    const { version, contentHash, isKept = false } = seen;
    this.#database
      .query("INSERT OR REPLACE INTO finding VALUES (?, ?, ?, ?, ?)")
      .run(key, kind, version, contentHash ?? null, isKept ? 1n : 0n);
  }

  /** Live rows that the index holds nothing of are missing from it. */
  addUnseenAsMissing(): void {
    this.together(() =>
      this.#database.run(
        "INSERT INTO finding SELECT key, 'missing', 0, NULL, 0 FROM row WHERE state = 0 AND is_seen = 0",
      ),
    );
  }

  /**
   * A change that came after the fold: where the index held just what it makes of the row, a sync
   * has written it. Else the difference stands, but the fold knows no more what to repair it with.
   *
   * @param contentHash of the document that the change makes, undefined for a delete
   */
  explain(key: string, contentHash: bigint | undefined): void {
    const { changes } = this.#database
      .query("DELETE FROM finding WHERE key = ? AND seen_hash IS ?")
      .run(key, contentHash ?? null);
    if (changes > 0) return;
    const { state, contentHash: expected } = this.find(key) ?? {};
    const isSame =
      contentHash === undefined
        ? state === "deleted"
        : state === "live" && expected === contentHash;
    this.#database.query("UPDATE finding SET is_kept = ? WHERE key = ?").run(isSame ? 0n : 1n, key);
  }

  /** A change that came after the fold says that nobody can know what the row is. */
  dropFinding(key: string): void {
    this.#database.query("DELETE FROM finding WHERE key = ?").run(key);
  }

  /** A document of a lane, or of a row that no lane has, with a version that may be too high. */
  addAhead(key: string, lane: Lane | undefined, version: bigint): void {
    this.#database
      .query("INSERT OR REPLACE INTO ahead VALUES (?, ?, ?)")
      .run(key, lane === undefined ? -1n : this.#laneNumber(lane), version);
  }

  /** How many of these reach the version that the next change of their lane will have. */
  countAhead(nextVersion: (lane: Lane | undefined) => bigint): number {
    const lanes: [bigint, Lane | undefined][] = this.#lanes.map((lane, at) => [BigInt(at), lane]);
    return [[-1n, undefined] as const, ...lanes].reduce((sum, [number, lane]) => {
      const query = "SELECT count(*) AS n FROM ahead WHERE lane = ? AND version >= ?";
      return sum + this.#count(query, number, nextVersion(lane));
    }, 0);
  }

  countFindings(kind: FindingKind): number {
    return this.#count("SELECT count(*) AS n FROM finding WHERE kind = ?", kind);
  }

  countState(state: RowState): number {
    const query = "SELECT count(*) AS n FROM row WHERE state = ?";
    return this.#count(query, BigInt(STATES.indexOf(state)));
  }

  countInTwoLanes(): number {
    return this.#count("SELECT count(*) AS n FROM two_lanes");
  }

  /** The first keys of a kind, in order. */
  firstKeys(kind: FindingKind, limit: number): readonly string[] {
    return this.#keys("SELECT key FROM finding WHERE kind = ? ORDER BY key LIMIT ?", [kind, limit]);
  }

  firstUnknownKeys(limit: number): readonly string[] {
    return this.#keys("SELECT key FROM row WHERE state = 2 ORDER BY key LIMIT ?", [limit]);
  }

  firstKeysInTwoLanes(limit: number): readonly string[] {
    return this.#keys("SELECT key FROM two_lanes ORDER BY key LIMIT ?", [limit]);
  }

  /** How many differences a repair can put right by what the fold has found. */
  countRepairable(): number {
    return this.#count(`SELECT count(*) AS n FROM finding WHERE ${REPAIRABLE}`);
  }

  /** These differences. */
  *repairable(): Iterable<Difference> {
    const query = this.#database.query<
      { key: string; kind: DifferenceKind; index_version: bigint },
      []
    >(`SELECT key, kind, index_version FROM finding WHERE ${REPAIRABLE} ORDER BY key`);
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

  #laneNumber(lane: Lane): bigint {
    let number = this.#laneNumbers.get(lane);
    if (number === undefined) {
      number = BigInt(this.#lanes.push(lane) - 1);
      this.#laneNumbers.set(lane, number);
    }
    return number;
  }
}

/** What the topic cannot speak of any more is nobody's to repair, nor what has changed meanwhile. */
const REPAIRABLE = "kind IN ('missing', 'stale', 'extra') AND is_kept = 0";

function openScratch(path: string): Database {
  const database = new Database(path, { safeIntegers: true });
  for (const statement of [
    // A journal in memory takes half the time of one on disk; bun:sqlite leaves OFF unheeded.
    "PRAGMA journal_mode = MEMORY",
    "PRAGMA synchronous = OFF",
    "PRAGMA temp_store = MEMORY",
    `PRAGMA cache_size = -${CACHE_KIB}`,
    `CREATE TABLE row (key TEXT PRIMARY KEY, lane INTEGER, state INTEGER, version INTEGER,
      hash INTEGER, is_seen INTEGER DEFAULT 0) WITHOUT ROWID`,
    `CREATE TABLE finding (key TEXT PRIMARY KEY, kind TEXT, index_version INTEGER,
      seen_hash INTEGER, is_kept INTEGER) WITHOUT ROWID`,
    "CREATE TABLE ahead (key TEXT PRIMARY KEY, lane INTEGER, version INTEGER) WITHOUT ROWID",
    "CREATE TABLE two_lanes (key TEXT PRIMARY KEY) WITHOUT ROWID",
  ]) {
    database.run(statement);
  }
  return database;
}

function scratchError(cause: unknown): KonnError {
  return new KonnError(`Cannot keep the rows to compare in ${tmpdir()}: it cannot be written`, {
    code: "SCRATCH_UNWRITABLE",
    cause,
    hint: "Free some space there, or name another folder with the variable TMPDIR.",
  });
}
