import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { makePrivateFolder, writeFileAtomically } from "../base/atomic_file.ts";
import { KonnError } from "../base/errors.ts";
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from "./checkpoint.ts";
import { acquireRunLock, type LockPurpose } from "./run_lock.ts";

/** How many runs that share their work may use one folder at the same time. */
const SHARED_RUNS_MAX_COUNT = 256;

/** The two ends of a run, as the checkpoint's name sees them. */
export interface RunAddresses {
  readonly source: string;
  readonly sink: string;
}

/**
 * The name under which a run keeps its files: a readable prefix and a hash of both addresses.
 * The same command from the same folder always finds its files again.
 */
export function runName({ source, sink }: RunAddresses): string {
  const hash = createHash("sha256").update(`${source}\n${sink}`).digest("hex").slice(0, 12);
  return `${slugOf(source)}--${slugOf(sink)}-${hash}`;
}

/** The locked state of one run, open until disposed. One writer at a time. */
export interface RunState extends Disposable {
  readonly name: string;
  /** The last checkpoint, or undefined for a first run. Throws when the file cannot be trusted. */
  load(): Checkpoint | undefined;
  /** Replaces the checkpoint durably. */
  save(checkpoint: Omit<Checkpoint, "savedAt">): void;
}

/**
 * Opens the state of the run between two addresses and locks it against a second process.
 *
 * @param isShared several such runs may use one folder: each gets the first files that are free
 */
export function openRunState(
  stateDir: string,
  addresses: RunAddresses,
  { isShared = false }: { readonly isShared?: boolean } = {},
): RunState {
  makeStateFolders(stateDir);
  const { name, lock } = lockFirstFree(stateDir, runName(addresses), {
    runsMaxCount: isShared ? SHARED_RUNS_MAX_COUNT : 1,
  });
  return stateOf(checkpointPath(stateDir, name), addresses, { name, lock });
}

/** Opens the state of a run by its name, for something else than to run it. */
export function openNamedState(
  stateDir: string,
  { name, ...addresses }: RunAddresses & { readonly name: string },
  purpose: LockPurpose,
): RunState {
  const lock = lockRun(stateDir, name, purpose);
  return stateOf(checkpointPath(stateDir, name), addresses, { name, lock });
}

function stateOf(
  path: string,
  addresses: RunAddresses,
  { name, lock }: { readonly name: string; readonly lock: Disposable },
): RunState {
  return {
    name,
    load: () => readCheckpoint(path, addresses),
    save: (checkpoint) => saveCheckpoint(path, { ...checkpoint, savedAt: new Date() }),
    [Symbol.dispose]: () => lock[Symbol.dispose](),
  };
}

function lockFirstFree(
  stateDir: string,
  firstName: string,
  { runsMaxCount }: { readonly runsMaxCount: number },
): { readonly name: string; readonly lock: Disposable } {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? firstName : `${firstName}.${number}`;
    try {
      return { name, lock: acquireRunLock(join(stateDir, `${name}.lock`)) };
    } catch (error) {
      const isTaken = error instanceof KonnError && error.code === "RUN_LOCKED";
      if (!isTaken || number === runsMaxCount) throw error;
    }
  }
}

/** Takes the lock of a run of which nothing but the name may be known. */
export function lockRun(stateDir: string, name: string, purpose: LockPurpose): Disposable {
  return acquireRunLock(join(stateDir, `${name}.lock`), purpose);
}

/** A checkpoint on disk, or why it cannot be read. */
export interface ListedCheckpoint {
  readonly name: string;
  readonly path: string;
  readonly checkpoint: Checkpoint | KonnError;
}

/** Everything that runs have left in a state folder. Takes no lock, writes nothing. */
export function listCheckpoints(stateDir: string): readonly ListedCheckpoint[] {
  const folder = join(stateDir, "checkpoints");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .toSorted()
    .map((file) => ({
      name: file.slice(0, -".json".length),
      path: join(folder, file),
      checkpoint: readOrError(join(folder, file)),
    }));
}

function readOrError(path: string): Checkpoint | KonnError {
  try {
    return parseCheckpoint(readFileSync(path, "utf8"), path);
  } catch (error) {
    return error instanceof KonnError ? error : unreadable(path, error);
  }
}

function readCheckpoint(path: string, addresses: RunAddresses): Checkpoint | undefined {
  if (!existsSync(path)) return undefined;
  const checkpoint = parseCheckpoint(readText(path), path);
  if (
    checkpoint.source.address === addresses.source &&
    checkpoint.sink.address === addresses.sink
  ) {
    return checkpoint;
  }
  throw new KonnError(
    `Cannot use the checkpoint ${path}: it is of ${checkpoint.source.address} to ${checkpoint.sink.address}`,
    {
      code: "CHECKPOINT_FOREIGN",
      hint: "It was copied or renamed. Remove it to begin at the start of the source again.",
    },
  );
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw unreadable(path, error);
  }
}

function saveCheckpoint(path: string, checkpoint: Checkpoint): void {
  try {
    writeFileAtomically(path, formatCheckpoint(checkpoint));
  } catch (cause) {
    throw new KonnError(`Cannot save the checkpoint ${path}: the file cannot be written`, {
      code: "CHECKPOINT_UNWRITABLE",
      cause,
      hint: "Look at the disk's free space and at the folder's permissions, then start again.",
    });
  }
}

function makeStateFolders(stateDir: string): void {
  try {
    makePrivateFolder(join(stateDir, "checkpoints"));
  } catch (cause) {
    throw new KonnError(`Cannot use the state folder ${stateDir}: it cannot be written`, {
      code: "STATE_DIR_UNUSABLE",
      cause,
      hint: "Give a folder that konn may write to with --state-dir.",
    });
  }
}

function unreadable(path: string, cause: unknown): KonnError {
  return new KonnError(`Cannot read the checkpoint ${path}: the file cannot be opened`, {
    code: "CHECKPOINT_UNREADABLE",
    cause,
    hint: "Look at the file's permissions.",
  });
}

function checkpointPath(stateDir: string, name: string): string {
  return join(stateDir, "checkpoints", `${name}.json`);
}

/** The end of an address, shortened to what is safe in a file name. */
function slugOf(address: string): string {
  const last = address.replace(/\/+$/, "").split(/[/:]/).at(-1) ?? "";
  return last.replace(/[^A-Za-z0-9._-]+/g, "_").slice(0, 40) || "run";
}
