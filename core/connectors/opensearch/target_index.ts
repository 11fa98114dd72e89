import { KonnError } from "../../base/errors.ts";
import { identityDifference } from "../../connector/identity.ts";
import type { SinkOpenOptions, SinkResume } from "../../connector/mod.ts";
import {
  buildingAliasOf,
  clearUnfinished,
  type Family,
  isBuilding,
  isOfFamily,
  stampedName,
  writerAliasOf,
} from "./index_family.ts";
import type { IndexAdmin, IndexInfo } from "./index_admin.ts";
import { INDEX_FORMAT, type IndexMeta } from "./mapping.ts";
import { olderFormat } from "./refusals.ts";

/** The state of an index in the checkpoint: still built beside the live one, or the live one. */
export type TargetState = "building" | "live";

/** The index that a run writes to. */
export interface TargetIndex {
  readonly index: IndexInfo;
  readonly state: TargetState;
  /** It was built anew, and has taken the place of what was there. */
  readonly isReplacement?: true;
}

export interface TargetOptions extends Pick<
  SinkOpenOptions,
  "stream" | "resume" | "fromBeginning" | "signal"
> {
  /** The alias that everybody reads. */
  readonly alias: string;
  readonly admin: IndexAdmin;
  /** Where the table was truncated, for an index that is made now. */
  readonly truncatedAtLsn?: number | undefined;
  /** Build anew from what is left of a stream that has lost its beginning. */
  readonly acceptsLoss?: boolean | undefined;
  readonly now?: () => Date;
}

/**
 * Finds or makes the index to write to.
 *
 * @throws KonnError when what stands under the alias is not konn's, belongs to another source, or
 * is not what the checkpoint remembers
 */
export async function openTarget(options: TargetOptions): Promise<TargetIndex> {
  const { alias, admin, resume, fromBeginning } = options;
  if (fromBeginning) return await beginAnew(options);
  const live = liveIndex(alias, await admin.find(alias));
  if (resume) return await goOn(options, live, resume);
  return live ? await takeOverLost(options, live) : await createLive(options);
}

/** With nothing live yet there is nobody to hide the building from. */
async function beginAnew(options: TargetOptions): Promise<TargetIndex> {
  const { alias, admin, signal } = options;
  liveIndex(alias, await admin.find(alias));
  await refuseLoss(options);
  await clearUnfinished(options, signal);
  // Meanwhile another konn may have shown what it had built.
  if (!liveIndex(alias, await admin.find(alias))) return await createLive(options);
  return { index: await createIndex(options, undefined), state: "building" };
}

/** What the live index still knows would be gone from the new one. */
async function refuseLoss({ alias, stream, acceptsLoss = false }: TargetOptions): Promise<void> {
  const missingCount = acceptsLoss ? 0n : ((await stream.missingCount?.()) ?? 0n);
  if (missingCount === 0n) return;
  throw new KonnError(
    `Cannot build ${alias} anew: ${missingCount} offsets at the beginning of ${stream.label ?? stream.address} are gone`,
    {
      code: "SOURCE_INCOMPLETE",
      hint: "Rows that have not changed since would be missing. Have Debezium send them again (an incremental snapshot), and keep them (cleanup.policy=compact, or retention.ms=-1). --accept-loss builds from what is left.",
    },
  );
}

/**
 * Makes the first index. Of several konn that do so at the same time the first one wins: nobody
 * has written anything yet, so the others take their own, empty ones away again.
 */
async function createLive(options: TargetOptions): Promise<TargetIndex> {
  const { alias, admin } = options;
  const created = await createIndex(options, alias);
  const first = liveIndex(alias, await admin.find(alias)) ?? created;
  if (first.name === created.name) return { index: created, state: "live" };
  await admin.delete(created.name);
  return await takeOverLost(options, first);
}

async function goOn(
  options: TargetOptions,
  live: IndexInfo | undefined,
  resume: SinkResume,
): Promise<TargetIndex> {
  const { index, as } = await findRemembered(options, live, resume);
  if (as === "live") return await takeOver(options, index);
  if (as === "replacement") {
    return { ...(await takeOverLost(options, index)), isReplacement: true };
  }
  refuseOlderFormat(options.alias, index);
  return { index, state: "building" };
}

