import { describe, expect, test } from "bun:test";
import { diskFinding, isBeyond } from "../../../core/connectors/opensearch/disk_watermarks.ts";

const GIB = 1024 ** 3;

function cluster(freePercent: number, settings: Readonly<Record<string, string>> = {}) {
  const total = 100 * GIB;
  return (path: string): Promise<unknown> =>
    Promise.resolve(
      path.startsWith("/_cat/")
        ? [
            { node: "roomy", "disk.avail": String(total), "disk.total": String(total) },
            {
              node: "full",
              "disk.avail": String((total * freePercent) / 100),
              "disk.total": String(total),
            },
            { node: "UNASSIGNED", "disk.avail": null, "disk.total": null },
          ]
        : { persistent: {}, transient: settings, defaults: {} },
    );
}

const WATERMARK = "cluster.routing.allocation.disk.watermark";

describe("isBeyond()", () => {
  test.each([
    [5, "95%", false],
    [4, "95%", true],
    [4, "0.95", true],
    [6, "0.95", false],
    [4, "5gb", true],
    [6, "5gb", false],
    [1, "500mb", false],
  ])("%i GiB of 100 free against %s: %p", (free, watermark, expected) => {
    const disk = { availableBytes: free * GIB, totalBytes: 100 * GIB };
    expect(isBeyond(disk, watermark)).toBe(expected);
  });
});

describe("diskFinding()", () => {
  test("looks at the fullest disk", async () => {
    expect(await diskFinding(cluster(50))).toMatchObject({ level: "ok" });
    expect(await diskFinding(cluster(12))).toMatchObject({ level: "warn" });
    const failed = await diskFinding(cluster(3));
    expect(failed).toMatchObject({ level: "fail" });
    expect(failed.detail).toContain("full has 3% of its disk free");
  });

  test("by the watermarks of the cluster", async () => {
    const strict = { [`${WATERMARK}.flood_stage`]: "60gb" };
    expect(await diskFinding(cluster(50, strict))).toMatchObject({ level: "fail" });
    const lax = { [`${WATERMARK}.low`]: "99%", [`${WATERMARK}.flood_stage`]: "99%" };
    expect(await diskFinding(cluster(3, lax))).toMatchObject({ level: "ok" });
    const off = { "cluster.routing.allocation.disk.threshold_enabled": "false" };
    expect(await diskFinding(cluster(1, off))).toMatchObject({ level: "ok" });
  });
});
