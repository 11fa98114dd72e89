import { describe, expect, test } from "bun:test";
import type { Batch, Message, Sink, SinkResume, WriteReport } from "../../core/connector/mod.ts";
import { batchOf } from "../fakes/memory_source.ts";
import { type Seed, seed, seedMessage, seeds } from "./seed.ts";

/** A place that sinks can be opened on, one after the other, and looked into. */
export interface SinkPlace extends AsyncDisposable {
  /** A new sink object on the same place. */
  sink(): Sink;
  /** The last state of each key: its name. */
  contents(): Promise<ReadonlyMap<string, string>>;
}

export interface SinkFixture {
  readonly place: () => Promise<SinkPlace>;
  /** A message that this sink can never deliver, where there is one. */
  readonly undeliverable?: (sequence: bigint) => Message;
  /** False for a sink that cannot be opened again (stdout). */
  readonly resumable: boolean;
}

const NEVER = new AbortController().signal;
const STREAM = { address: "memory:source", identity: { id: "a" } };
const RECORD_LIMIT_BYTES = 15 * 1024 * 1024;

/** The part of the delivery contract that a sink keeps. Every sink passes all of it. */
export function sinkContract(name: string, fixture: SinkFixture): void {
  const { place: makePlace, undeliverable, resumable } = fixture;
  describe(`${name} as a sink`, () => {
    test("delivers what it is given and accounts for it", async () => {
      await using place = await makePlace();
      await using sink = place.sink();
      await open(sink);
      const batch = seedBatch(seeds(5));
      expectFullAccount(batch, await sink.write(batch, NEVER));
      await sink.caughtUp?.(NEVER);
      expect(await place.contents()).toEqual(stateOf(seeds(5)));
    });

    test("keeps the order of a key over writes that overlap", async () => {
      await using place = await makePlace();
      await using sink = place.sink();
      await open(sink);
      const batches = Array.from({ length: 20 }, (_, at) =>
        seedBatch([seed(1, `name ${at}`), seed(2, `name ${at}`)], BigInt(at * 2)),
      );
      await Promise.all(batches.map((batch) => sink.write(batch, NEVER)));
      await sink.caughtUp?.(NEVER);
      expect(await place.contents()).toEqual(stateOf([seed(1, "name 19"), seed(2, "name 19")]));
    });

    test.if(resumable)("goes on where an earlier sink stopped", async () => {
      await using place = await makePlace();
      const resume = await writeOnce(place, seedBatch(seeds(3)), undefined);
      await writeOnce(place, seedBatch([seed(1, "renamed"), seed(9, "new")], 3n), resume);
      expect(await place.contents()).toEqual(
        stateOf([...seeds(3), seed(1, "renamed"), seed(9, "new")]),
      );
    });

    test.if(resumable)("has the same state after a batch was written again", async () => {
      await using place = await makePlace();
      const batch = seedBatch(seeds(3));
      const resume = await writeOnce(place, batch, undefined);
      await writeOnce(place, batch, resume);
      expect(await place.contents()).toEqual(stateOf(seeds(3)));
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
        expectFullAccount(batch, await sink.write(seedBatch([seed(5, "after")], 3n), NEVER), 1);
        await sink.caughtUp?.(NEVER);
        expect(await place.contents()).toEqual(stateOf([first, last, seed(5, "after")]));
      },
    );

    test.if(resumable)("can be aborted in the middle of a write and written again", async () => {
      await using place = await makePlace();
      const batch = seedBatch(seeds(200));
      const abort = new AbortController();
      const sink = place.sink();
      const opening = await open(sink);
      const writing = sink.write(batch, abort.signal).catch(() => undefined);
      abort.abort();
      await writing;
      await sink[Symbol.asyncDispose]();
      await writeOnce(place, batch, opening);
      expect(await place.contents()).toEqual(stateOf(seeds(200)));
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
      await sink.caughtUp?.(NEVER);
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

function open(sink: Sink, resume?: SinkResume): Promise<SinkResume> {
  return sink.open({ stream: STREAM, resume, fromBeginning: false, signal: NEVER });
}

/** Opens a sink, writes one batch, closes it, and returns what a checkpoint would keep of it. */
async function writeOnce(
  place: SinkPlace,
  batch: Batch,
  resume: SinkResume | undefined,
): Promise<SinkResume> {
  await using sink = place.sink();
  const { identity, state } = await open(sink, resume);
  const report = await sink.write(batch, NEVER);
  expectFullAccount(batch, report);
  const shown = await sink.caughtUp?.(NEVER);
  return { identity, state: shown ?? report.state ?? state };
}

function seedBatch(events: readonly Seed[], firstSequence = 0n): Batch {
  const messages = events.map((event, at) => seedMessage(event, firstSequence + BigInt(at)));
  return batchOf("lane", messages, String(firstSequence + BigInt(events.length)));
}

function stateOf(events: readonly Seed[]): Map<string, string> {
  return new Map(events.map(({ key, value }) => [key, JSON.parse(value).after.value.object.name]));
}

function expectFullAccount(
  batch: Batch,
  { written, deleted, skipped, rejections }: WriteReport,
  count = batch.messages.length,
): void {
  const skippedCount = Object.values(skipped).reduce((sum, number) => sum + number, 0);
  expect(written + deleted + skippedCount + rejections.length).toBe(count);
}
