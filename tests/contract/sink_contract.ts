import { describe, expect, test } from "bun:test";
import type {
  Batch,
  Message,
  Sink,
  SinkOpening,
  SinkResume,
  WriteReport,
} from "../../core/connector/mod.ts";
import { batchOf } from "../fakes/memory_source.ts";
import { type Seed, seed, seedMessage, seeds } from "./seed.ts";

/** A place that sinks can be opened on, one after the other, and looked into. */
export interface SinkPlace extends AsyncDisposable {
  /** A new sink object on the same place. */
  sink(): Sink;
  /** The last state of each key: its name. */
  contents(): Promise<ReadonlyMap<string, string>>;
  /** How many lines, records or documents stand there, those that others replaced included. */
  entriesCount(): Promise<number>;
}

export interface SinkFixture {
  readonly place: () => Promise<SinkPlace>;
  /** A message that this sink can never deliver, where there is one. */
  readonly undeliverable?: (sequence: bigint) => Message;
  /** False for a sink that cannot be opened again (stdout). */
  readonly resumable: boolean;
  /** What a batch leaves that a crashed run has written, and that the next one writes again. */
  readonly writtenAgain: "once" | "twice";
  /** Whether a tombstone removes what its key had, or has no place there and is skipped. */
  readonly tombstone: "removes" | "skipped";
  /** For a sink that keeps positions with its data: the name of the stream there. */
  readonly streamId?: string;
  /** False where what was replaced is gone: a topic keeps it, an index does not. */
  readonly keepsReplaced?: boolean;
}

const NEVER = new AbortController().signal;
const RECORD_LIMIT_BYTES = 15 * 1024 * 1024;

