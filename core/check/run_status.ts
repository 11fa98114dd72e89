import { KonnError, messageOf } from "../base/errors.ts";
import { type Checkpoint, type ListedCheckpoint, listCheckpoints } from "../checkpoint/mod.ts";
import { identityDifference } from "../connector/identity.ts";
import { type Lane, NO_TIMESTAMP, type Source, type StreamIdentity } from "../connector/mod.ts";
import { countDeadLetters, deadLettersPath } from "../dead_letter/dead_letter_file.ts";

/** How far one run has come: what is on disk, and what its source says now. */
export interface RunStatus {
  readonly name: string;
  readonly source: string;
  /** What a person calls the source, where its address does not say. */
  readonly label: string | null;
  readonly sink: string;
  readonly saved_at: string | null;
  readonly lanes: readonly LaneStatus[];
  /** Sequences that are not delivered yet, over all lanes; null where no end is known. */
  readonly lag: number | null;
  /** Age of the oldest event that is not delivered yet; 0 without lag, null where unknown. */
  readonly lag_seconds: number | null;
  readonly dead_letters: number;
  /** Why something is missing: a damaged checkpoint, a source that cannot be reached. */
  readonly problem: string | null;
  /** False when the next run would be refused: a damaged checkpoint, another source. */
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

/** How long one source may take to say where it ends. */
const SOURCE_TIMEOUT_MS = 5_000;

/**
 * Reads what runs have left in a state folder and asks their sources for their ends. A source that
 * cannot be reached costs its lag only.
 */
export async function readRunStatus(
  stateDir: string,
  openSource: OpenSource,
): Promise<readonly RunStatus[]> {
  return Promise.all(
    listCheckpoints(stateDir).map((listed) => statusOf(stateDir, listed, openSource)),
  );
}

async function statusOf(
  stateDir: string,
  { name, checkpoint }: ListedCheckpoint,
  openSource: OpenSource,
): Promise<RunStatus> {
  const dead_letters = countDeadLetters(deadLettersPath(stateDir, name));
  if (checkpoint instanceof KonnError) return unreadable(name, dead_letters, checkpoint);
  const live = await askSource(checkpoint, openSource);
  const lanes = laneStatus(checkpoint, live.ends);
  const lag = lanes.reduce((sum, lane) => sum + (lane.lag ?? 0), 0);
  return {
    name,
    source: checkpoint.source.address,
    label: checkpoint.source.label ?? null,
    sink: checkpoint.sink.address,
    saved_at: checkpoint.savedAt.toISOString(),
    lanes,
    lag: live.ends ? lag : null,
    lag_seconds: live.lagSeconds,
    dead_letters,
    problem: live.problem,
    can_go_on: live.canGoOn,
  };
}

interface LiveSource {
  readonly ends: ReadonlyMap<Lane, bigint> | undefined;
  readonly lagSeconds: number | null;
  readonly problem: string | null;
  readonly canGoOn: boolean;
}

async function askSource(checkpoint: Checkpoint, openSource: OpenSource): Promise<LiveSource> {
  const unknown = { ends: undefined, lagSeconds: null, problem: null, canGoOn: true };
  try {
    await using source = await openSource(checkpoint.source);
    if (!source) return unknown;
    const stop = AbortSignal.timeout(SOURCE_TIMEOUT_MS);
    const { address, identity } = await source.open(stop);
    if (address !== checkpoint.source.address) return unknown;
    const difference = identityDifference(checkpoint.source.identity, identity);
    if (difference !== undefined) {
      const problem = `the source is not what it was: ${difference}`;
      return { ...unknown, problem, canGoOn: false };
    }
    const ends = await source.ends();
    const seconds = await lagSeconds(source, checkpoint, { ends, stop });
    return { ends, lagSeconds: seconds, problem: null, canGoOn: true };
  } catch (error) {
    const mayPass = !(error instanceof KonnError) || error.mayPass;
    return { ...unknown, problem: messageOf(error), canGoOn: mayPass };
  }
}

/** The age of the first event behind the checkpoint, by its record time. */
async function lagSeconds(
  source: Source,
  { lanes }: Checkpoint,
  { ends, stop }: { ends: ReadonlyMap<Lane, bigint>; stop: AbortSignal },
): Promise<number | null> {
  const behind = [...ends].some(([lane, end]) => end > (lanes.get(lane)?.nextSequence ?? 0n));
  if (!behind) return 0;
  const from = new Map([...lanes].map(([lane, at]) => [lane, at.position]));
  for await (const { messages } of source.read({ from, stop, maxEventsCount: 1 })) {
    const [first] = messages;
    if (!first || first.timestampMs === NO_TIMESTAMP) continue;
    return Math.max(0, Math.round((Date.now() - first.timestampMs) / 1_000));
  }
  return null;
}

function laneStatus(
  { lanes }: Checkpoint,
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

function unreadable(name: string, dead_letters: number, error: KonnError): RunStatus {
  return {
    name,
    source: "",
    label: null,
    sink: "",
    saved_at: null,
    lanes: [],
    lag: null,
    lag_seconds: null,
    dead_letters,
    problem: error.message,
    can_go_on: false,
  };
}
