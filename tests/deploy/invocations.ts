import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { KonnCommand } from "../../cmd/cli/declare.ts";
import { readArguments } from "../../cmd/cli/strict_arguments.ts";
import { resolveSettings, unknownVariables } from "../../core/config/mod.ts";

const ROOT = join(import.meta.dir, "..", "..");

/** How a file of the project starts konn. */
export interface Invocation {
  /** Where it says so. */
  readonly place: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Reads a file of the project. */
export function projectFile(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** Reads the documents of a YAML file of the project. */
export function yamlDocuments(path: string): readonly any[] {
  const parsed: unknown = Bun.YAML.parse(projectFile(path));
  return Array.isArray(parsed) ? parsed : [parsed];
}

/**
 * Checks an invocation against what the commands declare, as konn itself does before it begins.
 * Throws what a person would be told.
 */
export async function checkInvocation({ args, environment }: Invocation): Promise<void> {
  const [name = "", ...rest] = args;
  const unknown = unknownVariables(environment).map((variable) => variable.name);
  if (unknown.length > 0) throw new Error(`${unknown.join(", ")}: no settings`);
  if (["--help", "--version"].includes(name)) return;
  const { command }: { command: KonnCommand } = await import(
    join(ROOT, "cmd", `${name.replaceAll("-", "_")}.ts`)
  );
  // Of a command with sub-commands of its own only the flags are looked at.
  const { flags } = readArguments(command, rest);
  resolveSettings(command.settings, { flags, environment });
}

/** Behind nothing, a key of a workflow, an image's options, or the `--` of kubectl. */
const KONN_CALL =
  /^\s*(?:(?:- )?[a-z]+:\s+|docker run .* |kubectl exec .* -- \/usr\/local\/bin\/)?konn (?<args>[^#>]*)/;

/** The konn commands in a text with shell lines: a script, or the blocks of a page. */
export function shellInvocations(place: string, text: string): readonly Invocation[] {
  const lines = text.replaceAll(/\\\n\s*/g, "").split("\n");
  return lines
    .flatMap((line) => line.split(/&&|\|\||;| \| /))
    .flatMap((part) => {
      const found = KONN_CALL.exec(part);
      const args = found?.groups?.["args"]?.trim();
      return args === undefined || args === "" ? [] : [shellWords(args)];
    })
    .map((args) => ({ place: `${place}: konn ${args.join(" ")}`, args, environment: {} }));
}

/** The code between fences of a page that is for a shell or for a workflow. */
export function codeBlocks(markdown: string): string {
  return [...markdown.matchAll(/^```(?:sh|yaml)\n([\s\S]*?)^```$/gm)]
    .map(([, code = ""]) => code)
    .join("\n");
}

/** The first YAML of a page, parsed. */
export function yamlBlock(markdown: string): any {
  return Bun.YAML.parse(/^```yaml\n([\s\S]*?)^```$/m.exec(markdown)?.[1] ?? "");
}

function shellWords(text: string): readonly string[] {
  const words = text.match(/"[^"]*"|'[^']*'|\S+/g) ?? [];
  return words.map((word) => word.replaceAll(/^["']|["']$/g, ""));
}
