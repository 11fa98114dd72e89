import { expect, test } from "bun:test";
import { syncThroughChaos } from "./sync_chaos.ts";

test("sync: the index equals the table whatever breaks meanwhile", async () => {
  const counts = { killKonn: 8, killOpenSearch: 1, killKafka: 1, pauseKonn: 1, cut: 1 };
  const report = await syncThroughChaos(counts);
  expect(report).toMatchObject({ faultsMade: counts, differences: [], verifyExitCode: 0 });
  expect(report.changesCount).toBeGreaterThan(100);
}, 240_000);