/**
 * Looks whether a run that remembers an index can go on with it, and changes nothing.
 *
 * @throws KonnError what {@link openTarget} would refuse it with
 */
export async function checkRemembered(family: Family, resume: SinkResume): Promise<void> {
  const { alias, admin } = family;
  await findRemembered(family, liveIndex(alias, await admin.find(alias)), resume);
}

interface Remembered {
  readonly index: IndexInfo;
  readonly as: "live" | "building" | "replacement";
}

async function findRemembered(
  { alias, admin }: Family,
  live: IndexInfo | undefined,
  { identity, state, mayBeReplaced = false }: SinkResume,
): Promise<Remembered> {
  const { index: name = "", "index uuid": uuid } = identity;
  if (live?.name === name && live.uuid === uuid) return { index: live, as: "live" };
  if (mayBeReplaced && !isOfFamily(name, alias)) throw positionsOfAnother(alias, name);
  if (mayBeReplaced && live) return { index: live, as: "replacement" };
  const [remembered] = await admin.find(name);
  if (remembered?.uuid !== uuid) throw goneError(alias, name);
  if (remembered && state === "building" && canBeBuiltOn(remembered)) {
    return { index: remembered, as: "building" };
  }
  throw replacedError(alias, { was: name, is: live?.name });
}

/**
 * Why nothing can be written to an index any more, where OpenSearch only says that there is no such
 * index: that is its answer for an alias too. Undefined when both are there.
 */
export async function explainLostWay(
  { index }: TargetIndex,
  family: Family,
): Promise<KonnError | undefined> {
  const { alias, admin } = family;
  const [current] = await admin.find(index.name);
  if (current?.uuid !== index.uuid) return goneError(alias, index.name);
  if (current.aliases.includes(writerAliasOf(index.name))) return undefined;
  const [live] = await admin.find(alias);
  if (live && live.name !== index.name) {
    return replacedError(alias, { was: index.name, is: live.name });
  }
  return aliasGone(alias, index.name);
}

/** Ends a run whose index nobody sees any more, since its alias was taken off or given away. */
export async function refuseHidden({ index }: TargetIndex, family: Family): Promise<void> {
  const { alias, admin } = family;
  const shown = await admin.find(alias);
  if (shown.some(({ uuid }) => uuid === index.uuid)) return;
  const [live] = shown;
  if (live) throw replacedError(alias, { was: index.name, is: live.name });
  const [current] = await admin.find(index.name);
  throw current ? aliasGone(alias, index.name) : goneError(alias, index.name);
}

function canBeBuiltOn(index: IndexInfo): boolean {
  return isBuilding(index) && index.aliases.includes(writerAliasOf(index.name));
}

/** Goes on with a live index, also one whose way in was taken away and given back the alias. */
async function takeOver(options: TargetOptions, live: IndexInfo): Promise<TargetIndex> {
  refuseOlderFormat(options.alias, live);
  refuseAnotherSource(options, live);
  const writerAlias = writerAliasOf(live.name);
  if (!live.aliases.includes(writerAlias)) await options.admin.addAlias(live.name, writerAlias);
  return { index: live, state: "live" };
}

/**
 * The index behind the alias, which must be one of konn's, or none. It is the oldest one while
 * several konn make the first index at the same time.
 */
export function liveIndex(alias: string, found: readonly IndexInfo[]): IndexInfo | undefined {
  const [index] = found.toSorted(
    (a, b) => a.createdAtMs - b.createdAtMs || (a.uuid < b.uuid ? -1 : 1),
  );
  if (!index) return undefined;
  if (index.name === alias) throw notOurs(alias, "it is an index and not an alias of konn's");
  const foreign = found.find(({ meta }) => meta?.alias !== alias);
  if (foreign) throw notOurs(alias, `konn did not make ${foreign.name}, for which it stands`);
  const format = index.meta?.konn ?? 0;
  if (format <= INDEX_FORMAT) return index;
  throw new KonnError(`Cannot write to ${alias}: its index has format ${format}`, {
    code: "INDEX_FORMAT_UNKNOWN",
    hint: "Use the konn that made it, or another --index.",
  });
}

