import { KonnError, messageOf } from "../base/errors.ts";
import { type Checkpoint, type ListedCheckpoint, listCheckpoints } from "../checkpoint/mod.ts";
import { identityDifference } from "../connector/identity.ts";
import {
  type Lane,
  type LanePosition,
  NO_TIMESTAMP,
  type Source,
  type StreamIdentity,
} from "../connector/mod.ts";
import {
  countDeadLetters,
  deadLettersPath,
  runsWithDeadLetters,
} from "../dead_letter/dead_letter_file.ts";

/** How far one run has come: what is on disk, and what its source says now. */
export interface RunStatus {
  readonly name: string;
  /** Empty, as the sink is, where no checkpoint says so. */
  readonly source: string;
  /** What a person calls the source, where its address does not say. */
  readonly label: string | null;
  readonly sink: string;
  /** What a person calls the sink, where its address does not say. */
  readonly sink_label: string | null;
  readonly saved_at: string | null;
  readonly lanes: readonly LaneStatus[];
  /** Sequences that are not delivered yet, over all lanes; null where no end is known. */
  readonly lag: number | null;
  /** Age of the oldest event that is not delivered yet; 0 without lag, null where unknown. */
  readonly lag_seconds: number | null;
  readonly dead_letters: number;
  /** Why something is missing: a damaged checkpoint, a source that cannot be reached. */
  readonly problem: string | null;
  /** The same for a script, in SCREAMING_SNAKE case. */
  readonly problem_code: string | null;
  /** Why the sink would not take what comes next: nobody answers, its index is gone. */
  readonly sink_problem: string | null;
  readonly sink_problem_code: string | null;
  /** False when the next run would be refused: a damaged checkpoint, another source or index. */
  readonly can_go_on: boolean;
}

export interface LaneStatus {
  readonly lane: Lane;
  readonly next_sequence: number;
  readonly end: number | null;
  readonly lag: number | null;
}

/** Makes the source of a checkpoint, or nothing where it cannot be opened again. */
export type OpenSource = (stream: StreamIdentity) => Promise<Source | undefined>;

/** Throws what the next run would be refused with by its sink. Does nothing where nobody can ask it. */
export type CheckSink = (checkpoint: Checkpoint, stop: AbortSignal) => Promise<void>;

/** What a run is asked about beside its files. */
export interface StatusOptions {
  readonly openSource: OpenSource;
  readonly checkSink?: CheckSink;
  readonly stop: AbortSignal;
}

/** How long one source may take to say where it ends. */
const SOURCE_TIMEOUT_MS = 5_000;
const NO_ANSWER: Problem = {
  code: "SOURCE_SILENT",
  text: `the source gave no answer within ${SOURCE_TIMEOUT_MS / 1_000} s`,
};
const SINK_SILENT: Problem = {
  code: "SINK_SILENT",
  text: `the sink gave no answer within ${SOURCE_TIMEOUT_MS / 1_000} s`,
};
/** Sources that are asked at the same time: each has connections of its own. */
const SOURCES_TOGETHER_COUNT = 8;
/** Batches that are looked through for the first event of each lane. */
const LAG_BATCHES_MAX_COUNT = 1_000;

/**
 * Reads what runs have left in a state folder and asks their sources for their ends. A source that
 * cannot be reached costs its lag only.
 */
export async function readRunStatus(
  stateDir: string,
  options: StatusOptions,
): Promise<readonly RunStatus[]> {
  const listed = listCheckpoints(stateDir);
  const found: RunStatus[] = [];
  for (let at = 0; at < listed.length; at += SOURCES_TOGETHER_COUNT) {
    const together = listed.slice(at, at + SOURCES_TOGETHER_COUNT);
    const asked = together.map((each) => statusOf(stateDir, each, options));
    found.push(...(await Promise.all(asked)));
  }
  return [...found, ...lettersWithoutCheckpoint(stateDir, listed)];
}

/**
 * How far the runs have come that share a stream, also from a folder in which none of them has left
 * anything.
 *
 * @param source with shared positions. It is closed.
 */
