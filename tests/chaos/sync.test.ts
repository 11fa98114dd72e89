import { expect, test } from "bun:test";
import { syncThroughChaos } from "./sync_chaos.ts";

test("sync: the index equals the table whatever breaks meanwhile, alone and in a group", async () => {
  const counts = {
    killKonn: 6,
    killOpenSearch: 1,
    killKafka: 1,
    pauseKonn: 1,
    cut: 1,
    rebalance: 1,
  };
  const seed = Date.now() % 1_000_000;
  const report = await syncThroughChaos(counts, { seed, maxRestMs: 1_000 });
  const right = {
    verifyExitCode: 0,
    missing: 0,
    stale: 0,
    extra: 0,
    lettersMissing: 0,
    lettersExtra: 0,
  };
  expect(report).toMatchObject({ seed, faultsMade: counts, alone: right, group: right });
  // The three members share once at their start, and anew when one comes, leaves or dies.
  expect(report.sharesCount).toBeGreaterThan(3);
  expect(report.alone.refused).toBeGreaterThan(0);
  expect(report.changesCount).toBeGreaterThan(100);
}, 240_000);
