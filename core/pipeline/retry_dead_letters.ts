import { formatSeconds } from "../base/format.ts";
import { KonnError } from "../base/errors.ts";
import {
  type Checkpoint,
  type LockPurpose,
  openNamedState,
  type RunState,
} from "../checkpoint/mod.ts";
import { identityDifference, identityFingerprint } from "../connector/identity.ts";
import type { Batch, Rejection, Sink, SinkOpening, StreamIdentity } from "../connector/mod.ts";
import { deadLettersPath } from "../dead_letter/dead_letter_file.ts";
import type { StoredLetter } from "../dead_letter/letter_format.ts";
import {
  type NumberedLetter,
  numberedLetters,
  rewriteLetters,
} from "../dead_letter/letter_list.ts";
import { type EventPlace, placeName, reread, type RereadOptions, streamAgain } from "./reread.ts";

/** How many letters are looked at in one call, some 50 MiB. The rest waits for the next one. */
const MAX_RETRIED_COUNT = 100_000;

export interface RetryOptions extends RereadOptions {
  readonly stateDir: string;
  /** Of the run's files. */
  readonly name: string;
  readonly openSink: () => Promise<Sink>;
  /** The letters to retry, by number; all of them by default. */
  readonly numbers?: ReadonlySet<number> | undefined;
  /** Also into a sink in which they take effect behind what came after them. */
  readonly allowsLate: boolean;
  readonly now?: () => Date;
}

/** A letter that stays, and why. */
export interface StillFailing {
  readonly number: number;
  readonly letter: StoredLetter;
}

export interface RetryReport {
  readonly retried: number;
  readonly written: number;
  readonly deleted: number;
  readonly skipped: Readonly<Record<string, number>>;
  /** The first of those that stay, with the reason that holds now. */
  readonly failing: readonly StillFailing[];
  readonly failingCount: number;
  /** Letters that were not looked at: too many at once, or the retry was stopped. */
  readonly leftCount: number;
}

const LOCK: LockPurpose = {
  what: "retry dead letters",
  hint: "Stop it first: it writes to the same places. Then retry, and start it again.",
};

/**
 * Reads refused events again from their source and gives them to their sink. Those that are settled
 * leave the file, atomically, once that is certain; the others stay with the reason that holds now.
 * Holds the lock of the run all the while.
 *
 * @throws KonnError when the source or the sink is not what it was, and when the sink would take
 *   them in the wrong order
 */
export async function retryDeadLetters(options: RetryOptions): Promise<RetryReport> {
  const { stateDir, name, checkpoint: listed, now = () => new Date() } = options;
  const addresses = { source: listed.source.address, sink: listed.sink.address };
  using state = openNamedState(stateDir, { name, ...addresses }, LOCK);
  const checkpoint = state.load() ?? listed;
  const path = deadLettersPath(stateDir, state.name);
  const { chosen, leftCount } = choose(path, options.numbers);
  const found = await streamAgain({ ...options, checkpoint });
  await using sink = await options.openSink();
  const opening = await openAgain(sink, { checkpoint, stream: found }, options);
  const stream = identityFingerprint(checkpoint.source.identity);
  const fates = new Fates(stream);
  const live = chosen.filter(({ letter }) => {
    const problem = whyNot(letter, { stream, sink, now: now() });
    if (problem) fates.failed(letter, problem);
    return !problem;
  });
  const places = uniquePlaces(live);
  try {
    for await (const batch of reread(places, { ...options, checkpoint })) {
      await deliver(batch, sink, { fates, state, checkpoint, opening, stop: options.stop });
    }
    if (!options.stop.aborted) for (const place of places) fates.missing(place);
  } finally {
    rewriteLetters(path, ({ letter }) => fates.after(letter));
  }
  return fates.report(chosen, leftCount);
}

