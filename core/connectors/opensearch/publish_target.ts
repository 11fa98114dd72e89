import { KonnError } from "../../base/errors.ts";
import type { BuildCount } from "./build_count.ts";
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

export interface PublishOptions extends Family {
  readonly count: BuildCount;
  /** How many indexes that were replaced stay, the newest ones. */
  readonly keepCount: number;
}

/**
 * Shows the index that was built: sees whether all is there, swaps the alias, keeps the last indexes,
 * deletes older ones. Can be called again after an error, wherever that struck.
 *
 * @returns the names of the indexes that were replaced and are kept
 */
export async function publishTarget(
  { index }: TargetIndex,
  options: PublishOptions,
): Promise<readonly string[]> {
  const replaced = await show(index, options);
  return await prune(index, replaced, options);
}

/** Returns the names of the indexes that were replaced, none where that was done earlier. */
async function show(
  index: IndexInfo,
  { alias, admin, count }: PublishOptions,
): Promise<readonly string[]> {
  for (let triesCount = 0; triesCount < SWAP_TRIES_COUNT; triesCount += 1) {
    const shown = await admin.find(alias);
    if (shown.some(({ name }) => name === index.name)) return [];
    liveIndex(alias, shown);
    const [built] = await admin.find(index.name);
    if (!built || !isBuilding(built)) throw takenAway(alias, index.name);
    await admin.makeLive(index.name);
    await refuseDifference(index.name, { admin, count });
    const from = shown;
    const buildingAlias = buildingAliasOf(index.name);
    if (await admin.swap(alias, { to: index, buildingAlias, from, writerAliasOf })) {
      return shown.map(({ name }) => name);
    }
  }
  throw contested(alias);
}

/** What differs once must not be gone on with, when its counts begin anew. */
async function refuseDifference(
  name: string,
  { admin, count }: Pick<PublishOptions, "admin" | "count">,
): Promise<void> {
  try {
    await count.refuseDifference(name, () => admin.countDocuments(name));
  } catch (error) {
    const isPassing = error instanceof KonnError && error.mayPass;
    if (!isPassing) await admin.takeAlias(name, buildingAliasOf(name));
    throw error;
  }
}

/** Deletes what is neither shown, nor being built, nor among the last that were shown. */
async function prune(
  index: IndexInfo,
  replaced: readonly string[],
  options: PublishOptions,
): Promise<readonly string[]> {
  const { alias, admin, keepCount } = options;
  const done = (await indexesOf(options)).filter((info) => !isBuilding(info));
  const others = done.map(({ name }) => name).filter((name) => name !== index.name);
  // What was replaced need not be the newest: somebody may have gone back to an older one.
  const rest = others.filter((name) => !replaced.includes(name)).toReversed();
  const newestFirst = [...replaced, ...rest];
  for (const name of newestFirst.slice(keepCount)) {
    // Somebody may have gone back to it just now.
    const [current] = await admin.find(name);
    if (current && !current.aliases.includes(alias)) await admin.delete(name);
  }
  return newestFirst.slice(0, keepCount);
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