export async function readSharedStatus(
  name: string,
  source: Source,
  stop: AbortSignal,
): Promise<RunStatus> {
  await using opened = source;
  const stream = await opened.open(stop);
  const lanes = stream.shared?.lanes(stream.shared.note ?? "") ?? new Map<Lane, LanePosition>();
  const ends = await opened.ends();
  const status = laneStatus(lanes, ends);
  const known = {
    ...nothingKnown(name, 0),
    source: stream.address,
    label: stream.label ?? null,
    lanes: status,
    lag: status.reduce((sum, lane) => sum + (lane.lag ?? 0), 0),
  };
  const beyond = beyondEnd(lanes, ends);
  if (beyond !== undefined) return withProblem(known, beyond, false);
  try {
    return { ...known, lag_seconds: await lagSeconds(opened, lanes, { ends, stop }) };
  } catch (error) {
    if (!(error instanceof KonnError) || stop.aborted) throw error;
    return withProblem(known, { code: error.code, text: error.message }, error.mayPass);
  }
}

function withProblem(
  status: RunStatus,
  { code: problem_code, text: problem }: Problem,
  can_go_on: boolean,
): RunStatus {
  return { ...status, problem, problem_code, can_go_on };
}

async function statusOf(
  stateDir: string,
  { name, checkpoint }: ListedCheckpoint,
  options: StatusOptions,
): Promise<RunStatus> {
  const dead_letters = countDeadLetters(deadLettersPath(stateDir, name));
  if (checkpoint instanceof KonnError) return unreadable(name, dead_letters, checkpoint);
  const [live, sink] = await Promise.all([
    askSource(checkpoint, options),
    askSink(checkpoint, options),
  ]);
  const lanes = laneStatus(live.lanes, live.ends);
  const lag = lanes.reduce((sum, lane) => sum + (lane.lag ?? 0), 0);
  return {
    name,
    source: checkpoint.source.address,
    label: checkpoint.source.label ?? null,
    sink: checkpoint.sink.address,
    sink_label: checkpoint.sink.label ?? null,
    saved_at: checkpoint.savedAt.toISOString(),
    lanes,
    lag: live.ends ? lag : null,
    lag_seconds: live.lagSeconds,
    dead_letters,
    problem: live.problem?.text ?? null,
    problem_code: live.problem?.code ?? null,
    sink_problem: sink?.text ?? null,
    sink_problem_code: sink?.code ?? null,
    can_go_on: live.canGoOn && (sink?.mayPass ?? true),
  };
}

type Lanes = Checkpoint["lanes"];

interface Problem {
  readonly code: string;
  readonly text: string;
}

interface LiveSource {
  /** How far it was delivered: by the checkpoint, unless the source knows it itself. */
  readonly lanes: Lanes;
  readonly ends: ReadonlyMap<Lane, bigint> | undefined;
  readonly lagSeconds: number | null;
  readonly problem: Problem | undefined;
  readonly canGoOn: boolean;
}

async function askSource(
  checkpoint: Checkpoint,
  { openSource, stop: interrupted }: StatusOptions,
): Promise<LiveSource> {
  let { lanes } = checkpoint;
  const known = { ends: undefined, lagSeconds: null, problem: undefined, canGoOn: true };
  const unknown = { ...known, lanes };
  const stop = AbortSignal.any([interrupted, AbortSignal.timeout(SOURCE_TIMEOUT_MS)]);
  try {
    await using source = await openSource(checkpoint.source);
    if (!source) return unknown;
    // Whatever it is at, it ends when it is closed: `ends` alone would wait for leaders for minutes.
    stop.addEventListener("abort", () => void source[Symbol.asyncDispose](), { once: true });
    const { address, identity, shared } = await source.open(stop);
    if (address !== checkpoint.source.address) return unknown;
    const difference = identityDifference(checkpoint.source.identity, identity);
    if (difference !== undefined) {
      const text = `the source is not what it was: ${difference}`;
      return { ...unknown, problem: { code: "SOURCE_CHANGED", text }, canGoOn: false };
    }
    if (shared) lanes = shared.lanes(shared.note ?? "");
    const ends = await source.ends();
    const beyond = beyondEnd(lanes, ends);
    if (beyond !== undefined) return { ...known, lanes, ends, problem: beyond, canGoOn: false };
    const seconds = await lagSeconds(source, lanes, { ends, stop });
    return { ...known, lanes, ends, lagSeconds: seconds };
  } catch (error) {
    if (stop.aborted) return { ...unknown, problem: NO_ANSWER };
    const code = error instanceof KonnError ? error.code : "INTERNAL";
    // A file that was moved goes on under its new path.
    const canGoOn = !(error instanceof KonnError) || error.mayPass || code === "FILE_NOT_FOUND";
    return { ...unknown, problem: { code, text: messageOf(error) }, canGoOn };
  }
}

