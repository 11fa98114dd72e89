import { KonnError, messageOf } from "../../base/errors.ts";
import { formatCounted, formatSeconds } from "../../base/format.ts";
import { failed, failedBy, type Finding, passed, warned } from "../../connector/finding.ts";
import { errorTypeOf, OpenSearchClient, type OpenSearchConnection, recordOf } from "./client.ts";
import { IndexAdmin, type IndexInfo } from "./index_admin.ts";
import { createOpenSearchInspector } from "./inspector.ts";
import { INDEX_FORMAT, indexMappings } from "./mapping.ts";
import { diskFinding } from "./disk_watermarks.ts";

const REQUEST_TIMEOUT_MS = 4_000;
/** What two machines with synchronized clocks are never apart. */
const MAX_CLOCK_SECONDS = 5;

export interface OpenSearchDoctorOptions extends OpenSearchConnection {
  /** The alias that everybody reads. */
  readonly index: string;
}

/** Looks at the cluster, its disks and clock, and the index behind the alias. */
export async function* diagnoseOpenSearch(
  options: OpenSearchDoctorOptions,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const client = await OpenSearchClient.create(options);
  try {
    const { clusterId } = await client.identify(signal);
    yield await versionFinding(client, clusterId, signal);
    yield* healthFindings(client, signal);
    yield await asked("disk", () => diskFinding((path) => get(client, path, signal)));
    yield* indexFindings(client, options, signal);
  } finally {
    await client.close();
  }
}

async function versionFinding(
  client: OpenSearchClient,
  clusterId: string,
  signal: AbortSignal,
): Promise<Finding> {
  const { version } = recordOf(await get(client, "/", signal));
  const { number } = recordOf(version);
  return passed("cluster", `OpenSearch ${String(number)} at ${client.url}, cluster ${clusterId}`);
}

async function* healthFindings(
  client: OpenSearchClient,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const askedMs = Date.now();
  let row: Readonly<Record<string, unknown>>;
  try {
    const rows = await get(client, "/_cat/health?format=json&h=epoch,status,node.total", signal);
    row = recordOf(Array.isArray(rows) ? rows[0] : undefined);
  } catch (error) {
    yield notAsked("health", error);
    return;
  }
  const { status, epoch } = row;
  const nodes = `${formatCounted(Number(row["node.total"]), "node")}, ${String(status)}`;
  if (status === "red") {
    yield failed(
      "health",
      `${nodes}: some data cannot be reached`,
      "GET _cluster/allocation/explain says which shard, and why.",
    );
  } else if (status === "yellow") {
    yield warned(
      "health",
      `${nodes}: some data has no copy`,
      "GET _cluster/allocation/explain says which. Add a node, or set number_of_replicas to 0.",
    );
  } else yield passed("health", nodes);
  yield clockFinding(Number(epoch), { askedMs, answeredMs: Date.now() });
}

/** @param epoch the server's time, in whole seconds since 1970 */
function clockFinding(
  epoch: number,
  { askedMs, answeredMs }: { askedMs: number; answeredMs: number },
): Finding {
  if (!(epoch > 0)) return passed("clock", "the cluster does not tell its time");
  const early = askedMs / 1_000 - (epoch + 1);
  const late = epoch - answeredMs / 1_000;
  const apart = Math.max(0, early, late);
  if (apart <= MAX_CLOCK_SECONDS) return passed("clock", "agrees with the one of this machine");
  return warned(
    "clock",
    `the cluster's clock is ${formatSeconds(apart)} ${late > 0 ? "ahead of" : "behind"} this machine's: tombstones are kept for shorter or longer than --keep-tombstones says`,
    "Synchronize the clocks of both machines: timedatectl set-ntp true.",
  );
}

async function* indexFindings(
  client: OpenSearchClient,
  options: OpenSearchDoctorOptions,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const { index: alias } = options;
  const found = await aliasFinding(options, signal);
  yield found;
  const indexes = await new IndexAdmin(client, signal).find(alias);
  for (const index of indexes) {
    yield await asked("blocks", () => blocksFinding(client, index, signal));
    if (index.meta?.alias === alias && found.level === "ok") {
      yield await asked("mapping", () => mappingFinding(client, index, signal));
    }
  }
}

