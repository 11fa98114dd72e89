import { describe, expect, test } from "bun:test";
import type { Batch } from "../../core/connector/mod.ts";
import { LaneTracker } from "../../core/pipeline/lane_tracker.ts";
import { batchOf } from "../fakes/memory_source.ts";

function upTo(nextSequence: bigint): Batch {
  return { ...batchOf("a", [], `${nextSequence}`), nextSequence };
}

function placeOf(tracker: LaneTracker): string | undefined {
  return tracker.positions().get("a")?.position;
}

describe("LaneTracker", () => {
  test("moves over a settled head only", () => {
    const tracker = new LaneTracker(new Map());
    const [first, second] = [tracker.begin(upTo(1n)), tracker.begin(upTo(2n))];
    second();
    expect(placeOf(tracker)).toBeUndefined();
    first();
    expect(placeOf(tracker)).toBe("2");
  });

  test("a lane that has moved goes on without what is still under way, which moves nothing", () => {
    const tracker = new LaneTracker(new Map());
    const [late, later] = [tracker.begin(upTo(5n)), tracker.begin(upTo(9n))];
    tracker.forget("a");
    expect(placeOf(tracker)).toBeUndefined();
    tracker.begin(upTo(3n))();
    expect(placeOf(tracker)).toBe("3");
    late();
    later();
    expect(placeOf(tracker)).toBe("3");
    tracker.begin(upTo(4n))();
    expect(placeOf(tracker)).toBe("4");
  });

  test("a lane that has moved may stand further back than it was delivered", () => {
    const tracker = new LaneTracker(new Map());
    tracker.begin(upTo(9n))();
    expect(tracker.hasReached(new Map([["a", 9n]]))).toBe(true);
    tracker.forget("a");
    tracker.begin(upTo(3n))();
    expect(tracker.hasReached(new Map([["a", 9n]]))).toBe(false);
  });
});
