import { describe, expect, test } from "bun:test";
import { OwnedLanes } from "../../../core/connectors/kafka/owned_lanes.ts";
import { NEVER } from "./support.ts";

const P0 = { topic: "t", partition: 0 };
const LANE = "t/0";

function owning(generationId: number, memberId = "me"): OwnedLanes {
  return new OwnedLanes({ memberId, generationId, partitions: [P0], ended: NEVER });
}

function read(owned: OwnedLanes, nextSequence: bigint): void {
  owned.read({
    lane: LANE,
    nextSequence,
    messages: [],
    position: `${nextSequence}`,
    rejections: [],
    skipped: {},
    sizeBytes: 0,
  });
}

function dueOf(owned: OwnedLanes): bigint | undefined {
  return owned.due()[0]?.offset;
}

describe("OwnedLanes", () => {
  test("commits what is delivered, once", () => {
    const owned = owning(1);
    owned.begin(P0, { start: 5n, committed: { offset: 5n, note: "" } });
    expect(owned.due()).toEqual([]);
    read(owned, 9n);
    expect(owned.areDelivered).toBe(false);
    owned.delivered(LANE, 7n);
    const due = owned.due();
    expect(due).toEqual([{ lane: LANE, ...P0, offset: 7n }]);
    owned.delivered(LANE, 9n);
    owned.committed(due);
    expect([owned.areDelivered, dueOf(owned)]).toEqual([true, 9n]);
    owned.committed(owned.due());
    expect(owned.due()).toEqual([]);
  });

  test("commits where a partition begins that nothing was committed of", () => {
    const owned = owning(1);
    owned.begin(P0, { start: 3n, committed: undefined });
    owned.delivered(LANE, 3n);
    expect(dueOf(owned)).toBe(3n);
  });

  test("takes nothing for delivered that was read before the partition was had", () => {
    const owned = owning(1);
    owned.begin(P0, { start: 5n, committed: { offset: 5n, note: "" } });
    for (const late of [4n, 8n]) owned.delivered(LANE, late);
    owned.delivered("t/1", 8n);
    expect(owned.due()).toEqual([]);
  });

  test("goes on in a partition that it keeps, and in no other", () => {
    const before = owning(1);
    before.begin(P0, { start: 5n, committed: { offset: 5n, note: "" } });
    read(before, 9n);
    const kept = owning(2);
    expect(kept.keep(LANE, before)).toBe(9n);
    kept.delivered(LANE, 9n);
    expect(dueOf(kept)).toBe(9n);
    // Somebody else may have had it in between.
    expect(owning(3).keep(LANE, before)).toBeUndefined();
    expect(owning(2, "another").keep(LANE, before)).toBeUndefined();
    expect(owning(2).keep("t/1", before)).toBeUndefined();
  });
});
