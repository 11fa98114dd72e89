/** `bun scripts/docs.ts`: writes the pages of docs/ that are made of the code. A test finds stale ones. */
import { writeFileSync } from "node:fs";
import { generatedPages } from "./docs/generated_pages.ts";

for (const { path, text } of await generatedPages()) {
  writeFileSync(path, text);
  console.log(path);
}
