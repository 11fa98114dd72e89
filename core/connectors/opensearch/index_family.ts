import { sleep } from "../../base/backoff.ts";
import { KonnError } from "../../base/errors.ts";
import type { IndexAdmin, IndexInfo } from "./index_admin.ts";

/** How long an unfinished index is watched for writes, and how often it is looked at. */
const WATCH_MS = 3_000;
const WATCH_INTERVAL_MS = 250;

/** What konn puts behind the alias in the name of an index: the time in UTC, and four digits. */
const STAMPED = /^-\d{17}-[0-9a-f]{4}$/;

export interface Family {
  /** The alias that everybody reads. */
  readonly alias: string;
  readonly admin: IndexAdmin;
}

/** A new name for an index behind an alias. Names sort by the time at which they were made. */
export function stampedName(alias: string, now: Date): string {
  const stamp = now.toISOString().replace(/\D/g, "");
  return `${alias}-${stamp}-${crypto.randomUUID().slice(0, 4)}`;
}

/** Whether konn has given an index this name for an alias. */
export function isOfFamily(name: string, alias: string): boolean {
  return name.startsWith(alias) && STAMPED.test(name.slice(alias.length));
}

/**
 * The alias that an index is written to by, which is no other index's and which nobody reads.
 *
 * Requiring an alias keeps a bulk from making an index that was deleted again, without a mapping.
 * That it is the index's own keeps a writer from going on into whatever the alias that everybody
 * reads has been moved to meanwhile, perhaps from another source: with the swap it loses its way.
 */
export function writerAliasOf(indexName: string): string {
  return `${indexName}-writer`;
}

/**
 * The alias of an index that is still being built. The swap that shows an index takes it off, and so
 * does whoever wants to delete an unfinished index, each on condition that it is there: of two konn
 * that do so at the same time one fails, so that an index is never deleted that was just shown.
 */
export function buildingAliasOf(indexName: string): string {
  return `${indexName}-building`;
}

/** Whether an index is still being built. */
export function isBuilding({ name, aliases }: IndexInfo): boolean {
  return aliases.includes(buildingAliasOf(name));
}

/** Every index that konn has made for an alias, the oldest first. */
export async function indexesOf({ alias, admin }: Family): Promise<readonly IndexInfo[]> {
  const found = await admin.find(`${alias}-*`);
  return (
    found
      // A clone has the mapping of its original, but not its name, and belongs to whoever made it.
      .filter(({ name, meta }) => meta?.alias === alias && isOfFamily(name, alias))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  );
}

/**
 * Deletes what was left unfinished, by a run that crashed or was stopped.
 *
 * @throws KonnError `INDEX_BEING_BUILT` for an index that somebody is writing to
 */
export async function clearUnfinished(family: Family, signal: AbortSignal): Promise<void> {
  const unfinished = (await indexesOf(family)).filter(isBuilding);
  const states = await Promise.all(
    unfinished.map(async ({ name }) => ({
      name,
      isWritten: await isBeingWritten(family.admin, name, signal),
    })),
  );
  const busy = states.find(({ isWritten }) => isWritten);
  if (busy) throw beingBuilt(family.alias, busy.name);
  for (const { name } of unfinished) {
    const isClaimed = await family.admin.takeAlias(name, buildingAliasOf(name));
    if (isClaimed) await family.admin.delete(name);
  }
}

async function isBeingWritten(
  admin: IndexAdmin,
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  const before = await admin.countOperations(name);
  const untilMs = performance.now() + WATCH_MS;
  while (performance.now() < untilMs && !signal.aborted) {
    await sleep(WATCH_INTERVAL_MS, signal);
    if ((await admin.countOperations(name)) !== before) return true;
  }
  return false;
}

function beingBuilt(alias: string, name: string): KonnError {
  return new KonnError(`Cannot build ${alias} anew: another konn is building ${name} just now`, {
    code: "INDEX_BEING_BUILT",
    hint: "Let it finish or stop it, then try again. One --from-beginning at a time is enough.",
  });
}
