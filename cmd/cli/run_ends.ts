import { existsSync } from "node:fs";
import { KonnError } from "../../core/base/errors.ts";
import type { Checkpoint } from "../../core/checkpoint/mod.ts";
import type { Sink, Source, StreamIdentity } from "../../core/connector/mod.ts";
import { splitGroup } from "../../core/connectors/kafka/address.ts";
import type { ConnectorOptions } from "../../core/connectors/mod.ts";

/** The connector URL of the source of a checkpoint; undefined where it cannot be opened again. */
export function sourceUrl({ address, label }: StreamIdentity): string | undefined {
  if (address.startsWith("kafka:")) return splitGroup(label ?? address).address;
  return label === undefined ? undefined : `file:${label}`;
}

/** Opens the source of a checkpoint again. Throws where that is not possible. */
export async function reopenSource(
  stream: StreamIdentity,
  options: ConnectorOptions,
): Promise<Source> {
  const { createSource } = await import("../../core/connectors/mod.ts");
  const url = sourceUrl(stream);
  const isMissing = url?.startsWith("file:") === true && !existsSync(stream.label ?? "");
  // Events are read past the group that shared them.
  const { group } = splitGroup(stream.address);
  if (url !== undefined && !isMissing) {
    return (await createSource(url, { ...options, group, viewsGroup: true })).end;
  }
  throw new KonnError(
    `Cannot read ${stream.label ?? stream.address} again: ${url === undefined ? "it is no longer there" : "there is no such file"}`,
    {
      code: "SOURCE_GONE",
      hint: "Paths are those of the folder that the run was started in: start this one there.",
    },
  );
}

/** Makes the sink of a checkpoint: a topic is known by its cluster, and labelled by its brokers. */
export async function reopenSink(
  { address, label }: Checkpoint["sink"],
  options: ConnectorOptions,
): Promise<Sink> {
  const { createSink } = await import("../../core/connectors/mod.ts");
  return (await createSink(label ?? address, options)).end;
}
