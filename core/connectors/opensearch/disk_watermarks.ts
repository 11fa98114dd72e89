import { failed, type Finding, passed, warned } from "../../connector/finding.ts";
import { recordOf } from "./client.ts";

/** `flood_stage` blocks the indexes of the node for writing, `low` keeps new shards away. */
type Watermark = "low" | "high" | "flood_stage";

const SETTING = "cluster.routing.allocation.disk";
/** OpenSearch's own, where it does not tell. */
const DEFAULTS: Readonly<Record<Watermark, string>> = {
  low: "85%",
  high: "90%",
  flood_stage: "95%",
};

const UNIT_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1024,
  mb: 1024 ** 2,
  gb: 1024 ** 3,
  tb: 1024 ** 4,
  pb: 1024 ** 5,
};
const SIZE = /^(\d+(?:\.\d+)?)\s*(b|kb|mb|gb|tb|pb)$/i;

export interface Disk {
  readonly availableBytes: number;
  readonly totalBytes: number;
}

/** Whether a disk is fuller than a watermark allows: a share that may be used, or bytes to be free. */
export function isBeyond({ availableBytes, totalBytes }: Disk, watermark: string): boolean {
  const [, amount, unit = ""] = SIZE.exec(watermark) ?? [];
  if (amount !== undefined) {
    return availableBytes < Number(amount) * (UNIT_BYTES[unit.toLowerCase()] ?? 1);
  }
  const share = watermark.endsWith("%") ? Number(watermark.slice(0, -1)) / 100 : Number(watermark);
  return 1 - availableBytes / totalBytes > share;
}

/**
 * How full the disks of the cluster are, against its own watermarks.
 *
 * @param get asks the cluster
 */
export async function diskFinding(get: (path: string) => Promise<unknown>): Promise<Finding> {
  const settings = flatSettings(
    await get("/_cluster/settings?include_defaults=true&flat_settings=true"),
  );
  const rows = await get("/_cat/allocation?format=json&bytes=b&h=node,disk.avail,disk.total");
  const disks = (Array.isArray(rows) ? rows : []).map(recordOf).flatMap((row) => {
    const [availableBytes, totalBytes] = [Number(row["disk.avail"]), Number(row["disk.total"])];
    // What has no node has no disk either.
    return totalBytes > 0 ? [{ node: String(row["node"]), availableBytes, totalBytes }] : [];
  });
  const [fullest] = disks.toSorted((a, b) => shareFree(a) - shareFree(b));
  if (!fullest) return passed("disk", "the cluster does not tell how full its disks are");
  const text = `${fullest.node} has ${Math.round(shareFree(fullest) * 100)}% of its disk free`;
  if (settings.get(`${SETTING}.threshold_enabled`) === "false") {
    return passed("disk", `${text}; watermarks are switched off`);
  }
  const mark = (name: Watermark): string =>
    settings.get(`${SETTING}.watermark.${name}`) ?? DEFAULTS[name];
  if (isBeyond(fullest, mark("flood_stage"))) {
    return failed(
      "disk",
      `${text}: beyond the flood stage (${mark("flood_stage")}) its indexes are blocked for writing`,
      "Free space there, or add a node: OpenSearch takes the block off by itself then.",
    );
  }
  if (isBeyond(fullest, mark("low"))) {
    return warned(
      "disk",
      `${text}: at the flood stage (${mark("flood_stage")}) its indexes will be blocked for writing`,
      "Free space there, or add a node. An index that is built anew needs as much again.",
    );
  }
  return passed("disk", text);
}

function shareFree({ availableBytes, totalBytes }: Disk): number {
  return availableBytes / totalBytes;
}

/** What holds: transient settings before persistent ones before defaults. */
function flatSettings(body: unknown): ReadonlyMap<string, string> {
  const { defaults, persistent, transient } = recordOf(body);
  const all = { ...recordOf(defaults), ...recordOf(persistent), ...recordOf(transient) };
  return new Map(Object.entries(all).map(([name, value]) => [name, String(value)]));
}
