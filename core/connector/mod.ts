/**
 * The contract between sources, sinks and the pipeline that joins them.
 *
 * The pipeline owns the loop: it opens the source, opens the sink, pulls batches, hands each to
 * the sink, puts what was refused into the dead letters, saves the checkpoint and only then tells
 * the source that it may forget. Connectors never call the pipeline and never call each other.
 *
 * ```
 * source.open -> sink.open -> source.read -> sink.write -> dead letters on disk
 *             -> checkpoint on disk -> source.commit -> ... -> dispose both
 * ```
 *
 * Delivery is at least once by this contract alone: after a crash, everything behind the last
 * saved checkpoint is read and written again. A sink makes that exact by being idempotent (an
 * index with external versions) or by keeping the positions together with the data (`commit`).
 */

import type { EventLocation } from "./event_location.ts";
import type { PackedMessages } from "./packed_messages.ts";

/** One ordered stream of messages: a partition of a topic, a file. */
export type Lane = string;

/**
 * A place in a lane from which reading can go on. Minted and understood by its source alone;
 * everybody else stores it and hands it back.
 */
export type Position = string;

/** How far a lane has been delivered. */
export interface LanePosition {
  readonly position: Position;
  /** Everything below this sequence is settled. For lag; `position` is what reading resumes from. */
  readonly nextSequence: bigint;
}

/** A name and its bytes. Kafka allows a name to stand more than once, so headers are a list. */
export interface Header {
  readonly name: string;
  readonly value: Uint8Array | null;
}

/** Where a message stands, or once stood, in Kafka. */
export interface Origin {
  readonly topic: string;
  readonly partition: number;
  /** Only where it differs from the message's sequence (a record that was saved to a file). */
  readonly offset?: bigint;
}

/** One event as raw bytes. Nothing in it has been parsed that need not be. */
export interface Message {
  /** Strictly increasing within its lane: the offset in Kafka, the byte offset in a file. */
  readonly sequence: bigint;
  readonly key: Uint8Array | null;
  /** `null` is a tombstone. */
  readonly value: Uint8Array | null;
  readonly headers: readonly Header[];
  /** Record time in milliseconds since 1970, or {@link NO_TIMESTAMP}. */
  readonly timestampMs: number;
  /** A sink that has partitions keeps the message in this one; without it the key decides. */
  readonly origin?: Origin;
  /** 1-based line, where the source is made of lines. */
  readonly line?: number;
}

/** The record time of a message whose source knows none; a sink may put the time of sending. */
export const NO_TIMESTAMP = -1;

/** A message, or something that should have been one, that can never be delivered. */
export interface Rejection {
  readonly sequence: bigint;
  readonly line?: number | undefined;
  readonly key?: string | undefined;
  /** A stable name in SCREAMING_SNAKE case. */
  readonly code: string;
  /** For a person. Names the place and the fault, never the content of the record. */
  readonly reason: string;
}

/** How many messages had the same fate, by reason. */
export type Counts = Readonly<Record<string, number>>;

/** Consecutive messages of one lane. */
export interface Batch {
  readonly lane: Lane;
  readonly messages: readonly Message[];
  /**
   * The very messages, as places in one block, where the source has them so. `messages` is then made
   * of it when it is first asked for.
   */
  readonly packed?: PackedMessages | undefined;
  /**
   * Nobody needs the bytes of the messages any more: the source may use their memory again. Called
   * at most once, or never.
   */
  readonly release?: (() => void) | undefined;
  /** Reading from here yields nothing of this batch and misses nothing after it. */
  readonly position: Position;
  /**
   * Every sequence of the lane below this one is settled by this batch and those before it. It can
   * lie beyond the last message: control records, compacted records and blank lines leave gaps.
   */
  readonly nextSequence: bigint;
  /** What the source found in place of a message: a line that is not JSON, one without a key. */
  readonly rejections: readonly Rejection[];
  /** What the source passed over by rule, by reason: blank lines, excluded types. */
  readonly skipped: Counts;
  /** The size of the batch in memory, in bytes, for the pipeline's limits. */
  readonly sizeBytes: number;
  /**
   * Of a batch of no messages: the lane has changed hands between the runs that share the stream.
   * What was delivered of it before counts no more, and what is under way may end as it likes: the
   * lane stands at this position, and goes on from there, here or in another run.
   */
  readonly hasMoved?: true;
}

/**
 * Positions that a source keeps for the runs that share its lanes, in the place of their
 * checkpoints. With each of them stands a note, which says what they are positions of: the sink.
 */
export interface SharedPositions {
  /** A note that is kept there; undefined while there are no positions with one. */
  readonly note: string | undefined;
  /** How far the lanes have come for whoever has this note. */
  lanes(note: string): ReadonlyMap<Lane, LanePosition>;
}

