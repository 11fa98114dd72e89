import { createHash } from "node:crypto";
import * as v from "valibot";
import type { Lane, LanePosition, SinkFacts, StreamIdentity } from "../connector/mod.ts";
import { KonnError } from "../base/errors.ts";

/** The format that this konn writes. A file of another version is refused, never guessed at. */
export const CHECKPOINT_VERSION = 1;

/** What a run needs to go on where the last one stopped. */
export interface Checkpoint {
  readonly source: StreamIdentity;
  readonly sink: SinkFacts & { readonly address: string; readonly label?: string };
  readonly lanes: ReadonlyMap<Lane, LanePosition>;
  readonly savedAt: Date;
}

const IDENTITY_SCHEMA = v.record(v.string(), v.string());
const CONTENT_SCHEMA = v.strictObject({
  konn_checkpoint: v.literal(CHECKPOINT_VERSION),
  saved_at: v.pipe(v.string(), v.isoTimestamp()),
  source: v.strictObject({
    address: v.string(),
    label: v.exactOptional(v.string()),
    identity: IDENTITY_SCHEMA,
  }),
  sink: v.strictObject({
    address: v.string(),
    label: v.exactOptional(v.string()),
    identity: IDENTITY_SCHEMA,
    state: v.optional(v.string()),
  }),
  lanes: v.record(
    v.string(),
    v.strictObject({
      position: v.string(),
      next_sequence: v.pipe(v.string(), v.regex(/^\d{1,19}$/)),
    }),
  ),
});
const VERSIONED_SCHEMA = v.looseObject({ konn_checkpoint: v.number(), checksum: v.string() });

/** The text of a checkpoint file: JSON that a person can read, closed by a checksum of itself. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const content: v.InferOutput<typeof CONTENT_SCHEMA> = {
    konn_checkpoint: CHECKPOINT_VERSION,
    saved_at: checkpoint.savedAt.toISOString(),
    source: {
      address: checkpoint.source.address,
      ...(checkpoint.source.label === undefined ? {} : { label: checkpoint.source.label }),
      identity: { ...checkpoint.source.identity },
    },
    sink: {
      address: checkpoint.sink.address,
      ...(checkpoint.sink.label === undefined ? {} : { label: checkpoint.sink.label }),
      identity: { ...checkpoint.sink.identity },
      ...(checkpoint.sink.state === undefined ? {} : { state: checkpoint.sink.state }),
    },
    lanes: Object.fromEntries(
      [...checkpoint.lanes].map(([lane, at]) => [
        lane,
        { position: at.position, next_sequence: String(at.nextSequence) },
      ]),
    ),
  };
  return `${JSON.stringify({ ...content, checksum: checksumOf(content) }, null, 2)}\n`;
}

/** Reads the text of a checkpoint file. Throws when it is torn, edited or of another version. */
export function parseCheckpoint(text: string, path: string): Checkpoint {
  const versioned = v.safeParse(VERSIONED_SCHEMA, parseJson(text));
  if (!versioned.success) throw damaged(path, "it is not a whole checkpoint");
  const { checksum, ...rest } = versioned.output;
  if (rest.konn_checkpoint !== CHECKPOINT_VERSION) throw unknownVersion(path, rest.konn_checkpoint);
  if (checksum !== checksumOf(rest)) throw damaged(path, "its checksum does not fit its content");
  const content = v.safeParse(CONTENT_SCHEMA, rest);
  if (!content.success) throw damaged(path, "its content has another shape");
  const { saved_at, source, sink, lanes } = content.output;
  return {
    source,
    sink: { ...sink, state: sink.state },
    lanes: new Map(
      Object.entries(lanes).map(([lane, at]) => [
        lane,
        { position: at.position, nextSequence: BigInt(at.next_sequence) },
      ]),
    ),
    savedAt: new Date(saved_at),
  };
}

function checksumOf(content: object): string {
  return createHash("sha256").update(JSON.stringify(content)).digest("hex");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function damaged(path: string, state: string): KonnError {
  return new KonnError(`Cannot use the checkpoint ${path}: ${state}`, {
    code: "CHECKPOINT_DAMAGED",
    hint: "Put back a good copy, or remove the file: a replay then goes on where Kafka says, others begin at the start of their source.",
  });
}

function unknownVersion(path: string, version: number): KonnError {
  return new KonnError(
    `Cannot use the checkpoint ${path}: it has format ${version}, this konn knows ${CHECKPOINT_VERSION}`,
    {
      code: "CHECKPOINT_VERSION_UNKNOWN",
      hint: "Use the konn that wrote it, or another --state-dir to begin anew.",
    },
  );
}
