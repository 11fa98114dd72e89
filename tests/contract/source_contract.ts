import { describe, expect, test } from "bun:test";
import type { Batch, Lane, Message, Position, Source } from "../../core/connector/mod.ts";
import { type Seed, seeds } from "./seed.ts";

/** A place that holds some events in one lane, and that sources can be opened on. */
export interface SeededPlace extends AsyncDisposable {
  /** A new source object on the same place. */
  source(options: { follow: boolean }): Source;
}

export interface SourceFixture {
  readonly seed: (events: readonly Seed[]) => Promise<SeededPlace>;
  /** False for a source that cannot be read twice (stdin). */
  readonly resumable: boolean;
}

const RECORD_LIMIT_BYTES = 15 * 1024 * 1024;
const NEVER = new AbortController().signal;

/** The part of the delivery contract that a source keeps. Every source passes all of it. */
export function sourceContract(name: string, { seed, resumable }: SourceFixture): void {
  describe(`${name} as a source`, () => {
    test("yields every event in order with rising sequences", async () => {
      await using place = await seed(seeds(7));
      const batches = await readAll(place.source({ follow: false }));
      expect(keysOf(batches)).toEqual(seeds(7).map(({ key }) => key));
      expect(new Set(batches.map(({ lane }) => lane)).size).toBe(1);
      expectRisingSequences(batches);
    });

    test("knows the end that its lane reaches", async () => {
      await using place = await seed(seeds(7));
      const source = place.source({ follow: false });
      await source.open(NEVER);
      const ends = await source.ends();
      const last = (await readAll(source, {}, true)).at(-1);
      for (const reached of ends) expect([last?.lane, last?.nextSequence]).toEqual([...reached]);
    });

    test.if(resumable)("resumes after any position", async () => {
      await using place = await seed(seeds(7));
      const batches = await readAll(place.source({ follow: false }), { maxBatchCount: 1 });
      const all = keysOf(batches);
      for (const [at, { lane, position }] of batches.entries()) {
        const rest = await readAll(place.source({ follow: false }), { from: [[lane, position]] });
        expect(keysOf(rest)).toEqual(all.slice(keysOf(batches.slice(0, at + 1)).length));
      }
    });

    test.if(resumable)("yields again what was not settled", async () => {
      await using place = await seed(seeds(7));
      const first = await readAll(place.source({ follow: false }), { maxEventsCount: 3 });
      const again = await readAll(place.source({ follow: false }), { maxEventsCount: 3 });
      expect(again.flatMap(({ messages }) => messages)).toEqual(
        first.flatMap(({ messages }) => messages),
      );
    });

    test.if(resumable)("finds single messages again, where it can go to them", async () => {
      await using place = await seed(seeds(7));
      const batches = await readAll(place.source({ follow: false }));
      const [lane = ""] = batches.map((batch) => batch.lane);
      const messages = batches.flatMap((batch) => batch.messages);
      for (const [at, { sequence }] of messages.entries()) {
        const source = place.source({ follow: false });
        await source.open(NEVER);
        const position = await source.positionAt?.(lane, sequence);
        await source[Symbol.asyncDispose]();
        if (source.positionAt === undefined) return;
        const from: [Lane, Position][] = [[lane, position ?? "none"]];
        const rest = await readAll(place.source({ follow: false }), { from });
        expect(rest.flatMap((batch) => batch.messages)).toEqual(messages.slice(at));
      }
    });

    test("reads exactly maxEventsCount events", async () => {
      for (const maxEventsCount of [1, 3, 7, 9]) {
        await using place = await seed(seeds(7));
        const options = { maxEventsCount, maxBatchCount: 2 };
        const batches = await readAll(place.source({ follow: false }), options);
        expect(keysOf(batches)).toHaveLength(Math.min(maxEventsCount, 7));
        for (const { messages } of batches) expect(messages.length).toBeLessThanOrEqual(2);
      }
    });

    test("ends without an error when it is stopped in the middle, and can go on", async () => {
      await using place = await seed(seeds(7));
      const stop = new AbortController();
      await using source = place.source({ follow: false });
      await source.open(NEVER);
      const batches: Batch[] = [];
      for await (const batch of source.read({
        from: new Map(),
        stop: stop.signal,
        maxBatchCount: 2,
      })) {
        batches.push(batch);
        stop.abort();
      }
      expect(keysOf(batches).length).toBeLessThan(7);
      if (!resumable) return;
      const from = positionsOf(batches);
      const rest = await readAll(place.source({ follow: false }), { from });
      expect([...keysOf(batches), ...keysOf(rest)]).toEqual(seeds(7).map(({ key }) => key));
    });

    test("ends at once when it is stopped while it follows", async () => {
      await using place = await seed(seeds(2));
      await using source = place.source({ follow: true });
      await source.open(NEVER);
      const stop = new AbortController();
      let stoppedAtMs = 0;
      setTimeout(() => {
        stoppedAtMs = performance.now();
        stop.abort();
      }, 300);
      const batches = await Array.fromAsync(source.read({ from: new Map(), stop: stop.signal }));
      expect(performance.now() - stoppedAtMs).toBeLessThan(1_000);
      expect(keysOf(batches)).toHaveLength(2);
    });

    test("takes an empty place as an empty stream", async () => {
      await using place = await seed([]);
      expect(keysOf(await readAll(place.source({ follow: false })))).toEqual([]);
    });

    test("carries a huge record unchanged", async () => {
      const [before, huge, after] = seeds(3);
      if (!before || !huge || !after) throw new Error("unreachable");
      const value = huge.value.replace("service 1", "x".repeat(RECORD_LIMIT_BYTES));
      await using place = await seed([before, { ...huge, value }, after]);
      const messages = (await readAll(place.source({ follow: false }))).flatMap((b) => b.messages);
      expect(messages.map((message) => message.value?.length)).toEqual([
        before.value.length,
        value.length,
        after.value.length,
      ]);
      expect(Buffer.from(messages[1]?.value ?? []).equals(Buffer.from(value))).toBe(true);
    });

    test("can be closed twice, and without having been opened", async () => {
      await using place = await seed(seeds(1));
      const source = place.source({ follow: false });
      await source.open(NEVER);
      await source[Symbol.asyncDispose]();
      await source[Symbol.asyncDispose]();
      await place.source({ follow: false })[Symbol.asyncDispose]();
    });
  });
}

