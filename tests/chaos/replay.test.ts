import { expect, test } from "bun:test";
import { sharedServices, startKafkaCluster } from "../services/mod.ts";
import { killReplays } from "./replay_kills.ts";
import { replayOverBrokerKills } from "./replay_broker_kills.ts";

/** kcat counts, so that konn does not judge itself. */
const hasKcat = Bun.which("kcat") !== null;

test.if(hasKcat)(
  "replay: every line once and in order over SIGKILLs of konn",
  async () => {
    const { kafka } = await sharedServices();
    const counts = { killsCount: 12, linesCount: 12_000 };
    const report = await killReplays(kafka.brokers, counts);
    expect(report).toMatchObject({ killsCount: 12, linesCount: 12_000, faults: [] });
  },
  120_000,
);

test.if(hasKcat)(
  "replay: every line once and in order over SIGKILLs of brokers",
  async () => {
    await using cluster = await startKafkaCluster({ brokers: 3 });
    const counts = { brokerKillsCount: 3, linesCount: 9_000 };
    const report = await replayOverBrokerKills(cluster, counts);
    expect(report).toMatchObject({ brokerKillsCount: 3, linesCount: 9_000, faults: [] });
  },
  180_000,
);
