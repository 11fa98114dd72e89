import { KonnError } from "../base/errors.ts";
import type { Checkpoint } from "../checkpoint/mod.ts";
import { identityDifference } from "../connector/identity.ts";
import type { Batch, Lane, Position, Source, StreamIdentity } from "../connector/mod.ts";

/** Where an event stands. */
export interface EventPlace {
  readonly lane: Lane;
  readonly sequence: bigint;
}

export interface RereadOptions {
  /** Makes the source of the checkpoint, each time a fresh one. */
  readonly openSource: () => Promise<Source>;
  /** Says what the source was. */
  readonly checkpoint: Checkpoint;
  readonly stop: AbortSignal;
}

/** Between two places so far apart nothing is read that nobody wants. */
const MAX_GAP_SEQUENCES = 10_000n;

const CHANGED_HINT =
  "The places in the dead letters say nothing of what stands there now. konn dead-letters drop forgets them.";

/** A name for a place, for maps. */
export function placeName({ lane, sequence }: EventPlace): string {
  return `${lane} ${sequence}`;
}

/**
 * Reads single events again from the source that they came from, once it is known that it is what
 * it was: batches that hold nothing but these, and what the source rejects. A place that is in none
 * of them holds no event any more.
 *
 * @throws KonnError `SOURCE_CHANGED`, `SOURCE_SHORTENED`, and what the source says of an edited file
 */
export async function* reread(
  places: readonly EventPlace[],
  options: RereadOptions,
): AsyncGenerator<Batch> {
  const { canSeek } = await checkSource(places, options);
  for (const group of canSeek ? groupsOf(places) : [places]) {
    if (options.stop.aborted) return;
    yield* readGroup(group, options);
  }
}

/** What the source says of itself now. Throws `SOURCE_CHANGED` when it is not what it was. */
export async function streamAgain({
  openSource,
  checkpoint,
  stop,
}: RereadOptions): Promise<StreamIdentity> {
  await using source = await openSource();
  const stream = await source.open(stop);
  refuseOtherStream(checkpoint, stream);
  return stream;
}

/** Opens the source, and refuses one in which the places mean nothing. */
async function checkSource(
  places: readonly EventPlace[],
  { openSource, checkpoint, stop }: RereadOptions,
): Promise<{ readonly canSeek: boolean }> {
  await using source = await openSource();
  refuseOtherStream(checkpoint, await source.open(stop));
  const ends = await source.ends();
  for (const { lane, sequence } of places) {
    const end = ends.get(lane);
    if (end === undefined || sequence < end) continue;
    throw changedSource("SOURCE_SHORTENED", checkpoint, `${lane} ends at ${end} now`);
  }
  const canSeek = source.positionAt !== undefined;
  // A file looks at what lies before a position, and refuses to go on in an edited one.
  if (!canSeek) await readNothing(source, checkpoint, stop);
  return { canSeek };
}

function refuseOtherStream(checkpoint: Checkpoint, stream: StreamIdentity): void {
  const { address, identity } = checkpoint.source;
  if (stream.address !== address) {
    throw changedSource("SOURCE_CHANGED", checkpoint, `${stream.address} is there in its place`);
  }
  const difference = identityDifference(identity, stream.identity);
  if (difference !== undefined) throw changedSource("SOURCE_CHANGED", checkpoint, difference);
}

function changedSource(code: string, { source }: Checkpoint, state: string): KonnError {
  const name = source.label ?? source.address;
  return new KonnError(`Cannot read events of ${name} again: it is not what it was, ${state}`, {
    code,
    hint: CHANGED_HINT,
  });
}

async function readNothing(source: Source, { lanes }: Checkpoint, stop: AbortSignal) {
  const from = new Map([...lanes].map(([lane, at]) => [lane, at.position]));
  for await (const _batch of source.read({ from, stop, maxEventsCount: 1 })) return;
}

/** Places that are read together: close to each other in their lanes. */
function groupsOf(places: readonly EventPlace[]): readonly EventPlace[][] {
  const groups: EventPlace[][] = [];
  for (const inLane of Map.groupBy(places, ({ lane }) => lane).values()) {
    let at = -1;
    let last: bigint | undefined;
    for (const place of inLane.toSorted((a, b) => (a.sequence < b.sequence ? -1 : 1))) {
      if (last === undefined || place.sequence - last > MAX_GAP_SEQUENCES) at += 1;
      (groups[at] ??= []).push(place);
      last = place.sequence;
    }
  }
  return groups;
}

/** Reads from the first of these places in each lane up to the last. */
async function* readGroup(
  group: readonly EventPlace[],
  { openSource, checkpoint, stop }: RereadOptions,
): AsyncGenerator<Batch> {
  await using source = await openSource();
  refuseOtherStream(checkpoint, await source.open(stop));
  const wanted = new Map(
    [...Map.groupBy(group, ({ lane }) => lane)].map(([lane, places]) => [
      lane,
      new Set(places.map(({ sequence }) => sequence)),
    ]),
  );
  const from = await startPositions(source, wanted);
  for await (const batch of source.read({ from, stop })) {
    const left = wanted.get(batch.lane);
    if (!left) continue;
    const messages = batch.messages.filter(({ sequence }) => left.has(sequence));
    const rejections = batch.rejections.filter(({ sequence }) => left.has(sequence));
    for (const sequence of left) if (sequence < batch.nextSequence) left.delete(sequence);
    if (left.size === 0) wanted.delete(batch.lane);
    if (messages.length + rejections.length > 0) {
      yield { ...batch, messages, packed: undefined, rejections, skipped: {} };
    }
    if (wanted.size === 0) return;
  }
}

/** Lanes in which nothing is wanted begin at their ends. */
async function startPositions(
  source: Source,
  wanted: Map<Lane, Set<bigint>>,
): Promise<ReadonlyMap<Lane, Position>> {
  const from = new Map<Lane, Position>();
  if (source.positionAt === undefined) return from;
  for (const [lane, end] of await source.ends()) {
    let position: Position | undefined;
    const sequences = [...(wanted.get(lane) ?? [])].toSorted((a, b) => (a < b ? -1 : 1));
    for (const sequence of sequences) {
      position = await source.positionAt(lane, sequence);
      if (position !== undefined) break;
      wanted.get(lane)?.delete(sequence);
    }
    if (position === undefined) wanted.delete(lane);
    position ??= await source.positionAt(lane, end);
    if (position !== undefined) from.set(lane, position);
  }
  return from;
}
