import type { Settings } from "../../core/config/mod.ts";
import type { RunMeter } from "../../core/observe/run_meter.ts";
import type { Terminal } from "./terminal.ts";

/** Settings of every command that can be watched while it runs. */
export const HEALTH_SETTINGS = ["listen", "ready-lag"] as const;

export interface HealthOptions {
  readonly terminal: Terminal;
  /** What the sequences of the run's source count. */
  readonly unit: "events" | "bytes";
}

/** Does the work, and where `--listen` is set, tells over HTTP how it is meanwhile. */
export async function withHealth<Result>(
  settings: Settings<(typeof HEALTH_SETTINGS)[number]>,
  { terminal, unit }: HealthOptions,
  work: (meter: RunMeter | undefined) => Promise<Result>,
): Promise<Result> {
  if (settings.listen === undefined) return await work(undefined);
  const { startHealthServer } = await import("../../core/serve/health_server.ts");
  const maxLagMs = settings["ready-lag"];
  await using server = startHealthServer({ ...settings.listen, maxLagMs, unit });
  terminal.log.info(`Health and metrics at ${server.url}`);
  return await work(server.meter);
}
