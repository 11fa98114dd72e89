import type { Database } from "bun:sqlite";
import { KonnError } from "../../base/errors.ts";
import { releaseMemory } from "../../base/release_memory.ts";
import { identityDifference } from "../../connector/identity.ts";
import type {
  Batch,
  Identity,
  Lane,
  LanePosition,
  Sink,
  SinkOpening,
  SinkOpenOptions,
  WriteReport,
} from "../../connector/mod.ts";
import {
  foldBatch,
  type FoldResult,
  type OnTruncate,
  refuseTruncate,
  refuseUnorderedRows,
} from "../../indexing/mod.ts";
import type { Observer } from "../../observe/observer.ts";
import { type Fate, GenerationWriter } from "./generation_writer.ts";
import {
  createGeneration,
  dropGeneration,
  type Generation,
  generationsOf,
  guarded,
  indexFileAddress,
  isFilled,
  openForWriting,
} from "./index_file.ts";
import { lanePositions, writeLanePositions } from "./lane_positions.ts";

export interface SqliteSinkOptions {
  /** The index file. It is made where it is missing, with its folder. */
  readonly path: string;
  readonly observer: Observer;
  /** Entity types that are not indexed; by default those that nobody searches. */
  readonly skipTypes?: readonly string[] | undefined;
  /** Halts by default. To rebuild is the caller's work: the error says from where. */
  readonly onTruncate?: OnTruncate | undefined;
  /** For a new index: changes below this place in PostgreSQL's log are of rows that are gone. */
  readonly truncatedAtLsn?: number | undefined;
}

/**
 * Keeps an index in one SQLite file equal to the fold of a change stream. The data and the position
 * behind it are written in one transaction, so a crash loses neither and doubles nothing, and a
 * deleted entity leaves nothing behind. Building anew happens beside the live index, in tables of
 * its own, which are swapped in when they have caught up.
 *
 * Errors: `INDEX_NOT_OURS`, `INDEX_FORMAT_UNKNOWN`, `INDEX_OF_ANOTHER_SOURCE`, `INDEX_GONE`,
 * `INDEX_REPLACED` on opening, `INDEX_BUSY` and `INDEX_FILE_UNUSABLE` at any time. Rejections: those
 * of the fold.
 */
export function createSqliteSink(options: SqliteSinkOptions): Sink {
  return new SqliteSink(options);
}

interface Opened {
  readonly database: Database;
  readonly lanesCount: number;
  readonly writer: GenerationWriter;
  generation: Generation;
}

class SqliteSink implements Sink {
  readonly #options: SqliteSinkOptions;
  readonly #skipTypes: ReadonlySet<string> | undefined;
  #opened: Opened | undefined;

  constructor(options: SqliteSinkOptions) {
    this.#options = options;
    this.#skipTypes = options.skipTypes && new Set(options.skipTypes);
  }

  address(): Promise<string> {
    return Promise.resolve(indexFileAddress(this.#options.path));
  }

  open(options: SinkOpenOptions): Promise<SinkOpening> {
    return Promise.try(() => this.#guarded(() => this.#openFile(options)));
  }

  #openFile(options: SinkOpenOptions): SinkOpening {
    const { path } = this.#options;
    if (options.resume && !options.fromBeginning && !isFilled(path)) throw goneError(path);
    const database = openForWriting(path);
    try {
      return database.transaction(() => this.#openGeneration(database, options)).immediate();
    } catch (error) {
      database.close();
      throw error;
    }
  }

  #openGeneration(database: Database, options: SinkOpenOptions): SinkOpening {
    const generation = this.#findGeneration(database, options);
    const { number, uuid } = generation;
    this.#opened = {
      database,
      generation,
      lanesCount: options.stream.lanesCount ?? 1,
      writer: new GenerationWriter(database, number),
    };
    return {
      identity: {
        "index uuid": uuid,
        // Another list would leave documents behind that the new one skips.
        ...(this.#skipTypes && { "skipped types": [...this.#skipTypes].toSorted().join(", ") }),
      },
      state: stateOf(generation),
      positions: lanePositions(database, number),
    };
  }

  #findGeneration(
    database: Database,
    { stream, resume, fromBeginning }: SinkOpenOptions,
  ): Generation {
    const { path, truncatedAtLsn } = this.#options;
    const generations = generationsOf(database);
    const live = generations.find(({ isLive }) => isLive);
    const source = JSON.stringify(stream.identity);
    const blank = { uuid: crypto.randomUUID(), source, truncatedAtLsn };
    if (fromBeginning) {
      // What was left unfinished is not gone on with by anybody any more.
      for (const { isLive, number } of generations) if (!isLive) dropGeneration(database, number);
      return createGeneration(database, { ...blank, isLive: live === undefined });
    }
    if (!resume) {
      if (live) refuseAnotherSource(path, live, stream.identity);
      return live ?? createGeneration(database, { ...blank, isLive: true });
    }
    const uuid = resume.identity["index uuid"];
    const remembered = generations.find((generation) => generation.uuid === uuid);
    if (!remembered) throw live ? replacedError(path) : goneError(path);
    refuseAnotherSource(path, remembered, stream.identity);
    return remembered;
  }

  write(batch: Batch): Promise<WriteReport> {
    return Promise.try(() => this.#guarded(() => this.#write(batch)));
  }

  #write(batch: Batch): WriteReport {
    const opened = this.#open();
    const { lanesCount, writer, generation } = opened;
    const fold = foldBatch(batch, {
      truncatedAtLsn: generation.truncatedAtLsn,
      unsearchedTypes: this.#skipTypes,
    });
    refuseTruncate(batch, fold, this.#options.onTruncate ?? "halt");
    refuseUnorderedRows(batch, fold, lanesCount);
    this.#begin(opened);
    const fates = writer.apply(fold.mutations);
    releaseMemory(batch.sizeBytes * GARBAGE_FACTOR);
    return reportOf(fold, fates);
  }

  /** What was written since the last time takes effect, together with the positions behind it. */
  commit(lanes: ReadonlyMap<Lane, LanePosition>): Promise<void> {
    return Promise.try(() =>
      this.#guarded(() => {
        const opened = this.#open();
        const { database, writer, generation } = opened;
        this.#begin(opened);
        writer.finish();
        writeLanePositions(database, generation.number, lanes);
        database.run("COMMIT");
      }),
    );
  }

