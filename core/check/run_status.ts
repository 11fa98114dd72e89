import { KonnError, messageOf } from "../base/errors.ts";
import { type Checkpoint, type ListedCheckpoint, listCheckpoints } from "../checkpoint/mod.ts";
import type { Lane, Source } from "../connector/mod.ts";
import { deadLettersPath, readDeadLetters } from "../dead_letter/dead_letter_file.ts";

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
  readonly lag: string | null;
  /** Age of the oldest event that is not delivered yet; 0 without lag, null where unknown. */
  readonly lag_seconds: number | null;
  readonly dead_letters: number;
  /** Why something is missing: a damaged checkpoint, a source that cannot be reached. */
  readonly problem: string | null;
}

export interface LaneStatus {
  readonly lane: Lane;
  readonly next_sequence: string;
  readonly end: string | null;
  readonly lag: string | null;
}

/** How long one source may take to say where it ends. */
const SOURCE_TIMEOUT_MS = 5_000;

/**
 * Reads what runs have left in a state folder and asks their sources for their ends. A source that
 * cannot be reached costs its lag only.
 *
 * @param openSource makes the source of an address, or nothing where an address cannot be opened
 */
export async function readRunStatus(
  stateDir: string,
  openSource: (address: string) => Promise<Source | undefined>,
): Promise<readonly RunStatus[]> {
  return Promise.all(
    listCheckpoints(stateDir).map((listed) => statusOf(stateDir, listed, openSource)),
  );
}

async function statusOf(
  stateDir: string,
  { name, checkpoint }: ListedCheckpoint,
  openSource: (address: string) => Promise<Source | undefined>,
): Promise<RunStatus> {
  const dead_letters = readDeadLetters(deadLettersPath(stateDir, name)).length;
  if (checkpoint instanceof KonnError) return unreadable(name, dead_letters, checkpoint);
  const live = await askSource(checkpoint, openSource);
  const lanes = laneStatus(checkpoint, live.ends);
  const lags = lanes.flatMap(({ lag }) => (lag === null ? [] : [BigInt(lag)]));
  return {
    name,
    source: checkpoint.source.address,
    label: checkpoint.source.label ?? null,
    sink: checkpoint.sink.address,
    saved_at: checkpoint.savedAt.toISOString(),
    lanes,
    lag: live.ends ? String(lags.reduce((sum, lag) => sum + lag, 0n)) : null,
    lag_seconds: live.lagSeconds,
    dead_letters,
    problem: live.problem,
  };
}

interface LiveSource {
  readonly ends: ReadonlyMap<Lane, bigint> | undefined;
  readonly lagSeconds: number | null;
  readonly problem: string | null;
}

async function askSource(
  checkpoint: Checkpoint,
  openSource: (address: string) => Promise<Source | undefined>,
): Promise<LiveSource> {
  try {
    await using source = await openSource(checkpoint.source.address);
    if (!source) return { ends: undefined, lagSeconds: null, problem: null };
    const stop = AbortSignal.timeout(SOURCE_TIMEOUT_MS);
    await source.open(stop);
    const ends = await source.ends();
    return {
      ends,
      lagSeconds: await lagSeconds(source, checkpoint, { ends, stop }),
      problem: null,
    };
  } catch (error) {
    return { ends: undefined, lagSeconds: null, problem: messageOf(error) };
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
    if (!first) continue;
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
      next_sequence: String(next),
      end: end === undefined ? null : String(end),
      lag: end === undefined ? null : String(end > next ? end - next : 0n),
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
  };
}