interface ReadAllOptions {
  readonly from?: Iterable<readonly [Lane, Position]>;
  readonly maxEventsCount?: number;
  readonly maxBatchCount?: number;
}

/** Opens a source, unless it is open, reads it to its end and closes it. */
export async function readAll(
  source: Source,
  { from = [], ...limits }: ReadAllOptions = {},
  isOpen = false,
): Promise<Batch[]> {
  await using opened = source;
  if (!isOpen) await opened.open(NEVER);
  return await Array.fromAsync(opened.read({ from: new Map(from), stop: NEVER, ...limits }));
}

export function keysOf(batches: readonly Batch[]): string[] {
  return batches.flatMap(({ messages }) => messages).map(({ key }) => keyText(key));
}

export function positionsOf(batches: readonly Batch[]): [Lane, Position][] {
  return [...new Map(batches.map(({ lane, position }) => [lane, position]))];
}

function keyText(key: Message["key"]): string {
  return key === null ? "null" : Buffer.from(key).toString();
}

function expectRisingSequences(batches: readonly Batch[]): void {
  let next = 0n;
  for (const { messages, nextSequence } of batches) {
    for (const { sequence } of messages) {
      expect(sequence).toBeGreaterThanOrEqual(next);
      next = sequence + 1n;
    }
    expect(nextSequence).toBeGreaterThanOrEqual(next);
    next = nextSequence;
  }
}
