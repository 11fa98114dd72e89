/** One process at a time. */

import { Database, SQLiteError } from "bun:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { KonnError } from "../../core/base/errors.ts";

/** Longer than the slowest install. */
const LOCK_TIMEOUT_MS = 15 * 60_000;
const POLL_INTERVAL_MS = 100;

/**
 * Runs the work while no other process (or call in this one) that names the same file runs its
 * own. The lock is SQLite's on that file: the kernel drops it when its holder dies.
 */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const database = new Database(file, { create: true });
  try {
    const deadline = Date.now() + LOCK_TIMEOUT_MS;
    while (!tryLock(database)) {
      if (Date.now() > deadline) {
        throw new KonnError(`Cannot lock ${file}: another process holds it`, {
          code: "LOCK_TIMEOUT",
        });
      }
      await sleep(POLL_INTERVAL_MS);
    }
    return await work();
  } finally {
    database.close();
  }
}

function tryLock(database: Database): boolean {
  try {
    database.run("BEGIN EXCLUSIVE");
    return true;
  } catch (error) {
    if (error instanceof SQLiteError && error.code === "SQLITE_BUSY") return false;
    throw error;
  }
}
