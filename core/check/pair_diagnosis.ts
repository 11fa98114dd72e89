import { KonnError } from "../base/errors.ts";
import { formatCounted } from "../base/format.ts";
import { parseNote } from "../checkpoint/mod.ts";
import { identityDifference } from "../connector/identity.ts";
import type { IndexInspector } from "../connector/index_inspector.ts";
import { failed, type Finding, passed } from "../connector/finding.ts";
import type { Identity, SharedPositions, Source, StreamIdentity } from "../connector/mod.ts";
import { readRunStatus, readSharedStatus, type RunStatus } from "./run_status.ts";

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
  const { shared } = stream;
  if (shared) yield* groupFindings(shared, options, signal);
  else {
    const address = await options.sinkAddress(signal);
    yield await checkpointFinding(stream, { ...options, address, signal });
  }
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
  return failed("checkpoint", ...cannotGoOn(run));
}

/** What the group has committed takes the place of a checkpoint: its members have one together. */
async function* groupFindings(
  shared: SharedPositions,
  options: PairOptions,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const check = "group offsets";
  const { note } = shared;
  if (shared.lanes(note ?? "").size === 0) {
    yield passed(check, "none: konn sync --group begins at the topic's start");
    return;
  }
  const noted = note === undefined ? undefined : parseNote(note)?.identity;
  const elsewhere = noted && (await ofAnotherIndex(check, noted, options, signal));
  if (elsewhere) {
    yield elsewhere;
    return;
  }
  const status = await readSharedStatus("", await options.openSource(), signal);
  yield status.can_go_on
    ? passed(check, `${formatCounted(status.lag ?? 0, "offset")} to go`)
    : failed(check, ...cannotGoOn(status));
}

/** Undefined where the positions are of the index that is there, or where that does not tell. */
async function ofAnotherIndex(
  check: string,
  noted: Identity,
  options: PairOptions,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  const name = noted["index"] ?? "another index";
  try {
    const { identity, mayReplace } = await openIndex(options, signal);
    if (Object.entries(identity).every(([fact, value]) => noted[fact] === value)) return undefined;
    if (mayReplace(noted)) {
      const next = "konn sync --group begins at the topic's start";
      return passed(check, `they are of ${name}, which was built anew since: ${next}`);
    }
    return failed(
      check,
      `they are of ${name}, and a group keeps one index`,
      "Use another --group, or the --index of this one.",
    );
  } catch (error) {
    if (!(error instanceof KonnError)) throw error;
    if (error.code !== "INDEX_NOT_FOUND") return undefined;
    return failed(
      check,
      `they are of ${name}, which is gone`,
      "Stop the members, build it anew alone (konn sync --from-beginning --until-end), and start them again.",
    );
  }
}

/** The detail and the remedy of a run that would be refused. */
function cannotGoOn({ problem, problem_code: code }: RunStatus): [string, string] {
  const flags = code === "KAFKA_OFFSET_OUT_OF_RANGE" ? " --accept-loss" : "";
  return [
    `the next konn sync would be refused: ${problem ?? "it cannot go on"}`,
    `Build the index anew from the topic as it is: konn sync --from-beginning${flags}.`,
  ];
}
