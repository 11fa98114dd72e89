import { KonnError } from "../../core/base/errors.ts";
import { suggest } from "../../core/base/suggest.ts";
import {
  environmentName,
  isEnvironmentOnly,
  type RawValue,
  type Setting,
  SETTINGS,
} from "../../core/config/mod.ts";
import type { KonnCommand } from "./declare.ts";

/** What stands on a command line behind the command's name. */
export interface StrictArguments {
  readonly flags: ReadonlyMap<string, RawValue>;
  readonly positionals: readonly string[];
}

/**
 * Reads a command's arguments and refuses what citty would swallow: flags that do not exist, flags
 * without their value, a flag given twice, and arguments that are too many or too few.
 *
 * @throws KonnError (usage)
 */
export function readArguments(command: KonnCommand, rawArgs: readonly string[]): StrictArguments {
  const flags = new Map<string, RawValue>();
  const positionals: string[] = [];
  const rest = [...rawArgs];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") positionals.push(...rest.splice(0));
    else if (!arg.startsWith("-") || arg === "-") positionals.push(arg);
    else readFlag(command, arg, { rest, flags });
  }
  checkArity(command, positionals);
  return { flags, positionals };
}

function readFlag(
  command: KonnCommand,
  arg: string,
  { rest, flags }: { rest: string[]; flags: Map<string, RawValue> },
): void {
  const [, name = "", inline] = /^--([^=]*)(?:=([\s\S]*))?$/.exec(arg) ?? [];
  if (isEnvironmentOnly(name)) throw secretFlag(command, name);
  const setting = findSetting(command, name);
  if (!setting) throw unknownFlag(command, arg.replace(/=.*$/s, ""), name);
  if (flags.has(name)) throw usageError(command, `Cannot use --${name} twice`);
  if (setting.placeholder === undefined) flags.set(name, readSwitch(command, name, inline));
  else flags.set(name, inline ?? nextValue(command, name, rest));
}

function findSetting(command: KonnCommand, name: string): Setting<unknown> | undefined {
  const setting = command.settings.find((known) => known === name);
  return setting && SETTINGS[setting];
}

function readSwitch(command: KonnCommand, name: string, inline: string | undefined): boolean {
  if (inline === undefined || inline === "true") return true;
  if (inline === "false") return false;
  throw usageError(command, `Cannot give --${name} a value: it is a switch`);
}

function nextValue(command: KonnCommand, name: string, rest: string[]): string {
  const value = rest[0];
  // A negative number is no flag: what is wrong with it, the setting says.
  if (value !== undefined && (!value.startsWith("-") || /^-(\d|$)/.test(value))) {
    rest.shift();
    return value;
  }
  throw usageError(command, `Cannot use --${name} without a value`, `Write --${name} VALUE.`);
}

function checkArity(command: KonnCommand, positionals: readonly string[]): void {
  const missing = command.positionals[positionals.length];
  if (missing?.required)
    throw usageError(
      command,
      `Cannot run konn ${command.name} without ${missing.name.toUpperCase()}`,
    );
  for (const [index, value] of positionals.entries()) {
    const { name, choices = [] } = command.positionals[index] ?? { name: "" };
    if (choices.length > 0 && !choices.includes(value)) throw notAChoice(command, name, value);
  }
  if (command.positionals.at(-1)?.isRepeated === true) return;
  const extra = positionals[command.positionals.length];
  if (extra === undefined) return;
  throw usageError(
    command,
    `Cannot use ${JSON.stringify(extra)}: konn ${command.name} takes ${arityOf(command)}`,
  );
}

function notAChoice(command: KonnCommand, name: string, value: string): KonnError {
  const choices = command.positionals.find((one) => one.name === name)?.choices ?? [];
  const meant = suggest(value, choices);
  return usageError(
    command,
    `Cannot use ${JSON.stringify(value)} as ${name.toUpperCase()}: expected one of ${choices.join(", ")}`,
    meant && `Did you mean ${meant}?`,
  );
}

function arityOf({ positionals }: KonnCommand): string {
  if (positionals.length === 0) return "no arguments but flags";
  return positionals.length === 1 ? "one argument" : `${positionals.length} arguments`;
}

function unknownFlag(command: KonnCommand, arg: string, name: string): KonnError {
  const flags = command.settings.filter((known) => !isEnvironmentOnly(known));
  const meant = suggest(name, flags);
  return usageError(
    command,
    `Cannot use ${arg}: konn ${command.name} has no such flag`,
    meant && `Did you mean --${meant}?`,
  );
}

/** Every user of the machine can read what its processes were started with. */
function secretFlag(command: KonnCommand, name: string): KonnError {
  return usageError(
    command,
    `Cannot use --${name}: secrets have no flag`,
    `Set ${environmentName(name)}, or name a file of mode 0600: --${name}-file FILE.`,
  );
}

function usageError(command: KonnCommand, message: string, hint?: string): KonnError {
  const help = `\`konn ${command.name} --help\` shows how it is used.`;
  return new KonnError(message, {
    code: "USAGE",
    kind: "usage",
    hint: hint ? `${hint} ${help}` : help,
  });
}