/** Undefined where nothing is wrong, and where nobody can look into the sink. */
async function askSink(
  checkpoint: Checkpoint,
  { checkSink, stop: interrupted }: StatusOptions,
): Promise<(Problem & { readonly mayPass: boolean }) | undefined> {
  const stop = AbortSignal.any([interrupted, AbortSignal.timeout(SOURCE_TIMEOUT_MS)]);
  try {
    await checkSink?.(checkpoint, stop);
    return undefined;
  } catch (error) {
    if (stop.aborted) return { ...SINK_SILENT, mayPass: true };
    if (!(error instanceof KonnError)) throw error;
    return { code: error.code, text: error.message, mayPass: error.mayPass };
  }
}

/** A source that has become shorter is not the one that was read: the next run will refuse it. */
function beyondEnd(lanes: Lanes, ends: ReadonlyMap<Lane, bigint>): Problem | undefined {
  for (const [lane, { nextSequence }] of lanes) {
    const end = ends.get(lane);
    if (end === undefined || end >= nextSequence) continue;
    const text = `${lane} ends at ${end}, and was delivered up to ${nextSequence} already`;
    return { code: "SOURCE_SHORTENED", text };
  }
  return undefined;
}

/** The age of the oldest of the first events behind the checkpoint, by their record times. */
async function lagSeconds(
  source: Source,
  lanes: Lanes,
  { ends, stop }: { ends: ReadonlyMap<Lane, bigint>; stop: AbortSignal },
): Promise<number | null> {
  const behind = new Set<Lane>();
  for (const [lane, end] of ends) {
    if (end > (lanes.get(lane)?.nextSequence ?? 0n)) behind.add(lane);
  }
  if (behind.size === 0) return 0;
  const from = new Map([...lanes].map(([lane, at]) => [lane, at.position]));
  let oldestMs = Infinity;
  let batchesCount = 0;
  for await (const { lane, messages } of source.read({ from, stop })) {
    const [first] = messages;
    if (first && behind.delete(lane) && first.timestampMs !== NO_TIMESTAMP) {
      oldestMs = Math.min(oldestMs, first.timestampMs);
    }
    batchesCount += 1;
    if (behind.size === 0 || batchesCount === LAG_BATCHES_MAX_COUNT) break;
  }
  return oldestMs === Infinity ? null : Math.max(0, Math.round((Date.now() - oldestMs) / 1_000));
}

function laneStatus(
  lanes: Lanes,
  ends: ReadonlyMap<Lane, bigint> | undefined,
): readonly LaneStatus[] {
  const names = [...new Set([...lanes.keys(), ...(ends?.keys() ?? [])])].toSorted();
  return names.map((lane) => {
    const next = lanes.get(lane)?.nextSequence ?? 0n;
    const end = ends?.get(lane);
    return {
      lane,
      next_sequence: Number(next),
      end: end === undefined ? null : Number(end),
      lag: end === undefined ? null : Number(end > next ? end - next : 0n),
    };
  });
}

/** Runs that cannot go on where they stopped (stdin, stdout) leave dead letters alone. */
function lettersWithoutCheckpoint(
  stateDir: string,
  listed: readonly ListedCheckpoint[],
): readonly RunStatus[] {
  const known = new Set(listed.map(({ name }) => name));
  return runsWithDeadLetters(stateDir)
    .filter((name) => !known.has(name))
    .map((name) => nothingKnown(name, countDeadLetters(deadLettersPath(stateDir, name))));
}

function unreadable(name: string, dead_letters: number, error: KonnError): RunStatus {
  const { message: problem, code: problem_code } = error;
  return { ...nothingKnown(name, dead_letters), problem, problem_code, can_go_on: false };
}

function nothingKnown(name: string, dead_letters: number): RunStatus {
  return {
    name,
    source: "",
    label: null,
    sink: "",
    sink_label: null,
    saved_at: null,
    lanes: [],
    lag: null,
    lag_seconds: null,
    dead_letters,
    problem: null,
    problem_code: null,
    sink_problem: null,
    sink_problem_code: null,
    can_go_on: true,
  };
}
