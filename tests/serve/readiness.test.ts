import { describe, expect, test } from "bun:test";
import { Readiness } from "../../core/serve/readiness.ts";

function following() {
  const clock = { ms: 1_000_000 };
  const readiness = new Readiness({ maxLagMs: 60_000, now: () => clock.ms });
  readiness.began({ isFollowing: true });
  return { clock, readiness };
}

describe("Readiness", () => {
  test("an event may wait as long as the limit, and not longer", () => {
    const { clock, readiness } = following();
    readiness.lag({ sequences: 1n, oldestMs: clock.ms - 60_000 });
    expect(readiness.reasons()).toEqual([]);
    readiness.lag({ sequences: 1n, oldestMs: clock.ms - 75_000 });
    expect(readiness.reasons()).toEqual([
      "the oldest event that is not delivered is 1m 15s old, more than 1m 0s",
    ]);
    readiness.lag({ sequences: 0n, oldestMs: undefined });
    expect(readiness.reasons()).toEqual([]);
  });

  test("an event gets older while nobody says anything", () => {
    const { clock, readiness } = following();
    readiness.lag({ sequences: 1n, oldestMs: clock.ms });
    clock.ms += 61_000;
    readiness.reach("source", undefined);
    expect(readiness.reasons()).toHaveLength(1);
  });

  test("each part that is out of reach is a reason, until it is back", () => {
    const { readiness } = following();
    readiness.reach("source", "no leader");
    readiness.reach("sink", "ECONNREFUSED");
    readiness.reach("writing", "429");
    expect(readiness.reasons()).toEqual([
      "the source does not answer: no leader",
      "the sink does not answer: ECONNREFUSED",
      "the sink takes nothing: 429",
    ]);
    readiness.reach("source", undefined);
    readiness.reach("sink", undefined);
    expect(readiness.reasons()).toEqual(["the sink takes nothing: 429"]);
    readiness.reach("writing", undefined);
    expect(readiness.reasons()).toEqual([]);
  });

  test("a followed source that is silent for long is a reason; a bounded one is not asked", () => {
    const { clock, readiness } = following();
    clock.ms += 16_000;
    expect(readiness.reasons()).toEqual(["the source has not said where it ends for 16 s"]);
    expect([readiness.isReachable("source"), readiness.isReachable("sink")]).toEqual([false, true]);
    readiness.began({ isFollowing: false });
    clock.ms += 16_000;
    expect(readiness.reasons()).toEqual([]);
  });
});