function choose(
  path: string,
  numbers: ReadonlySet<number> | undefined,
): { chosen: readonly NumberedLetter[]; leftCount: number } {
  const chosen: NumberedLetter[] = [];
  let leftCount = 0;
  for (const numbered of numberedLetters(path)) {
    if (numbers && !numbers.has(numbered.number)) continue;
    if (chosen.length < MAX_RETRIED_COUNT) chosen.push(numbered);
    else leftCount += 1;
  }
  return { chosen, leftCount };
}

/** Goes on in the sink as the next run would. */
async function openAgain(
  sink: Sink,
  { checkpoint, stream }: { checkpoint: Checkpoint; stream: StreamIdentity },
  { stop, allowsLate }: RetryOptions,
): Promise<SinkOpening> {
  const { address, identity } = checkpoint.sink;
  const found = await sink.address(stop);
  if (found !== address) throw changedSink(address, `${found} is there in its place`);
  if (sink.lateWritesMs === undefined && !allowsLate) throw wrongOrder(address);
  const opening = await sink.open({
    stream,
    resume: { ...checkpoint.sink, positions: checkpoint.lanes },
    fromBeginning: false,
    signal: stop,
  });
  const difference = identityDifference(identity, opening.identity);
  if (difference !== undefined) throw changedSink(address, difference);
  return opening;
}

interface Circumstances {
  /** The fingerprint of the stream as it is. */
  readonly stream: string;
  readonly sink: Sink;
  readonly now: Date;
}

type Problem = Pick<Rejection, "code" | "reason">;

/** Why a letter is not even tried. */
function whyNot(letter: StoredLetter, { stream, sink, now }: Circumstances): Problem | undefined {
  if (letter.stream !== stream) return ANOTHER_STREAM;
  const { lateWritesMs } = sink;
  const ageMs = now.getTime() - letter.time.getTime();
  if (lateWritesMs === undefined || ageMs <= lateWritesMs) return undefined;
  return {
    code: "LETTER_TOO_OLD",
    reason: `It was refused more than ${formatSeconds(lateWritesMs / 1_000)} ago, and the index may have forgotten deletes that came after it. konn verify --repair puts right what is missing`,
  };
}

const ANOTHER_STREAM: Problem = {
  code: "LETTER_OF_ANOTHER_STREAM",
  reason: "It was refused from a stream that had this name before: another event stands there now",
};

/** Throws when the event of a letter stood in another stream than the one that was read last. */
export function refuseOtherLetter(letter: StoredLetter, { source }: Checkpoint): void {
  if (letter.stream === identityFingerprint(source.identity)) return;
  throw new KonnError(`Cannot read the event of this dead letter: ${ANOTHER_STREAM.reason}`, {
    code: ANOTHER_STREAM.code,
    hint: "konn dead-letters drop forgets it.",
  });
}

/** Events may have been refused more than once: by a run, and by one that began anew. */
function uniquePlaces(letters: readonly NumberedLetter[]): readonly EventPlace[] {
  const places = letters.map(({ letter: { lane, sequence } }) => ({ lane, sequence }));
  return [...new Map(places.map((place) => [placeName(place), place])).values()];
}

interface DeliveryParts {
  readonly fates: Fates;
  readonly state: RunState;
  readonly checkpoint: Checkpoint;
  readonly opening: SinkOpening;
  readonly stop: AbortSignal;
}

/** Writes a batch, and only when that is certain says so. */
async function deliver(
  batch: Batch,
  sink: Sink,
  { fates, state, checkpoint, opening, stop }: DeliveryParts,
): Promise<void> {
  const rejections = [...batch.rejections];
  if (batch.messages.length > 0) {
    const report = await sink.write({ ...batch, rejections: [] }, stop);
    if (opening.positions) await sink.commit?.(opening.positions);
    if (report.state !== undefined) {
      state.save({ ...checkpoint, sink: { ...checkpoint.sink, state: report.state } });
    }
    rejections.push(...report.rejections);
    fates.count(report);
  }
  const { lane } = batch;
  for (const { sequence } of batch.messages) fates.settled({ lane, sequence });
  for (const rejection of rejections)
    fates.failed({ lane, sequence: rejection.sequence }, rejection);
}

