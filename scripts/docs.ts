/** `bun scripts/docs.ts`: writes the pages of docs/ that are made of the code. A test finds stale ones. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { generatedPages } from "./docs/generated_pages.ts";

const ROOT = join(import.meta.dir, "..");

for (const { path, text } of await generatedPages()) {
  writeFileSync(join(ROOT, path), text);
  console.log(path);
}
