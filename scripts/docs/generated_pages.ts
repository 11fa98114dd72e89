import { readFileSync } from "node:fs";
import { join } from "node:path";
import { format } from "oxfmt";
import { loadCommands } from "../../cmd/commands.ts";
import { commandsPage } from "./commands_page.ts";

const ROOT = join(import.meta.dir, "..", "..");

/** Pages with blocks of code that are files of the repository. */
const PAGES_WITH_FILES = ["docs/writing-a-connector.md"];

/** The name of a file in a comment, and the block below it that holds the file. */
const EMBEDDED = /(<!-- (\S+\.ts) -->\n\n```ts\n)[\s\S]*?(^```$)/gm;

export interface Page {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

/** The pages that are made of the code, as they have to be. */
export async function generatedPages(): Promise<readonly Page[]> {
  const path = "docs/commands.md";
  const { code } = await format(path, commandsPage(await loadCommands()));
  return [{ path, text: code }, ...PAGES_WITH_FILES.map(withFiles)];
}

function withFiles(path: string): Page {
  const page = readFileSync(join(ROOT, path), "utf8");
  const text = page.replaceAll(EMBEDDED, (_all, head: string, file: string, tail: string) => {
    return `${head}${readFileSync(join(ROOT, file), "utf8")}${tail}`;
  });
  return { path, text };
}