const GONE: Problem = {
  code: "EVENT_GONE",
  reason: "It is no longer in its source: retention or compaction has removed it",
};

/** Failing letters that a report names. */
const MAX_NAMED_COUNT = 100;

/** What became of each letter. The same place of an earlier stream is another event. */
class Fates {
  readonly #problems = new Map<string, Problem | undefined>();
  readonly #skipped: Record<string, number> = {};
  readonly #stream: string;
  #written = 0;
  #deleted = 0;

  /** @param stream the fingerprint of the stream that is read */
  constructor(stream: string) {
    this.#stream = stream;
  }

  count({ written, deleted, skipped }: Pick<RetryReport, "written" | "deleted" | "skipped">): void {
    this.#written += written;
    this.#deleted += deleted;
    for (const [reason, count] of Object.entries(skipped)) {
      this.#skipped[reason] = (this.#skipped[reason] ?? 0) + count;
    }
  }

  settled(place: EventPlace): void {
    this.#problems.set(this.#nameOf(place), undefined);
  }

  failed(place: EventPlace & { readonly stream?: string | undefined }, problem: Problem): void {
    const { code, reason } = problem;
    this.#problems.set(this.#nameOf(place), { code, reason });
  }

  /** It was looked for and not met. */
  missing(place: EventPlace): void {
    if (!this.#problems.has(this.#nameOf(place))) this.failed(place, GONE);
  }

  /** The letter as it is to stand from now on; undefined for one that is settled. */
  after(letter: StoredLetter): StoredLetter | undefined {
    const name = this.#nameOf(letter);
    if (!this.#problems.has(name)) return letter;
    const problem = this.#problems.get(name);
    if (problem === undefined) return undefined;
    return REASONS_OF_RETRY.has(problem.code) ? letter : { ...letter, ...problem };
  }

  report(chosen: readonly NumberedLetter[], leftCount: number): RetryReport {
    const stays = chosen.flatMap(({ number, letter }): StillFailing[] => {
      const problem = this.#problems.get(this.#nameOf(letter));
      return problem ? [{ number, letter: { ...letter, ...problem } }] : [];
    });
    const untouched = chosen.filter(({ letter }) => !this.#problems.has(this.#nameOf(letter)));
    return {
      retried: chosen.length - untouched.length,
      written: this.#written,
      deleted: this.#deleted,
      skipped: this.#skipped,
      failing: stays.slice(0, MAX_NAMED_COUNT),
      failingCount: stays.length,
      leftCount: leftCount + untouched.length,
    };
  }

  #nameOf(place: EventPlace & { readonly stream?: string | undefined }): string {
    return `${placeName(place)} ${"stream" in place ? place.stream : this.#stream}`;
  }
}

/** They tell why it was not tried. Why it was refused stays in the file. */
const REASONS_OF_RETRY: ReadonlySet<string> = new Set([
  "LETTER_OF_ANOTHER_STREAM",
  "LETTER_TOO_OLD",
  "EVENT_GONE",
]);

function changedSink(address: string, state: string): KonnError {
  return new KonnError(`Cannot retry into ${address}: it is not what it was, ${state}`, {
    code: "SINK_CHANGED",
    hint: "Give the flags of the run that refused them (--skip-types, --opensearch-url, --brokers). Where the index was built anew, that has read them again: konn dead-letters drop.",
  });
}

function wrongOrder(address: string): KonnError {
  return new KonnError(
    `Cannot retry into ${address}: the events would stand behind later ones of their rows`,
    {
      code: "RETRY_OUT_OF_ORDER",
      hint: "Only an index puts late events in their place. --late sends them all the same, where you know that nothing later came.",
    },
  );
}
