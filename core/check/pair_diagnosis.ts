import { KonnError } from "../base/errors.ts";
import { formatCounted } from "../base/format.ts";
import { identityDifference } from "../connector/identity.ts";
import type { IndexInspector } from "../connector/index_inspector.ts";
import { failed, type Finding, passed } from "../connector/finding.ts";
import type { Source, StreamIdentity } from "../connector/mod.ts";
import { readRunStatus } from "./run_status.ts";

export interface PairOptions {
  readonly stateDir: string;
  readonly openSource: () => Promise<Source>;
  readonly openInspector: () => Promise<IndexInspector>;
  readonly sinkAddress: (signal: AbortSignal) => Promise<string>;
}

/**
 * Looks at what the source and the index say of each other, and at the checkpoint between them.
 * Where one of them cannot be opened there is nothing to compare: its own checks say so.
 */
export async function* diagnosePair(
  options: PairOptions,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const stream = await unlessRefused(() => openStream(options, signal));
  if (!stream) return;
  const address = await options.sinkAddress(signal);
  yield await checkpointFinding(stream, { ...options, address, signal });
  const index = await unlessRefused(() => openIndex(options, signal));
  if (!index) return;
  const difference = identityDifference(index.source, stream.identity);
  yield difference === undefined
    ? passed("index", "was made from this topic")
    : failed(
        "index",
        `was made from another source: ${difference}`,
        "Use another --index, or build it anew from this topic: konn sync --from-beginning.",
      );
}

async function unlessRefused<Result>(open: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await open();
  } catch (error) {
    if (error instanceof KonnError) return undefined;
    throw error;
  }
}

async function openStream({ openSource }: PairOptions, signal: AbortSignal) {
  await using source = await openSource();
  return await source.open(signal);
}

async function openIndex({ openInspector }: PairOptions, signal: AbortSignal) {
  await using inspector = await openInspector();
  return await inspector.open(signal);
}

async function checkpointFinding(
  stream: StreamIdentity,
  {
    stateDir,
    openSource,
    address,
    signal,
  }: PairOptions & { readonly address: string; readonly signal: AbortSignal },
): Promise<Finding> {
  const runs = await readRunStatus(stateDir, {
    openSource: async (known) =>
      known.address === stream.address ? await openSource() : undefined,
    stop: signal,
  });
  const run = runs.find(({ source, sink }) => source === stream.address && sink === address);
  if (!run) return passed("checkpoint", "none: konn sync begins at the topic's start");
  if (run.can_go_on) {
    const lag =
      run.lag === null ? "an unknown number of offsets" : formatCounted(run.lag, "offset");
    return passed("checkpoint", `saved at ${run.saved_at ?? "?"}, ${lag} to go`);
  }
  return failed(
    "checkpoint",
    `the next konn sync would be refused: ${run.problem ?? "it cannot go on"}`,
    "Build the index anew from the topic as it is: konn sync --from-beginning.",
  );
}
