import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readArguments } from "../../cmd/cli/strict_arguments.ts";
import { loadCommands } from "../../cmd/commands.ts";
import { resolveSettings, unknownVariables } from "../../core/config/mod.ts";
import { ROOT } from "../docs/markdown.ts";
import { shellWords } from "../docs/shell_words.ts";

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

/** The first YAML of a page. */
export function yamlBlock(markdown: string): any {
  return Bun.YAML.parse(/^```yaml\n([\s\S]*?)^```$/m.exec(markdown)?.[1] ?? "");
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
  const commands = await loadCommands();
  const command = commands.find((one) => one.name === name);
  if (command === undefined) throw new Error(`${name} is no command`);
  const { flags } = readArguments(command, rest);
  resolveSettings(command.settings, { flags, environment });
}

/** The calls of konn in the scripts of a workflow's steps. */
export function scriptInvocations(place: string, workflow: any): readonly Invocation[] {
  const jobs: readonly any[] = Object.values(workflow.jobs);
  return jobs
    .flatMap(({ steps = [] }) => steps.map(({ run = "" }: any): string => run))
    .flatMap((script) => script.replaceAll("\\\n", " ").split(/\n|&&|\|\|/))
    .map((line) => line.replace(/ #.*$/, ""))
    .filter((line) => /^\s*konn /.test(line))
    .map((line) => {
      const [, ...args] = shellWords(line);
      return { place: `${place}: konn ${args.join(" ")}`, args, environment: {} };
    });
}
