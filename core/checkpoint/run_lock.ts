import { Database } from "bun:sqlite";
import { readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { KonnError } from "../base/errors.ts";

/**
 * Takes the lock of a run, or throws and names who holds it.
 *
 * It is a lock of the kernel on the file (SQLite's own, by an exclusive transaction that stays
 * open), so it ends with the process that holds it, however that ends. The file stays behind.
 * Who holds it stands in a second file, for people only: it decides nothing.
 */
export function acquireRunLock(path: string): Disposable {
  const database = openLockFile(path);
  try {
    database.run("PRAGMA busy_timeout = 0");
    database.run("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    throw isBusy(error) ? heldByAnother(path) : unusable(path, error);
  }
  writeHolder(path);
  return { [Symbol.dispose]: () => database.close() };
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

function writeHolder(path: string): void {
  const holder = `process ${process.pid} on ${hostname()} since ${new Date().toISOString()}`;
  try {
    writeFileSync(holderPath(path), holder);
  } catch {
    // The lock is held all the same; only its holder's name is missing.
  }
}

function heldByAnother(path: string): KonnError {
  let holder = "another process";
  try {
    holder = readFileSync(holderPath(path), "utf8") || holder;
  } catch {
    // Not written yet.
  }
  return new KonnError(`Cannot start: ${holder} is running the same source and sink`, {
    code: "RUN_LOCKED",
    hint: "Stop it first, or give this one another --state-dir if it is meant to run beside it.",
  });
}

function unusable(path: string, cause: unknown): KonnError {
  return new KonnError(`Cannot lock ${path}: the file cannot be opened for writing`, {
    code: "STATE_DIR_UNUSABLE",
    cause,
    hint: "Give a folder that konn may write to with --state-dir.",
  });
}

function holderPath(path: string): string {
  return `${path}.holder`;
}
