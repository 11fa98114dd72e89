import { Database } from "bun:sqlite";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { KonnError, messageOf } from "../../base/errors.ts";

/** "konn" in ASCII: what a file of konn's says of itself in its header. */
const APPLICATION_ID = 0x6b6f6e6e;
/** The format of the file. A newer one is refused. */
const FILE_FORMAT = 2;
/** How long a writer waits for another one. */
const BUSY_TIMEOUT_MS = 5_000;
const WRITER_CACHE_KIB = 32_768;
/** What a search reads is spread over the file: beyond the inner pages a cache saves little. */
const READER_CACHE_KIB = 8_192;
/** Pages of the log that are written before it is folded back into the file: some 64 MiB. */
const WAL_PAGES = 16_384;

/** What the file says of the generation that is searched, or of one that is being built. */
export interface Generation {
  readonly number: number;
  readonly uuid: string;
  readonly isLive: boolean;
  /** Of the stream that it was made from, as JSON. */
  readonly source: string;
  /** Changes below this place in PostgreSQL's log are of rows that a truncate removed. */
  readonly truncatedAtLsn: number | undefined;
}

/** The one form in which an index file is named. */
export function indexFileAddress(path: string): string {
  return `sqlite:${resolve(path)}`;
}

/** Opens an index file to write to it, and makes it where it is missing. */
export function openForWriting(path: string): Database {
  return guarded(path, "write to", () => {
    mkdirSync(dirname(resolve(path)), { recursive: true });
    const database = new Database(path, { create: true, readwrite: true });
    try {
      prepareForWriting(database, path);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** Opens an index file to search it. Undefined where there is none. */
export function openForReading(path: string): Database | undefined {
  if (!isFilled(path)) return undefined;
  return guarded(path, "search", () => {
    // A reader of a write-ahead log takes part in its locks, and so it has to open for writing.
    const database = new Database(path, { readwrite: true });
    try {
      refuseForeign(database, { path, verb: "search" });
      database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
      database.run(`PRAGMA cache_size = -${READER_CACHE_KIB}`);
      database.run("PRAGMA query_only = 1");
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** Whether there is a file at all: an empty one is what an interrupted creation leaves. */
export function isFilled(path: string): boolean {
  return existsSync(path) && statSync(path).size > 0;
}

/** The generations in the file, the live one first. */
export function generationsOf(database: Database): readonly Generation[] {
  const rows = database
    .query<GenerationRow, []>(
      "SELECT number, uuid, is_live, source, truncated_at_lsn FROM konn_generation ORDER BY is_live DESC, number DESC",
    )
    .all();
  return rows.map(({ number, uuid, is_live, source, truncated_at_lsn }) => ({
    number,
    uuid,
    isLive: is_live === 1,
    source,
    truncatedAtLsn: truncated_at_lsn ?? undefined,
  }));
}

interface GenerationRow {
  readonly number: number;
  readonly uuid: string;
  readonly is_live: number;
  readonly source: string;
  readonly truncated_at_lsn: number | null;
}

/**
 * Makes the tables of a generation. Its number is part of their names, so that a generation that is
 * built beside the live one is swapped in, and dropped, as a whole.
 */
export function createGeneration(
  database: Database,
  { uuid, isLive, source, truncatedAtLsn }: Omit<Generation, "number">,
): Generation {
  const row = database
    .query<{ number: number }, [string, number, string, number | null]>(
      "INSERT INTO konn_generation (uuid, is_live, source, truncated_at_lsn, next_id) VALUES (?, ?, ?, ?, 1) RETURNING number",
    )
    .get(uuid, isLive ? 1 : 0, source, truncatedAtLsn ?? null);
  const number = row?.number ?? 0;
  for (const statement of generationTables(number)) database.run(statement);
  return { number, uuid, isLive, source, truncatedAtLsn };
}

/** Removes a generation and all that it holds. */
export function dropGeneration(database: Database, number: number): void {
  for (const table of ["entity", "catalog", "lane"]) {
    database.run(`DROP TABLE IF EXISTS ${table}_${number}`);
  }
  database.query("DELETE FROM konn_generation WHERE number = ?").run(number);
}

function generationTables(number: number): readonly string[] {
  return [
    // Found by a hash of the key: an index of the keys themselves would be as large as the data.
    `CREATE TABLE entity_${number} (id INTEGER PRIMARY KEY, key_hash INTEGER NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL)`,
    `CREATE INDEX entity_${number}_key ON entity_${number} (key_hash)`,
    // What is read often stands before what is large. An id is never used again.
    `CREATE TABLE catalog_${number} (id INTEGER PRIMARY KEY AUTOINCREMENT, level INTEGER NOT NULL, words TEXT NOT NULL, segment BLOB NOT NULL)`,
    `CREATE TABLE lane_${number} (lane TEXT PRIMARY KEY, position TEXT NOT NULL, next_sequence TEXT NOT NULL)`,
  ];
}

function prepareForWriting(database: Database, path: string): void {
  database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  const isNew = valueOf(database, "SELECT count(*) AS value FROM sqlite_schema") === 0;
  if (!isNew) refuseForeign(database, { path, verb: "write to" });
  database.run("PRAGMA journal_mode = WAL");
  database.run("PRAGMA synchronous = FULL");
  database.run(`PRAGMA cache_size = -${WRITER_CACHE_KIB}`);
  database.run(`PRAGMA wal_autocheckpoint = ${WAL_PAGES}`);
  if (!isNew) return;
  database
    .transaction(() => {
      database.run(`PRAGMA application_id = ${APPLICATION_ID}`);
      database.run(`PRAGMA user_version = ${FILE_FORMAT}`);
      database.run(
        "CREATE TABLE IF NOT EXISTS konn_generation (number INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL, is_live INTEGER NOT NULL, source TEXT NOT NULL, truncated_at_lsn INTEGER, next_id INTEGER NOT NULL)",
      );
    })
    .immediate();
}

function refuseForeign(
  database: Database,
  { path, verb }: { readonly path: string; readonly verb: string },
): void {
  if (
    valueOf(database, "SELECT application_id AS value FROM pragma_application_id") !==
    APPLICATION_ID
  ) {
    throw notOurs(path, verb, "it is a database that konn did not make");
  }
  const format = valueOf(database, "SELECT user_version AS value FROM pragma_user_version");
  if (format === FILE_FORMAT) return;
  throw new KonnError(`Cannot ${verb} ${path}: it has format ${format}`, {
    code: "INDEX_FORMAT_UNKNOWN",
    hint: "Use the konn that made it, or build another file.",
  });
}

function valueOf(database: Database, sql: string): number {
  return database.query<{ value: number }, []>(sql).get()?.value ?? 0;
}

/** Turns what SQLite throws into an error that a person can use. */
export function guarded<Result>(path: string, verb: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    throw indexFileError(error, path, verb);
  }
}

function indexFileError(error: unknown, path: string, verb: string): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  // What is neither of SQLite's nor of the file system's is a fault of this program.
  if (error instanceof KonnError || code === "") return error;
  if (code === "SQLITE_NOTADB") return notOurs(path, verb, "it is no SQLite database");
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) {
    return new KonnError(`Cannot ${verb} ${path}: another process is writing to it`, {
      code: "INDEX_BUSY",
      mayPass: true,
      cause: error,
      hint: "Stop the other konn, or wait for it.",
    });
  }
  return new KonnError(`Cannot ${verb} ${path}: ${messageOf(error)}`, {
    code: "INDEX_FILE_UNUSABLE",
    cause: error,
    hint: "Look at the folder, its permissions and the disk's free space.",
  });
}

function notOurs(path: string, verb: string, state: string): KonnError {
  return new KonnError(`Cannot ${verb} ${path}: ${state}`, {
    code: "INDEX_NOT_OURS",
    hint: "Name another file. konn writes only to files that it has made.",
  });
}