/**
 * Goes on with a live index without a checkpoint: from the stream's beginning, and whatever the
 * index has seen already it refuses. That holds for a topic, whose offsets never come again. A file
 * may have been edited, and the places of its lines then give versions that exist already.
 */
async function takeOverLost(options: TargetOptions, live: IndexInfo): Promise<TargetIndex> {
  refuseAnotherSource(options, live);
  const isTopic = Object.keys(options.stream.identity).some((name) => name.startsWith("topic"));
  const isSafe = isTopic || (await options.admin.countOperations(live.name)) === 0;
  if (isSafe) return await takeOver(options, live);
  throw new KonnError(
    `Cannot go on with ${options.alias}: it was made from a file, and the checkpoint that tells how far is not here`,
    {
      code: "CHECKPOINT_LOST",
      hint: "If the file was edited since, its changes would not be seen. Build the index anew with --from-beginning, or name the --state-dir of the run that made it.",
    },
  );
}

/** What is written now has fields that an older index does not take. One built anew does. */
function refuseOlderFormat(alias: string, { meta }: IndexInfo): void {
  const format = meta?.konn ?? 0;
  if (format < INDEX_FORMAT) throw olderFormat(`write to ${alias}`, format);
}

function refuseAnotherSource({ stream, alias }: TargetOptions, { meta }: IndexInfo): void {
  const difference = identityDifference(meta?.source ?? {}, stream.identity);
  if (difference === undefined) return;
  throw new KonnError(`Cannot write to ${alias}: it was made from another source, ${difference}`, {
    code: "INDEX_OF_ANOTHER_SOURCE",
    hint: "Use another --index, or build it anew from this source with --from-beginning.",
  });
}

async function createIndex(
  { admin, alias, stream, truncatedAtLsn, now = () => new Date() }: TargetOptions,
  publicAlias: string | undefined,
): Promise<IndexInfo> {
  const name = stampedName(alias, now());
  const meta: IndexMeta = { konn: INDEX_FORMAT, alias, source: stream.identity, truncatedAtLsn };
  return await admin.create(name, {
    publicAlias,
    ownAliases: [
      writerAliasOf(name),
      ...(publicAlias === undefined ? [buildingAliasOf(name)] : []),
    ],
    meta,
  });
}

function notOurs(alias: string, state: string): KonnError {
  return new KonnError(`Cannot write to ${alias}: ${state}`, {
    code: "INDEX_NOT_OURS",
    hint: "Use another --index. konn writes only to indexes that it has made.",
  });
}

function positionsOfAnother(alias: string, name: string): KonnError {
  return new KonnError(`Cannot go on with ${alias}: the group's positions are of ${name}`, {
    code: "POSITIONS_OF_ANOTHER_INDEX",
    hint: "A group keeps one index. Use another --group, or that one's --index.",
  });
}

function goneError(alias: string, name: string): KonnError {
  return new KonnError(`Cannot go on with ${alias}: its index ${name} is gone`, {
    code: "INDEX_GONE",
    hint: "Build it anew: konn sync --from-beginning.",
  });
}

function aliasGone(alias: string, name: string): KonnError {
  return new KonnError(`Cannot go on with ${alias}: an alias was taken off its index ${name}`, {
    code: "ALIAS_GONE",
    hint: `konn needs ${alias} and ${writerAliasOf(name)} on it. Put ${alias} back, with its filter deleted: false, and start again: konn puts back the other one. Or build anew: konn sync --from-beginning.`,
  });
}

function replacedError(alias: string, { was, is }: { was: string; is?: string | undefined }) {
  const now = is === undefined ? "no index" : is;
  return new KonnError(`Cannot go on with ${alias}: it stands for ${now} now, not for ${was}`, {
    code: "INDEX_REPLACED",
    hint: "Something else has built it anew. Start over with --from-beginning, or use that one's --state-dir; members of a --group only have to be started again.",
  });
}