  /** Begins a transaction, unless one is open. It is the only one that writes to the file. */
  #begin(opened: Opened): void {
    if (opened.database.inTransaction) return;
    opened.database.run("BEGIN IMMEDIATE");
    try {
      this.#refuseReplaced(opened);
      if (!opened.writer.isOwn) throw otherWriterError(this.#options.path);
    } catch (error) {
      opened.database.run("ROLLBACK");
      throw error;
    }
  }

  /** Shows an index that was built beside the live one, and takes that one away. */
  caughtUp(): Promise<string | undefined> {
    return Promise.try(() => this.#guarded(() => this.#publish()));
  }

  #publish(): string {
    const opened = this.#open();
    const { database, generation } = opened;
    if (generation.isLive) return stateOf(generation);
    database
      .transaction(() => {
        this.#refuseReplaced(opened);
        for (const { number } of generationsOf(database)) {
          if (number !== generation.number) dropGeneration(database, number);
        }
        database
          .query("UPDATE konn_generation SET is_live = 1 WHERE number = ?")
          .run(generation.number);
      })
      .immediate();
    opened.generation = { ...generation, isLive: true };
    this.#options.observer.log.info(`${this.#options.path} now shows what was built anew`);
    return stateOf(opened.generation);
  }

  /** Somebody else may have built the index anew since it was opened. */
  #refuseReplaced({ database, generation: { number } }: Opened): void {
    const isThere = generationsOf(database).some((other) => other.number === number);
    if (!isThere) throw replacedError(this.#options.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened?.database.inTransaction) opened.database.run("ROLLBACK");
    opened?.database.close();
  }

  #guarded<Result>(action: () => Result): Result {
    return guarded(this.#options.path, "write to", action);
  }

  #open(): Opened {
    if (this.#opened) return this.#opened;
    throw new KonnError(`Cannot write to ${this.#options.path}: it is not open`, {
      code: "WRITE_ENDED",
    });
  }
}

/** What taking a batch apart into words leaves to collect, for each of its bytes. */
const GARBAGE_FACTOR = 2;

function reportOf(fold: FoldResult, fates: Readonly<Record<Fate, number>>): WriteReport {
  const { written, deleted, unchanged, already_applied } = fates;
  return {
    written,
    deleted,
    skipped: {
      ...fold.skipped,
      ...(unchanged > 0 && { unchanged: (fold.skipped["unchanged"] ?? 0) + unchanged }),
      ...(already_applied > 0 && { already_applied }),
    },
    rejections: fold.rejections,
    unavailableKeys: fold.unavailableKeys,
    droppedFieldsCount: fold.droppedFieldsCount,
  };
}

/** What the checkpoint keeps: whether the index is shown. */
function stateOf({ isLive }: Generation): string {
  return isLive ? "live" : "building";
}

function refuseAnotherSource(path: string, { source }: Generation, now: Identity): void {
  const before: Identity = JSON.parse(source);
  const difference = identityDifference(before, now);
  if (difference === undefined) return;
  throw new KonnError(`Cannot write to ${path}: it was made from another source, ${difference}`, {
    code: "INDEX_OF_ANOTHER_SOURCE",
    hint: "Use another file, or build it anew from this source with --from-beginning.",
  });
}

function goneError(path: string): KonnError {
  return new KonnError(`Cannot go on with ${path}: the index is gone`, {
    code: "INDEX_GONE",
    hint: "Build it anew with --from-beginning.",
  });
}

function otherWriterError(path: string): KonnError {
  return new KonnError(`Cannot write to ${path}: another process is writing to it`, {
    code: "INDEX_BUSY",
    hint: "Stop the other konn, then start this one again: it goes on where the index is.",
  });
}

function replacedError(path: string): KonnError {
  return new KonnError(`Cannot go on with ${path}: something else has built it anew`, {
    code: "INDEX_REPLACED",
    hint: "Start over with --from-beginning, or use that one's --state-dir.",
  });
}