/** Facts about one end of a run. A later run that finds another value under a name is refused. */
export type Identity = Readonly<Record<string, string>>;

/** What a source says of itself once it is open. */
export interface StreamIdentity {
  /** Where the stream is, in canonical form and without secrets: part of the checkpoint's name. */
  readonly address: string;
  /** What was found there: cluster id, topic id, partition count. */
  readonly identity: Identity;
  /** What a person calls it, where the address does not say: the path of a file. */
  readonly label?: string;
  /** How many lanes the stream has; one, where it is not said. */
  readonly lanesCount?: number;
  /**
   * The name under which a sink can keep positions of this stream together with its data. Absent
   * where reading cannot go on from a position (stdin).
   */
  readonly streamId?: string;
  /** Present where several runs share the lanes, and what decides is kept by the source. */
  readonly shared?: SharedPositions;
  /** How many partitions a topic needs to hold the messages by their origin, where that is known. */
  readonly partitionsCount?: number;
  /**
   * Finds out how many messages of the stream's beginning are no longer there, those left out that
   * later ones have made superfluous (compaction). None, where it cannot be asked.
   */
  readonly missingCount?: () => Promise<bigint>;
}

export interface ReadOptions {
  /**
   * Where each lane goes on. A lane that is not listed starts at its beginning. A source with
   * {@link SharedPositions} goes by those.
   */
  readonly from: ReadonlyMap<Lane, Position>;
  /** For a source with {@link SharedPositions}: what to keep with them. */
  readonly note?: string | undefined;
  /**
   * Stop reading. The iteration then ends soon and without an error; what was yielded before
   * stays valid.
   */
  readonly stop: AbortSignal;
  /** At most so many messages, rejections and skipped ones in all. */
  readonly maxEventsCount?: number | undefined;
  /** At most so many messages in one batch, for pacing. */
  readonly maxBatchCount?: number | undefined;
}

/**
 * Where events come from.
 *
 * Call order: `open` once, `ends` at any time after it, `read` once, `commit` any number of times
 * during `read`, dispose once or more. An error from any of them is final for this source object;
 * transient faults (a leader that moves, a connection that breaks) are retried inside and end in
 * an error only after a limit of the source's own.
 */
export interface Source extends AsyncDisposable {
  /** Connects and identifies the stream. Throws when it cannot be reached or does not exist. */
  open(signal: AbortSignal): Promise<StreamIdentity>;

  /**
   * For each lane the sequence that the next new message would get: the high watermark of a
   * partition, the size of a file. A lane whose end cannot be known (stdin) is left out.
   */
  ends(): Promise<ReadonlyMap<Lane, bigint>>;

  /**
   * Pulls batches of all lanes, each lane in order, lanes in any order. The caller's pace is the
   * source's pace: nothing is read far ahead of what was asked for. A bounded source ends by
   * itself, exactly at the ends seen at its start; a following one ends only by `stop`, or when what
   * it was named by is another stream now (a file that was rotated).
   *
   * A lane that begins behind 0 without a position yields a batch of no messages that says where,
   * or nobody could tell that it has been reached.
   *
   * Where several runs share the lanes, each reads those that it has at the moment, and yields a
   * batch with `hasMoved` for each that it gets or loses. Of the others it yields batches of no
   * messages that say how far they have come, so that "the ends are reached" means all lanes,
   * whoever has read them.
   */
  read(options: ReadOptions): AsyncIterable<Batch>;

  /**
   * The position from which `read` begins with the message of this sequence, which was read once.
   * Undefined when it is gone. A source without this can be read again only from its beginning.
   */
  positionAt?(lane: Lane, sequence: bigint): Promise<Position | undefined>;

  /**
   * The bytes of something that the source rejected, for a person to look at; undefined where there
   * is nothing, or more than anybody could look at. In place of `read`.
   */
  bytesAt?(location: EventLocation, signal: AbortSignal): Promise<Uint8Array | undefined>;

  /**
   * These positions are on konn's disk, the source may forget what lies behind them. One that keeps
   * {@link SharedPositions} keeps those of the lanes that this run has, soon; at once when the reading
   * has ended. Lanes that it has lost are listed as well, and mean nothing.
   */
  commit?(durable: ReadonlyMap<Lane, Position>): Promise<void>;
}

/** What the pipeline tells a sink when it opens it. */
export interface SinkOpenOptions {
  readonly stream: StreamIdentity;
  /** What the checkpoint holds of this sink, or undefined for a first run. */
  readonly resume: SinkResume | undefined;
  /** Build anew from the stream's beginning, whatever is there already. */
  readonly fromBeginning: boolean;
  readonly signal: AbortSignal;
}

/** What a sink says of itself once it is open, and is told again by the next run. */
export interface SinkFacts {
  readonly identity: Identity;
  readonly state: string | undefined;
}