/** The part of the delivery contract that a sink keeps. Every sink passes all of it. */
export function sinkContract(name: string, fixture: SinkFixture): void {
  const { place: makePlace, undeliverable, resumable, writtenAgain, tombstone, streamId } = fixture;
  const { keepsReplaced = true } = fixture;
  const stream = {
    address: "memory:source",
    identity: { id: "a" },
    ...(streamId !== undefined && { streamId }),
  };

  const open = (sink: Sink, resume?: SinkResume): Promise<SinkOpening> =>
    sink.open({ stream, resume, fromBeginning: false, signal: NEVER });

  /** Opens a sink, writes one batch, closes it, and returns what a checkpoint would keep of it. */
  const writeOnce = async (
    place: SinkPlace,
    batch: Batch,
    resume?: SinkResume,
  ): Promise<SinkResume> => {
    await using sink = place.sink();
    const { identity, state } = await open(sink, resume);
    const report = await sink.write(batch, NEVER);
    expectFullAccount(batch, report);
    const shown = await finish(sink, batch);
    return { identity, state: shown ?? report.state ?? state };
  };

  /**
   * Writes batches without a wait between them, as the pipeline does, and returns what a checkpoint
   * would keep behind each.
   */
  const writeAll = async (
    place: SinkPlace,
    batches: readonly Batch[],
    resume?: SinkResume,
  ): Promise<SinkResume[]> => {
    await using sink = place.sink();
    const { identity, state, positions } = await open(sink, resume);
    // Positions that are kept with the data take the place of the checkpoint's.
    const kept = positions?.get("lane")?.nextSequence ?? 0n;
    const unwritten = batches.filter(({ nextSequence }) => nextSequence > kept);
    const reports = await Promise.all(unwritten.map((batch) => sink.write(batch, NEVER)));
    const behind = reports.map((report) => ({ identity, state: report.state ?? state }));
    if (unwritten.length > 0) await finish(sink, lastOf(unwritten));
    return behind;
  };

  /** Does what the pipeline does at the end of a stream. */
  const finish = async (sink: Sink, last: Batch): Promise<string | undefined> => {
    if (streamId !== undefined) await sink.commit?.(placeBehind(last));
    return await sink.caughtUp?.(NEVER);
  };

  describe(`${name} as a sink`, () => {
    test("delivers what it is given and accounts for it", async () => {
      await using place = await makePlace();
      await using sink = place.sink();
      await open(sink);
      const batch = seedBatch(seeds(5));
      expectFullAccount(batch, await sink.write(batch, NEVER));
      await finish(sink, batch);
      expect(await place.contents()).toEqual(stateOf(seeds(5)));
      expect(await place.entriesCount()).toBe(5);
    });

    test("keeps the order of a key over writes that overlap", async () => {
      await using place = await makePlace();
      await using sink = place.sink();
      await open(sink);
      const batches = Array.from({ length: 20 }, (_, at) =>
        seedBatch([seed(1, `name ${at}`), seed(2, `name ${at}`)], BigInt(at * 2)),
      );
      const reports = await Promise.all(batches.map((batch) => sink.write(batch, NEVER)));
      for (const [at, batch] of batches.entries()) expectFullAccount(batch, reports[at]);
      await finish(sink, lastOf(batches));
      expect(await place.contents()).toEqual(stateOf([seed(1, "name 19"), seed(2, "name 19")]));
    });

    test("reports that carry a state resolve in the order of the writes", async () => {
      await using place = await makePlace();
      await using sink = place.sink();
      await open(sink);
      const batches = severalBatches();
      const resolved: number[] = [];
      const writes = batches.map(async (batch, at) => {
        const { state } = await sink.write(batch, NEVER);
        if (state !== undefined) resolved.push(at);
      });
      await Promise.all(writes);
      expect([[], [...batches.keys()]]).toContainEqual(resolved);
    });

    test.if(resumable)("goes on from the state behind any batch", async () => {
      await using place = await makePlace();
      const batches = severalBatches();
      const resumes = await writeAll(place, batches);
      let entriesCount = 12;
      expect(await place.entriesCount()).toBe(entriesCount);
      // From each of them a later run may start: the rest is written again.
      for (const [at, resume] of [...resumes.entries()].toReversed()) {
        const rest = batches.slice(at + 1);
        await writeAll(place, rest, resume);
        if (writtenAgain === "twice") entriesCount += 3 * rest.length;
        expect(await place.entriesCount()).toBe(entriesCount);
        expect(await place.contents()).toEqual(stateOf(seeds(12)));
      }
    });

    test.if(resumable)("leaves what it documents of a batch that is written again", async () => {
      await using place = await makePlace();
      const batch = seedBatch(seeds(3));
      const crashed = place.sink();
      const opening = await open(crashed);
      expectFullAccount(batch, await crashed.write(batch, NEVER));
      await crashed[Symbol.asyncDispose]();
      await writeOnce(place, batch, opening);
      expect(await place.entriesCount()).toBe(writtenAgain === "once" ? 3 : 6);
      expect(await place.contents()).toEqual(stateOf(seeds(3)));
    });

    test.if(streamId !== undefined)("what was not committed has not happened", async () => {
      await using place = await makePlace();
      const [first, second] = [seedBatch(seeds(3)), seedBatch([seed(1, "renamed")], 3n)];
      {
        await using crashed = place.sink();
        expect((await open(crashed)).positions).toEqual(new Map());
        await crashed.write(first, NEVER);
        await crashed.commit?.(placeBehind(first));
        await crashed.write(second, NEVER);
      }
      expect(await place.entriesCount()).toBe(3);
      expect(await place.contents()).toEqual(stateOf(seeds(3)));
      await using sink = place.sink();
      expect((await open(sink)).positions).toEqual(placeBehind(first));
      await sink.write(second, NEVER);
      await sink.commit?.(placeBehind(second));
      expect(await place.entriesCount()).toBe(keepsReplaced ? 4 : 3);
      expect(await place.contents()).toEqual(stateOf([...seeds(3), seed(1, "renamed")]));
    });

    test("takes a tombstone, and keeps what stands around it", async () => {
      await using place = await makePlace();
      await using sink = place.sink();
      await open(sink);
      const [gone, stays] = [seed(1, "gone"), seed(2, "stays")];
      const before = seedBatch([gone, stays]);
      expectFullAccount(before, await sink.write(before, NEVER));
      const messages = [{ ...seedMessage(gone, 2n), value: null }, seedMessage(seed(3, "new"), 3n)];
      const batch = batchOf("lane", messages, "4");
      const report = await sink.write(batch, NEVER);
      expectFullAccount(batch, report);
      expect(report.rejections).toEqual([]);
      await finish(sink, batch);
      const left = tombstone === "removes" ? [stays] : [gone, stays];
      expect(await place.contents()).toEqual(stateOf([...left, seed(3, "new")]));
    });

    test("takes an empty batch", async () => {
      await using place = await makePlace();
      await using sink = place.sink();
      await open(sink);
      const empty = seedBatch([]);
      const [first, report] = await Promise.all([
        sink.write(seedBatch(seeds(2)), NEVER),
        sink.write(empty, NEVER),
      ]);
      expectFullAccount(seedBatch(seeds(2)), first);
      expectFullAccount(empty, report);
      await finish(sink, seedBatch(seeds(2)));
      expect(await place.entriesCount()).toBe(2);
    });

    test.if(resumable)("goes on where an earlier sink stopped", async () => {
      await using place = await makePlace();
      const resume = await writeOnce(place, seedBatch(seeds(3)), undefined);
      await writeOnce(place, seedBatch([seed(1, "renamed"), seed(9, "new")], 3n), resume);
      expect(await place.contents()).toEqual(
        stateOf([...seeds(3), seed(1, "renamed"), seed(9, "new")]),
      );
    });

    test.if(undeliverable !== undefined)(
      "rejects one message, keeps its neighbours, goes on",
      async () => {
        await using place = await makePlace();
        await using sink = place.sink();
        await open(sink);
        const [first, last] = seeds(2);
        if (!first || !last || !undeliverable) throw new Error("unreachable");
        const messages = [seedMessage(first, 0n), undeliverable(1n), seedMessage(last, 2n)];
        const batch = batchOf("lane", messages, "3");
        const report = await sink.write(batch, NEVER);
        expectFullAccount(batch, report);
        expect(report.rejections.map(({ sequence }) => sequence)).toEqual([1n]);
        const after = seedBatch([seed(5, "after")], 3n);
        expectFullAccount(after, await sink.write(after, NEVER));
        await finish(sink, after);
        expect(await place.contents()).toEqual(stateOf([first, last, seed(5, "after")]));
      },
    );

    test.if(resumable)("can be aborted in the middle of a write and written again", async () => {
      await using place = await makePlace();
      const batch = seedBatch(seeds(200));
      const abort = new AbortController();
      const sink = place.sink();
      const opening = await open(sink);
      const writing = [batch, seedBatch(seeds(5), 200n)].map((own) =>
        sink.write(own, abort.signal).catch(() => undefined),
      );
      abort.abort();
      await Promise.all(writing);
      await sink[Symbol.asyncDispose]();
      await writeOnce(place, batch, opening);
      expect(await place.contents()).toEqual(stateOf(seeds(200)));
      if (writtenAgain === "once") expect(await place.entriesCount()).toBe(200);
    });

    test("a write that is under way when the sink is closed comes to an end", async () => {
      await using place = await makePlace();
      const sink = place.sink();
      await open(sink);
      const writing = Promise.allSettled([sink.write(seedBatch(seeds(200)), NEVER)]);
      await sink[Symbol.asyncDispose]();
      expect(await writing).toHaveLength(1);
    });

    test("takes an empty stream", async () => {
      await using place = await makePlace();
      await using sink = place.sink();
      await open(sink);
      await sink.caughtUp?.(NEVER);
      expect(await place.contents()).toEqual(new Map());
    });

    test("takes a huge record", async () => {
      await using place = await makePlace();
      await using sink = place.sink();
      await open(sink);
      const huge = seed(1, "huge");
      const value = huge.value.replace("{", `{"padding":"${"x".repeat(RECORD_LIMIT_BYTES)}",`);
      const batch = seedBatch([seed(0, "before"), { ...huge, value }]);
      expect((await sink.write(batch, NEVER)).written).toBe(2);
      await finish(sink, batch);
      expect(await place.contents()).toEqual(stateOf([seed(0, "before"), huge]));
    });

    test("can be closed twice, and without having been opened", async () => {
      await using place = await makePlace();
      const sink = place.sink();
      await open(sink);
      await sink[Symbol.asyncDispose]();
      await sink[Symbol.asyncDispose]();
      await place.sink()[Symbol.asyncDispose]();
    });
  });
}

