import { Database } from "bun:sqlite";
import { hostname } from "node:os";
import { KonnError } from "../base/errors.ts";

/** How long a write of the holder's name waits for those who are reading it. */
const BUSY_TIMEOUT_MS = 1_000;
/** So often somebody may come between the writing of the name and the lock for good. */
const MAX_ATTEMPTS_COUNT = 5;

/** What the lock is taken for, for the message where it cannot be had. */
export interface LockPurpose {
  /** "start" */
  readonly what: string;
  readonly hint: string;
}

const START: LockPurpose = {
  what: "start",
  hint: "Stop it first, or give this one another --state-dir if it is meant to run beside it.",
};

/**
 * Takes the lock of a run, or throws and names who holds it.
 *
 * It is a lock of the kernel on the file (SQLite's own, by a writing transaction that stays open),
 * so it ends with the process that holds it, however that ends. The file stays behind. It holds the
 * name of its last holder, which others can read meanwhile: SQLite lets in one writer, and readers
 * beside it until there is something to commit. The name is for people only: it decides nothing.
 */
export function acquireRunLock(path: string, purpose: LockPurpose = START): Disposable {
  const database = openLockFile(path);
  try {
    lock(database);
  } catch (error) {
    const holder = isBusy(error) ? readHolder(database) : "";
    database.close();
    throw isBusy(error) ? heldByAnother(holder, purpose) : unusable(path, error);
  }
  return { [Symbol.dispose]: () => database.close() };
}

function lock(database: Database): void {
  const holder = `process ${process.pid} on ${hostname()} since ${new Date().toISOString()}`;
  for (let attempt = 1; ; attempt += 1) {
    begin(database);
    const isWritten = writeHolder(database, holder);
    begin(database);
    // Somebody else may have written a name in between: then the lock would bear the wrong one.
    if (!isWritten || readHolder(database) === holder || attempt === MAX_ATTEMPTS_COUNT) return;
    database.run("ROLLBACK");
  }
}

/** Begins to write, and does not wait for others. */
function begin(database: Database): void {
  database.run("PRAGMA busy_timeout = 0");
  database.run("BEGIN IMMEDIATE");
  database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
}

/** Writes who holds the lock and ends the transaction. False where there was no room to. */
function writeHolder(database: Database, holder: string): boolean {
  try {
    database.run("CREATE TABLE IF NOT EXISTS holder (name TEXT)");
    database.run("DELETE FROM holder");
    database.run("INSERT INTO holder VALUES (?)", [holder]);
    database.run("COMMIT");
    return true;
  } catch {
    // The lock is taken all the same; only its holder's name is missing.
    if (database.inTransaction) database.run("ROLLBACK");
    return false;
  }
}

/** The name in the file, empty where it cannot be read. */
function readHolder(database: Database): string {
  try {
    database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    return database.query<{ name: string }, []>("SELECT name FROM holder").get()?.name ?? "";
  } catch {
    return "";
  }
}

function openLockFile(path: string): Database {
  try {
    return new Database(path, { create: true, readwrite: true });
  } catch (error) {
    throw unusable(path, error);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "SQLITE_BUSY";
}

function heldByAnother(holder: string, { what, hint }: LockPurpose): KonnError {
  return new KonnError(
    `Cannot ${what}: ${holder || "another process"} is running the same source and sink`,
    { code: "RUN_LOCKED", hint },
  );
}

function unusable(path: string, cause: unknown): KonnError {
  return new KonnError(`Cannot lock ${path}: the file cannot be opened for writing`, {
    code: "STATE_DIR_UNUSABLE",
    cause,
    hint: "Give a folder that konn may write to with --state-dir.",
  });
}