/** Whether the name stands for one index of konn's, with the filter that hides tombstones. */
async function aliasFinding(
  options: OpenSearchDoctorOptions,
  signal: AbortSignal,
): Promise<Finding> {
  await using inspector = createOpenSearchInspector(options);
  try {
    await inspector.open(signal);
    return passed("alias", `${options.index} stands for one index of konn's and hides tombstones`);
  } catch (error) {
    if (error instanceof KonnError && error.code === "INDEX_NOT_FOUND") {
      return passed("alias", `${options.index} is not there yet: konn sync makes it`);
    }
    return failedBy("alias", error);
  }
}

/** What somebody has set, or OpenSearch itself on a full disk. */
async function blocksFinding(
  client: OpenSearchClient,
  { name }: IndexInfo,
  signal: AbortSignal,
): Promise<Finding> {
  const path = `/${encodeURIComponent(name)}/_settings?flat_settings=true`;
  const { settings } = recordOf(recordOf(await get(client, path, signal))[name]);
  const blocks = Object.entries(recordOf(settings))
    .filter(([key, value]) => WRITE_BLOCKS.has(key) && String(value) === "true")
    .map(([key]) => key);
  if (blocks.length > 0) {
    const off = blocks.map((key) => `"${key}": null`).join(", ");
    return failed(
      "blocks",
      `${name} takes no documents: ${blocks.join(", ")}`,
      `Free disk space where that is the reason, then: PUT ${name}/_settings {${off}}`,
    );
  }
  const rows = await get(
    client,
    `/_cat/indices/${encodeURIComponent(name)}?format=json&h=status,health&expand_wildcards=all`,
    signal,
  );
  const { status, health } = recordOf(Array.isArray(rows) ? rows[0] : undefined);
  if (status === "close") {
    return failed("blocks", `${name} is closed`, `Open it: POST ${name}/_open`);
  }
  return passed("blocks", `${name} is open and takes documents${textOf(health)}`);
}

function textOf(health: unknown): string {
  return typeof health === "string" ? `, ${health}` : "";
}

const WRITE_BLOCKS: ReadonlySet<string> = new Set([
  "index.blocks.write",
  "index.blocks.read_only",
  "index.blocks.read_only_allow_delete",
]);

/** A document with a field that the mapping lacks would be refused, since it is strict. */
async function mappingFinding(
  client: OpenSearchClient,
  { name, meta }: IndexInfo,
  signal: AbortSignal,
): Promise<Finding> {
  if (!meta || meta.konn !== INDEX_FORMAT) {
    return failed(
      "mapping",
      `${name} has the format of another konn, ${meta?.konn ?? "none"}`,
      "Build the index anew: konn sync --from-beginning.",
    );
  }
  const path = `/${encodeURIComponent(name)}/_mapping`;
  const { mappings } = recordOf(recordOf(await get(client, path, signal))[name]);
  const actual = recordOf(recordOf(mappings)["properties"]);
  const wanted = recordOf(recordOf(indexMappings(meta))["properties"]);
  const differing = Object.keys(wanted).filter((field) => !contains(actual[field], wanted[field]));
  const isStrict = recordOf(mappings)["dynamic"] === "strict";
  if (differing.length === 0 && isStrict)
    return passed("mapping", `${name} has the mapping of konn`);
  const what = [
    ...(differing.length > 0 ? [`other fields: ${differing.join(", ")}`] : []),
    ...(isStrict ? [] : ["it is not strict any more"]),
  ];
  return failed(
    "mapping",
    `somebody has changed the mapping of ${name}: ${what.join("; ")}`,
    "Build the index anew: konn sync --from-beginning.",
  );
}

/** Whether a value has everything that another one has. */
function contains(actual: unknown, wanted: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null) return actual === wanted;
  const held = recordOf(actual);
  return Object.entries(wanted).every(([key, value]) => contains(held[key], value));
}

/** A look that is refused hides one thing only. */
async function asked(check: string, look: () => Promise<Finding>): Promise<Finding> {
  try {
    return await look();
  } catch (error) {
    return notAsked(check, error);
  }
}

function notAsked(check: string, error: unknown): Finding {
  return warned(
    check,
    `could not be asked: ${messageOf(error)}`,
    "Give the user the privileges cluster_monitor and indices_monitor to have it looked at (docs/security.md).",
  );
}

async function get(client: OpenSearchClient, path: string, signal: AbortSignal): Promise<unknown> {
  const request = { method: "GET", path, timeoutMs: REQUEST_TIMEOUT_MS } as const;
  const { status, body } = await client.request(request, signal);
  if (status === 200) return body;
  throw new Error(`OpenSearch answers ${status} ${errorTypeOf(body)}`);
}