function seedBatch(events: readonly Seed[], firstSequence = 0n): Batch {
  const messages = events.map((event, at) => seedMessage(event, firstSequence + BigInt(at)));
  return batchOf("lane", messages, String(firstSequence + BigInt(events.length)));
}

/** Four batches of three keys each. */
function severalBatches(): Batch[] {
  const events = seeds(12);
  return [0, 3, 6, 9].map((at) => seedBatch(events.slice(at, at + 3), BigInt(at)));
}

/** Where the lane stands behind a batch. */
function placeBehind({ lane, position, nextSequence }: Batch) {
  return new Map([[lane, { position, nextSequence }]]);
}

function lastOf<T>(items: readonly T[]): T {
  const item = items.at(-1);
  if (item === undefined) throw new Error("there is none");
  return item;
}

function stateOf(events: readonly Seed[]): Map<string, string> {
  return new Map(events.map(({ key, value }) => [key, JSON.parse(value).after.value.object.name]));
}

function expectFullAccount(batch: Batch, report: WriteReport | undefined): void {
  if (report === undefined) throw new Error("there is no report");
  const { written, deleted, skipped, rejections } = report;
  const skippedCount = Object.values(skipped).reduce((sum, number) => sum + number, 0);
  expect(written + deleted + skippedCount + rejections.length).toBe(batch.messages.length);
}
