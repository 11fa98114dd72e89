import { KonnError } from "../../base/errors.ts";
import { identityDifference } from "../../connector/identity.ts";
import type { Identity, SinkOpenOptions } from "../../connector/mod.ts";
import type { IndexAdmin, IndexInfo } from "./index_admin.ts";
import { INDEX_FORMAT, type IndexMeta } from "./mapping.ts";

/** The state of an index in the checkpoint: still built beside the live one, or the live one. */
export type TargetState = "building" | "live";

/** The index that a run writes to. */
export interface TargetIndex {
  readonly index: IndexInfo;
  readonly state: TargetState;
}

export interface TargetOptions extends Pick<
  SinkOpenOptions,
  "stream" | "resume" | "fromBeginning"
> {
  /** The alias that everybody reads. */
  readonly alias: string;
  readonly admin: IndexAdmin;
  /** Where the table was truncated, for an index that is made now. */
  readonly truncatedAtLsn?: number | undefined;
  readonly now?: () => Date;
}

/**
 * The alias under which an index is written to while it is built. Requiring an alias keeps a bulk
 * from making an index that was deleted again, without a mapping.
 */
export function buildingAliasOf(indexName: string): string {
  return `${indexName}-building`;
}

/**
 * Finds or makes the index to write to.
 *
 * @throws KonnError when what stands under the alias is not konn's, belongs to another source, or
 * is not what the checkpoint remembers
 */
export async function openTarget(options: TargetOptions): Promise<TargetIndex> {
  const { alias, admin, resume, fromBeginning } = options;
  const live = liveIndex(alias, await admin.find(alias));
  if (fromBeginning) return await beginAnew(options, live);
  if (resume) return await goOn(options, live, resume);
  if (!live) return { index: await createIndex(options, alias), state: "live" };
  refuseAnotherSource(options, live);
  return { index: live, state: "live" };
}

/** Shows the index that was built: swaps the alias, keeps the last index, deletes older ones. */
export async function publishTarget(
  { index }: TargetIndex,
  { alias, admin }: Pick<TargetOptions, "alias" | "admin">,
): Promise<void> {
  const replaced = (await admin.find(alias)).map(({ name }) => name);
  await admin.restoreRefresh(index.name);
  await admin.refresh(index.name);
  const buildingAlias = buildingAliasOf(index.name);
  await admin.swap(alias, { from: replaced, to: index.name, buildingAlias });
  const ours = await indexesOf(alias, admin);
  const old = ours.filter(({ name }) => name !== index.name && !replaced.includes(name));
  for (const { name } of old) await admin.delete(name);
}

/** With nothing live yet there is nobody to hide the building from. */
async function beginAnew(
  options: TargetOptions,
  live: IndexInfo | undefined,
): Promise<TargetIndex> {
  const { alias, admin } = options;
  if (!live) return { index: await createIndex(options, alias), state: "live" };
  for (const { name, aliases } of await indexesOf(alias, admin)) {
    if (aliases.includes(buildingAliasOf(name)) && name !== live.name) await admin.delete(name);
  }
  return { index: await createIndex(options, undefined), state: "building" };
}

async function goOn(
  options: TargetOptions,
  live: IndexInfo | undefined,
  resume: { readonly identity: Identity; readonly state: string | undefined },
): Promise<TargetIndex> {
  const { alias, admin } = options;
  const { index: name = "", "index uuid": uuid } = resume.identity;
  if (live?.name === name && live.uuid === uuid) {
    refuseAnotherSource(options, live);
    return { index: live, state: "live" };
  }
  const [built] = await admin.find(name);
  if (built?.uuid === uuid && built?.aliases.includes(buildingAliasOf(name))) {
    return { index: built, state: "building" };
  }
  if (!live) throw goneError(alias, name);
  throw new KonnError(
    `Cannot go on with ${alias}: it stands for ${live.name} now, not for ${name}`,
    {
      code: "INDEX_REPLACED",
      hint: "Something else has built it anew. Start over with --from-beginning, or use that one's --state-dir.",
    },
  );
}

/** The index behind the alias, which must be one of konn's, or none. */
function liveIndex(alias: string, found: readonly IndexInfo[]): IndexInfo | undefined {
  const [index, ...others] = found;
  if (!index) return undefined;
  if (index.name === alias) throw notOurs(alias, "it is an index and not an alias of konn's");
  if (others.length > 0) throw notOurs(alias, `it stands for ${found.length} indexes`);
  if (!index.meta) throw notOurs(alias, `konn did not make ${index.name}, for which it stands`);
  if (index.meta.konn <= INDEX_FORMAT) return index;
  throw new KonnError(`Cannot write to ${alias}: its index has format ${index.meta.konn}`, {
    code: "INDEX_FORMAT_UNKNOWN",
    hint: "Use the konn that made it, or another --index.",
  });
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
  liveAlias: string | undefined,
): Promise<IndexInfo> {
  const stamp = now().toISOString().replace(/\D/g, "");
  const name = `${alias}-${stamp}`;
  const meta: IndexMeta = { konn: INDEX_FORMAT, alias, source: stream.identity, truncatedAtLsn };
  const isBuilding = liveAlias === undefined;
  return await admin.create(name, { alias: liveAlias ?? buildingAliasOf(name), meta, isBuilding });
}

/** Every index that konn has made for this alias. */
async function indexesOf(alias: string, admin: IndexAdmin): Promise<readonly IndexInfo[]> {
  return (await admin.find(`${alias}-*`)).filter(({ meta }) => meta?.alias === alias);
}

function notOurs(alias: string, state: string): KonnError {
  return new KonnError(`Cannot write to ${alias}: ${state}`, {
    code: "INDEX_NOT_OURS",
    hint: "Use another --index. konn writes only to indexes that it has made.",
  });
}

function goneError(alias: string, name: string): KonnError {
  return new KonnError(`Cannot go on with ${alias}: its index ${name} is gone`, {
    code: "INDEX_GONE",
    hint: "Build it anew: konn sync --from-beginning.",
  });
}
