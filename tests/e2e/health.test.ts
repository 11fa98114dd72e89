import { afterAll, expect, test } from "bun:test";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { konn } from "./konn.ts";

const folder = new TemporaryFolder();
afterAll(() => folder[Symbol.dispose]());

test.each(["http://me:s3cret@127.0.0.1:1/healthz", "ftp://me:s3cret@127.0.0.1/", "me:s3cret@host"])(
  "konn health asks for no password, and repeats none: %s",
  async (url) => {
    for (const flags of [[], ["--json"], ["--log-format", "json"]]) {
      const { exitCode, stdout, stderr } = await konn(["health", url, ...flags], {
        cwd: folder.path,
      });
      expect(exitCode).toBe(2);
      expect(stdout + stderr).not.toContain("s3cret");
    }
  },
);

test("konn health says that nothing listens", async () => {
  const { exitCode, stderr } = await konn(["health", "http://127.0.0.1:1/healthz"], {
    cwd: folder.path,
  });
  expect(exitCode).toBe(3);
  expect(stderr).toContain("nothing listens there");
});
