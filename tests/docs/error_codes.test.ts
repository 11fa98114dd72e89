import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { codesOfPage, codesOfSource } from "./error_codes.ts";

const ROOT = join(import.meta.dir, "..", "..");

const page = codesOfPage(readFileSync(join(ROOT, "docs/troubleshooting.md"), "utf8")).map(
  ({ code }) => code,
);

describe("docs/troubleshooting.md", () => {
  test("has an entry for every code of the source", () => {
    const missing = [...codesOfSource()].filter((code) => !page.includes(code));
    expect(missing).toEqual([]);
  });

  test("has no entry for what is no code, and none twice", () => {
    const codes = codesOfSource();
    expect(page.filter((code) => !codes.has(code))).toEqual([]);
    expect(page.filter((code, at) => page.indexOf(code) !== at)).toEqual([]);
  });
});
