import { KonnError, messageOf } from "../base/errors.ts";
import {
  type Checkpoint,
  formatNote,
  openRunState,
  parseNote,
  type RunAddresses,
  runName,
  type RunState,
} from "../checkpoint/mod.ts";
import { identityDifference, identityFingerprint } from "../connector/identity.ts";
import type {
  Lane,
  LanePosition,
  SharedPositions,
  Sink,
  SinkOpening,
  SinkResume,
  Source,
  StreamIdentity,
} from "../connector/mod.ts";
import { DeadLetterFile } from "../dead_letter/dead_letter_file.ts";
import type { RunObserver } from "../observe/observer.ts";
import { Delivery } from "./delivery.ts";
import type { Pacer } from "./pacer.ts";
import { RunTally, type RunSnapshot, type RunSummary } from "./run_tally.ts";
import { watchRun } from "./run_watch.ts";

export interface RunOptions {
  readonly source: Source;
  readonly sink: Sink;
  /** Where checkpoints, locks and dead letters live. */
  readonly stateDir: string;
  /** False for a source or a sink that cannot be resumed (stdin, stdout): no checkpoint, no lock. */
  readonly resumable: boolean;
  /** Leave nothing behind, no dead letters either: count. */
  readonly isDryRun?: boolean;
  /** Forget the checkpoint and have the sink build anew. */
  readonly fromBeginning?: boolean;
  /** The source itself knows where to begin, whatever was delivered. */
  readonly ignorePositions?: boolean;
  /**
   * Why the run before this one has lost its transaction. It is thrown after all when somebody else
   * has moved the sink's positions meanwhile.
   */
  readonly transactionLostBy?: KonnError | undefined;
  readonly maxEventsCount?: number | undefined;
  /** More dead letters than this end the run with an error. */
  readonly maxDeadLettersCount?: number | undefined;
  readonly pacer?: Pacer | undefined;
  /** The source goes on at its ends. They are asked for again and again, for the lag. */
  readonly follow?: boolean;
  /** Stop reading, deliver what is in hand, save, and return. */
  readonly stop: AbortSignal;
  readonly observer: RunObserver;
  /** Hears how far the run is: once when it is open and then after each settled batch. */
  readonly onProgress?: (snapshot: RunSnapshot) => void;
  /** Hears what was done by a run that ends with an error. */
  readonly onFailure?: (summary: RunSummary) => void;
}

const START_OVER_HINT =
  "Start over: sync and pipe --from-beginning, replay --again. Or use another --state-dir.";

/**
 * Moves everything from a source to a sink: source -> sink -> dead letters -> checkpoint -> commit.
 * Resolves when a bounded source has ended, when `maxEventsCount` is reached, or after `stop`.
 * Closes both ends in every case.
 *
 * @throws KonnError of the source, the sink or the state folder. The checkpoint then stands at what
 * had been settled without a gap.
 */
export async function run(options: RunOptions): Promise<RunSummary> {
  await using source = options.source;
  await using sink = options.sink;
  const tally = new RunTally(options.observer);
  const stream = await source.open(options.stop);
  const addresses = { source: stream.address, sink: await sink.address(options.stop) };
  refuseSamePlace(addresses);
  const { shared } = stream;
  const isShared = shared !== undefined;
  using state = options.resumable
    ? openRunState(options.stateDir, addresses, { isShared })
    : undefined;
  const isAnew = options.fromBeginning === true || options.ignorePositions === true;
  const checkpoint = isAnew || isShared ? undefined : state?.load();
  using deadLetters = new DeadLetterFile(options.stateDir, {
    runName: state?.name ?? runName(addresses),
    isResumed: checkpoint !== undefined || isShared,
    isKept: options.isDryRun !== true,
    stream: identityFingerprint(stream.identity),
  });
  if (checkpoint) refuseAnotherStream(checkpoint, stream);
  const opening = await openSink(options, { stream, checkpoint, address: addresses.sink });
  refuseTakeover(options.transactionLostBy, checkpoint, opening);
  const note = isShared ? formatNote(opening) : undefined;
  const known = shared?.lanes(note ?? "") ?? startPositions(checkpoint, opening);
  const start = isAnew ? new Map<Lane, LanePosition>() : known;
  const ends = await source.ends();
  tally.begin(start, ends);

  const delivery = new Delivery({
    ...options,
    ends,
    start,
    tally,
    deadLetters,
    sinkState: opening.state,
    commit: opening.positions && sink.commit?.bind(sink),
    save: checkpointSaver({
      state,
      stream,
      sink,
      sinkFacts: {
        address: addresses.sink,
        identity: opening.identity,
        ...(opening.label !== undefined && { label: opening.label }),
      },
      source,
      tally,
    }),
  });
  const summarize = (end: RunEnd): RunSummary => {
    const { hasShown } = delivery;
    const facts = { ...end, hasShown, deadLettersPath: deadLetters.path };
    const onlyCommitted = !end.complete && opening.positions !== undefined;
    return tally.summary(facts, { onlyCommitted });
  };
  try {
    return summarize(await deliverAll(options, { start, note }, delivery, tally));
  } catch (error) {
    options.onFailure?.(summarize({ complete: false, sourceEnded: false }));
    throw error;
  }
}

interface RunStart {
  readonly start: ReadonlyMap<Lane, LanePosition>;
  readonly note: string | undefined;
}

type RunEnd = Pick<RunSummary, "complete" | "sourceEnded">;

