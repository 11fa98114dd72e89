import { describe, expect, test } from "bun:test";
import type { Batch, Lane, Source } from "../../core/connector/mod.ts";
import { eventually } from "../e2e/waiting.ts";
import { type Seed, seeds } from "./seed.ts";
import { keysOf, positionsOf } from "./source_contract.ts";

/** A place that holds some events in two lanes, and that several sources share. */
export interface SharedPlace extends AsyncDisposable {
  /** One more source that shares the place. */
  source(options: { follow: boolean }): Source;
}

export interface SharedSourceFixture {
  /** The events with an even number are in one lane, the others in another. */
  readonly seed: (events: readonly Seed[]) => Promise<SharedPlace>;
}

const NEVER = new AbortController().signal;
const NOTE = "a note";

/** The part of the delivery contract that a source with shared positions keeps. */
export function sharedSourceContract(name: string, { seed }: SharedSourceFixture): void {
  describe(`${name} as a source that is shared`, () => {
    test("keeps what is delivered for the next one that has the same note", async () => {
      await using place = await seed(seeds(6));
      const first = await startReading(place.source({ follow: false }));
      await first.untilEnded();
      expect(keysOf(first.batches)).toHaveLength(6);
      expect(movedIn(first.batches)).toHaveLength(2);
      await first.source.commit?.(new Map(positionsOf(first.batches)));
      await first.close();
      await using next = place.source({ follow: false });
      const { shared } = await next.open(NEVER);
      expect(shared?.note).toBe(NOTE);
      expect([...(shared?.lanes(NOTE).values() ?? [])].map((at) => at.nextSequence)).toEqual([
        3n,
        3n,
      ]);
      expect(shared?.lanes("another note").size).toBe(0);
    });

    test("gives a lane to another that comes, and takes it back when that one leaves", async () => {
      await using place = await seed(seeds(6));
      const one = await startReading(place.source({ follow: true }));
      await eventually(() => keysOf(one.batches).length === 6);
      await one.source.commit?.(new Map(positionsOf(one.batches)));
      const two = await startReading(place.source({ follow: true }));
      await eventually(() => movedIn(two.batches).length === 1);
      const [lane = ""] = movedIn(two.batches);
      await eventually(() => movedIn(one.batches).length === 3);
      expect(movedIn(one.batches)[2]).toBe(lane);
      // It was committed before it was given away: nothing of it comes twice.
      expect(keysOf(two.batches)).toEqual([]);
      expect(two.batches.find((batch) => batch.lane === lane)?.nextSequence).toBe(3n);
      await two.close();
      await eventually(() => movedIn(one.batches).length === 4);
      expect(movedIn(one.batches)[3]).toBe(lane);
      expect(keysOf(one.batches)).toHaveLength(6);
      await one.close();
    });

    test("keeps nothing of a lane that it has lost", async () => {
      await using place = await seed(seeds(6));
      const one = await startReading(place.source({ follow: true }));
      await eventually(() => keysOf(one.batches).length === 6);
      const two = await startReading(place.source({ follow: true }));
      await eventually(() => movedIn(one.batches).length === 3);
      const [lost = ""] = movedIn(two.batches);
      await one.source.commit?.(new Map([...positionsOf(one.batches), [lost, "3"]]));
      await one.close();
      await two.close();
      await using next = place.source({ follow: false });
      const { shared } = await next.open(NEVER);
      const kept = shared?.lanes(NOTE) ?? new Map();
      expect(kept.get(lost)?.nextSequence ?? 0n).toBe(0n);
      expect([...kept].filter(([lane]) => lane !== lost).map(([, at]) => at.nextSequence)).toEqual([
        3n,
      ]);
    });
  });
}

function movedIn(batches: readonly Batch[]): Lane[] {
  return batches.filter(({ hasMoved }) => hasMoved).map(({ lane }) => lane);
}

/** Reads all that comes, and delivers none of it. */
async function startReading(source: Source) {
  await source.open(NEVER);
  const stop = new AbortController();
  const batches: Batch[] = [];
  let hasEnded = false;
  const work = (async () => {
    const options = { from: new Map(), stop: stop.signal, note: NOTE };
    for await (const batch of source.read(options)) batches.push(batch);
    hasEnded = true;
  })();
  return {
    source,
    batches,
    untilEnded: () => eventually(() => hasEnded),
    close: async () => {
      stop.abort();
      await work;
      await source[Symbol.asyncDispose]();
    },
  };
}
