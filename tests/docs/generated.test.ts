import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { generatedPages } from "../../scripts/docs/generated_pages.ts";
import { ROOT } from "./markdown.ts";

test("the pages that are made of the code are those that `bun scripts/docs.ts` makes", async () => {
  const pages = await generatedPages();
  expect(pages.length).toBeGreaterThan(0);
  for (const { path, text } of pages) {
    const file = join(ROOT, path);
    expect(existsSync(file) ? readFileSync(file, "utf8") : "", path).toBe(text);
  }
});