/** What the checkpoint holds for a sink. */
export interface SinkResume extends SinkFacts {
  /** How far the checkpoint says that the stream was delivered; absent for nowhere. */
  readonly positions?: ReadonlyMap<Lane, LanePosition>;
  /**
   * The stream is shared, and its positions carry the sink that they are of. So something that was
   * built anew from this stream may be taken instead, where there is such a thing.
   */
  readonly mayBeReplaced?: boolean;
}

/** What a sink says of itself once it is open. */
export interface SinkOpening extends SinkFacts {
  /** What a person calls the place, where its address does not say. */
  readonly label?: string;
  /**
   * Positions that the sink keeps together with the data. They take the place of those of the
   * checkpoint, since they moved in the same transaction as the data did. Whoever returns them, be
   * it an empty map, wants `commit` to be called.
   */
  readonly positions?: ReadonlyMap<Lane, LanePosition>;
  /** It is not what `resume` remembers, but what has taken its place. */
  readonly isReplacement?: boolean;
}

/** The fate of a batch. The counts and the rejections add up to the batch's messages. */
export interface WriteReport {
  readonly written: number;
  readonly deleted: number;
  readonly skipped: Counts;
  readonly rejections: readonly Rejection[];
  /** Keys whose value the stream did not send, and of which nothing was known before. */
  readonly unavailableKeys?: readonly string[];
  /** Values that had no place in their document, in all documents. */
  readonly droppedFieldsCount?: number;
  /**
   * What `open` must be given to go on right behind this batch, where the sink needs more than the
   * positions: the length of a file. Reports that carry it resolve in the order of the writes.
   */
  readonly state?: string;
}

/**
 * Where events go to.
 *
 * Call order: `address` once, `open` once, `write`, `commit`, `checkpointed` and `moved` any number of
 * times, `caughtUp` at most once, dispose once or more.
 *
 * **What a write promises.** When `write` resolves, every message of the batch is delivered, or
 * skipped by a rule, or listed as rejected, and that outcome survives a crash of the sink's
 * service as far as that service promises at all (acks from all replicas, a translog on disk,
 * fsync of a file). Nothing is left in a buffer.
 *
 * **What an error means.** The sink retries what may succeed later, with backoff and until the
 * signal aborts, so a throw says: nothing is known of this batch and the run must end. Everything
 * since the last checkpoint will be written again by the next run.
 *
 * **Concurrency.** The pipeline may call `write` again before earlier calls have resolved, for the
 * same lane too, always in the order of the lane. How much of it runs at once is the sink's
 * choice, but messages with one key take effect in the order of the calls.
 *
 * **Transactions.** A sink that keeps positions with its data has `commit`, and what it has written
 * since the last one takes effect only then: all of it with the positions, or nothing. The pipeline
 * calls it while no write is under way, with positions that stand behind everything that was
 * written, once what was rejected is in the dead letters. A run that fails does not call it.
 */
export interface Sink extends AsyncDisposable {
  /**
   * How long after a message was refused, in milliseconds, it may be written behind later ones of
   * its key and never undo what these did. Absent where it takes effect in the order of writing.
   */
  readonly lateWritesMs?: number | undefined;

  /** It keeps no view of the bytes of a batch once `write` has resolved: they may be overwritten. */
  readonly copiesBytes?: true;

  /**
   * Where the data goes, in canonical form and without secrets: part of the checkpoint's name. Asks
   * the service who it is, where that takes asking, but changes nothing there: the lock of the run
   * is taken by this name.
   */
  address(signal: AbortSignal): Promise<string>;

  /**
   * Connects, creates what is missing, and refuses what is not ours to write to. It must not
   * create anything when `resume` says that something should already be there.
   */
  open(options: SinkOpenOptions): Promise<SinkOpening>;

  write(batch: Batch, signal: AbortSignal): Promise<WriteReport>;

  /**
   * Makes what was written take effect, together with these positions. An error means that nothing
   * is known of it and that the run must end.
   */
  commit?(lanes: ReadonlyMap<Lane, LanePosition>): Promise<void>;

  /**
   * What lies below these sequences is settled, and the checkpoint on konn's disk says so: it will
   * never be written again by this run or a later one. Called after each save, and not at all by a
   * run without a checkpoint.
   */
  checkpointed?(lanes: ReadonlyMap<Lane, bigint>): void;

  /**
   * The lane was, or is from now on, with another run: what is known of its keys from writes of
   * this one tells nothing any more. Between two writes, in the order of the lane.
   */
  moved?(lane: Lane): void;

  /**
   * Everything that the source held when the run began has been delivered and checkpointed: what
   * was built anew may now be shown. Returns the state to checkpoint.
   */
  caughtUp?(signal: AbortSignal): Promise<string | undefined>;

  /** Throws when the service does not answer, and changes nothing: called at any time. */
  ping?(signal: AbortSignal): Promise<void>;
}
