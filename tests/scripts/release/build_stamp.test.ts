import { expect, test } from "bun:test";
import { buildStamp } from "../../../scripts/release/build_stamp.ts";
import { TARGETS } from "../../../scripts/release/targets.ts";
import packageJson from "../../../package.json" with { type: "json" };
import tools from "../../../scripts/release/tools/package.json" with { type: "json" };

test("the environment wins over the repository", () => {
  const stamp = buildStamp({ SOURCE_COMMIT: "abc", SOURCE_DATE_EPOCH: "1700000000" });
  expect(stamp).toEqual({ commit: "abc", date: new Date("2023-11-14T22:13:20Z") });
});

test("without it git is asked, and empty variables are none", () => {
  const stamp = buildStamp({ SOURCE_COMMIT: "", SOURCE_DATE_EPOCH: "" });
  expect(stamp).toEqual(buildStamp({}));
  // A source archive has no repository.
  if (stamp.commit !== null) expect(stamp.commit).toMatch(/^[0-9a-f]{40}(-dirty)?$/);
});

test("a date that is no number is refused", () => {
  expect(() => buildStamp({ SOURCE_DATE_EPOCH: "yesterday" })).toThrow("yesterday");
});

test("every target has a runtime, and all are of the Bun that konn is tested with", () => {
  const runtimes = Object.entries(tools.dependencies).filter(([name]) => name.startsWith("@oven/"));
  expect(runtimes.map(([name]) => name).toSorted()).toEqual(
    TARGETS.map(({ runtime }) => runtime).toSorted(),
  );
  for (const [, version] of runtimes) {
    expect(version).toBe(packageJson.devDependencies["@types/bun"]);
    expect(version).toBe(Bun.version);
  }
});