/** Reads, delivers and saves until the end. */
async function deliverAll(
  options: RunOptions,
  begin: RunStart,
  delivery: Delivery,
  tally: RunTally,
): Promise<RunEnd> {
  options.observer.meter?.began({ isFollowing: options.follow === true });
  await delivery.begin();
  using _watch = options.follow ? watchRun(options, tally) : undefined;
  const readToTheEnd = await pump(options, begin, delivery, tally).catch(async (error: unknown) => {
    // What was read before the source failed is still delivered and saved.
    await delivery.finish(false).catch((second: unknown) => {
      if (second !== error) options.observer.log.error(messageOf(second));
    });
    throw error;
  });
  await delivery.finish(readToTheEnd);
  // A stop that came when everything had been read cut nothing short.
  const complete = !options.stop.aborted || readToTheEnd || delivery.hasReachedEnds;
  return { complete, sourceEnded: readToTheEnd };
}

/** Reads until the source ends, the limit is reached or `stop`. Tells whether the source ended. */
async function pump(
  options: RunOptions,
  begin: RunStart,
  delivery: Delivery,
  tally: RunTally,
): Promise<boolean> {
  const { source, pacer, maxEventsCount } = options;
  const stop = AbortSignal.any([options.stop, delivery.failed]);
  const { start, note } = begin;
  const batches = source.read({
    note,
    from: new Map([...start].map(([lane, at]) => [lane, at.position])),
    stop,
    maxEventsCount,
    maxBatchCount: pacer?.maxBatchCount,
  });
  for await (const batch of batches) {
    await pacer?.wait(batch, stop);
    if (stop.aborted) break;
    await delivery.admit(batch);
  }
  return !stop.aborted && (maxEventsCount === undefined || tally.eventsRead < maxEventsCount);
}

interface SinkOpenParts {
  readonly stream: StreamIdentity;
  readonly checkpoint: Checkpoint | undefined;
  readonly address: string;
}

async function openSink(
  { sink, stop, fromBeginning = false }: RunOptions,
  { stream, checkpoint, address }: SinkOpenParts,
): Promise<SinkOpening> {
  const resume = stream.shared
    ? sharedResume(stream.shared)
    : checkpoint && { ...checkpoint.sink, positions: checkpoint.lanes };
  const opening = await sink.open({ stream, resume, fromBeginning, signal: stop });
  if (opening.isReplacement) return opening;
  const difference = resume && identityDifference(resume.identity, opening.identity);
  if (difference === undefined) return opening;
  throw new KonnError(`Cannot go on into ${address}: it is not what it was, ${difference}`, {
    code: "SINK_CHANGED",
    hint: START_OVER_HINT,
  });
}

/** What the source has kept of the sink, for all the runs that share it. */
function sharedResume({ note }: SharedPositions): SinkResume | undefined {
  const facts = note === undefined ? undefined : parseNote(note);
  return facts && { ...facts, mayBeReplaced: true };
}

/** A topic that is copied into itself never ends. */
function refuseSamePlace({ source, sink }: RunAddresses): void {
  if (source !== sink) return;
  throw new KonnError(`Cannot move events from ${source} to itself`, {
    code: "SAME_PLACE",
    kind: "usage",
    hint: "Name another sink.",
  });
}

function refuseAnotherStream(checkpoint: Checkpoint, stream: StreamIdentity): void {
  const difference = identityDifference(checkpoint.source.identity, stream.identity);
  if (difference === undefined) return;
  throw new KonnError(`Cannot go on from ${stream.address}: it is not what it was, ${difference}`, {
    code: "SOURCE_CHANGED",
    hint: START_OVER_HINT,
  });
}

/** Two that go on from the same place would take the stream from each other for ever. */
function refuseTakeover(
  lostBy: KonnError | undefined,
  checkpoint: Checkpoint | undefined,
  { positions }: SinkOpening,
): void {
  if (lostBy === undefined) return;
  const saved = checkpoint?.lanes ?? new Map<Lane, LanePosition>();
  const lanes = new Set([...saved.keys(), ...(positions?.keys() ?? [])]);
  for (const lane of lanes) {
    if (saved.get(lane)?.position !== positions?.get(lane)?.position) throw lostBy;
  }
}

/** Positions that the sink keeps with its data take the place of those of the checkpoint. */
function startPositions(
  checkpoint: Checkpoint | undefined,
  opening: SinkOpening,
): ReadonlyMap<Lane, LanePosition> {
  return opening.positions ?? checkpoint?.lanes ?? new Map<Lane, LanePosition>();
}

interface SaverParts {
  readonly state: RunState | undefined;
  readonly stream: StreamIdentity;
  readonly sink: Sink;
  readonly sinkFacts: Omit<Checkpoint["sink"], "state">;
  readonly source: Source;
  readonly tally: RunTally;
}

/** Makes the function that puts positions on disk and then lets the source forget. */
function checkpointSaver({ state, stream, sink, sinkFacts, source, tally }: SaverParts) {
  return async (
    lanes: ReadonlyMap<Lane, LanePosition>,
    sinkState: string | undefined,
  ): Promise<void> => {
    if (!state) return;
    state.save({
      source: stream,
      sink: { ...sinkFacts, state: sinkState },
      lanes,
    });
    tally.saved();
    sink.checkpointed?.(new Map([...lanes].map(([lane, at]) => [lane, at.nextSequence])));
    await source.commit?.(new Map([...lanes].map(([lane, at]) => [lane, at.position])));
  };
}
