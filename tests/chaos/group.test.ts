import { expect, test } from "bun:test";
import { shareInChaos } from "./group_chaos.ts";

test("sync --group: the index equals the table over kills, pauses, joins and slow bulks", async () => {
  const actions = ["kill", "slow", "pause"] as const;
  const report = await shareInChaos({ actions, membersCount: 3 });
  expect(report.faults).toEqual([]);
  expect(report.documentsCount).toBeGreaterThan(300);
}, 180_000);
