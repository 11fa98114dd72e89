import { join } from "node:path";
import { format } from "oxfmt";
import { loadCommands } from "../../cmd/commands.ts";
import { commandsPage } from "./commands_page.ts";

const DOCS = join(import.meta.dir, "..", "..", "docs");

export interface Page {
  readonly path: string;
  readonly text: string;
}

/** The pages that are made of the code, as they have to be. */
export async function generatedPages(): Promise<readonly Page[]> {
  const path = join(DOCS, "commands.md");
  const { code } = await format(path, commandsPage(await loadCommands()));
  return [{ path, text: code }];
}
