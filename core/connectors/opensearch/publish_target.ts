import { KonnError } from "../../base/errors.ts";
import {
  buildingAliasOf,
  type Family,
  indexesOf,
  isBuilding,
  writerAliasOf,
} from "./index_family.ts";
import type { IndexInfo } from "./index_admin.ts";
import { liveIndex, type TargetIndex } from "./target_index.ts";

/** How often the swap is tried where somebody else moves the alias at the same time. */
const SWAP_TRIES_COUNT = 5;

/**
 * Shows the index that was built: swaps the alias, keeps the last index, deletes older ones. Can be
 * called again after an error, wherever that struck.
 *
 * @returns the names of the indexes that were replaced and are kept
 */
export async function publishTarget(
  { index }: TargetIndex,
  family: Family,
): Promise<readonly string[]> {
  const replaced = await show(index, family);
  return await prune(index, replaced, family);
}

/** Returns the names of the indexes that were replaced, none where that was done earlier. */
async function show(index: IndexInfo, { alias, admin }: Family): Promise<readonly string[]> {
  for (let triesCount = 0; triesCount < SWAP_TRIES_COUNT; triesCount += 1) {
    const shown = await admin.find(alias);
    if (shown.some(({ name }) => name === index.name)) return [];
    liveIndex(alias, shown);
    const [built] = await admin.find(index.name);
    if (!built || !isBuilding(built)) throw takenAway(alias, index.name);
    await admin.restoreRefresh(index.name);
    await admin.refresh(index.name);
    const from = shown;
    const buildingAlias = buildingAliasOf(index.name);
    if (await admin.swap(alias, { to: index, buildingAlias, from, writerAliasOf })) {
      return shown.map(({ name }) => name);
    }
  }
  throw contested(alias);
}

/** Deletes what is neither shown, nor being built, nor the last one that was shown. */
async function prune(
  index: IndexInfo,
  replaced: readonly string[],
  family: Family,
): Promise<readonly string[]> {
  const { alias, admin } = family;
  const done = (await indexesOf(family)).filter((info) => !isBuilding(info));
  const older = done.filter(({ name }) => name < index.name).map(({ name }) => name);
  // Where the answer to the swap was lost, the order tells what was replaced.
  const kept = replaced.length > 0 ? replaced : older.slice(-1);
  for (const { name } of done) {
    if (name === index.name || kept.includes(name)) continue;
    // Somebody may have gone back to it just now.
    const [current] = await admin.find(name);
    if (current && !current.aliases.includes(alias)) await admin.delete(name);
  }
  return kept;
}

function takenAway(alias: string, name: string): KonnError {
  return new KonnError(`Cannot show ${name}: another konn began to build ${alias} anew`, {
    code: "INDEX_GONE",
    hint: "Let that one finish, or build the index anew: konn sync --from-beginning.",
  });
}

function contested(alias: string): KonnError {
  return new KonnError(`Cannot swap the alias ${alias}: something else keeps moving it`, {
    code: "ALIAS_CONTESTED",
    hint: "Is there more than one konn --from-beginning for it? One is enough.",
  });
}
