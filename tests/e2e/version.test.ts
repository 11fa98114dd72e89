import { expect, test } from "bun:test";
import packageJson from "../../package.json" with { type: "json" };
import { buildStamp } from "../../scripts/release/build_stamp.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { konn } from "./konn.ts";

test("--version --json tells what was built from what", async () => {
  using folder = new TemporaryFolder();
  for (const word of ["--version", "version"]) {
    const { exitCode, stdout, stderr } = await konn([word, "--json"], { cwd: folder.path });
    expect([exitCode, stderr]).toEqual([0, ""]);
    const said = JSON.parse(stdout);
    expect(said).toEqual({
      version: packageJson.version,
      commit: said.commit,
      date: said.date,
      bun: Bun.version,
      target: `${process.platform}-${process.arch}`,
    });
    // The binary may have been built some commits ago.
    if (buildStamp().commit !== null) {
      expect(said.commit).toMatch(/^[0-9a-f]{40}(-dirty)?$/);
      expect(said.date).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    }
  }
});
