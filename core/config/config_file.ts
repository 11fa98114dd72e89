import { existsSync, readFileSync } from "node:fs";
import { KonnError, messageOf } from "../base/errors.ts";
import { suggest } from "../base/suggest.ts";
import { environmentName, isEnvironmentOnly, SETTINGS } from "./settings.ts";

/** The file that is read from the working folder when none is named. */
const DEFAULT_CONFIG_FILE = "konn.toml";

/** A setting of the file as text or as a switch, as a flag would have given it. */
export type RawValue = string | boolean;

/** What a configuration file sets for one command. */
export interface ConfigFile {
  readonly path: string;
  readonly values: ReadonlyMap<string, RawValue>;
}

/**
 * Reads a TOML file: settings at the top level hold for every command, those under `[command]` for
 * that command alone and win.
 *
 * @param path the file to read, or undefined for `konn.toml` in the working folder if there is one
 * @throws KonnError (usage) when a named file is missing, and for every name that is no setting
 */
export function readConfigFile(
  path: string | undefined,
  { command, commands }: { command: string; commands: readonly string[] },
): ConfigFile | undefined {
  if (path === undefined && !existsSync(DEFAULT_CONFIG_FILE)) return undefined;
  const file = path ?? DEFAULT_CONFIG_FILE;
  const values = new Map<string, RawValue>();
  const tables = parseToml(file);
  for (const [name, value] of Object.entries(tables)) {
    if (!isTable(value)) values.set(name, rawValue(file, name, value));
    else if (!commands.includes(name)) throw unknownName(file, `[${name}]`, commands);
    else refuseSecrets(file, Object.keys(value));
  }
  const own = tables[command];
  for (const [name, value] of Object.entries(isTable(own) ? own : {})) {
    values.set(name, rawValue(file, name, value));
  }
  return { path: file, values };
}

function parseToml(file: string): Record<string, unknown> {
  try {
    const tables: unknown = Bun.TOML.parse(readFileSync(file, "utf8"));
    return isTable(tables) ? tables : {};
  } catch (cause) {
    // Without the cause: the parser quotes the line, which may hold a secret.
    const state = messageOf(cause).replace(/".*"/gs, "...");
    throw new KonnError(`Cannot read the configuration ${file}: ${state}`, {
      code: "CONFIG_UNREADABLE",
      kind: "usage",
      hint: "It is TOML, for example: brokers = 'localhost:9092'",
    });
  }
}

function rawValue(file: string, name: string, value: unknown): RawValue {
  if (!Object.hasOwn(SETTINGS, name)) throw unknownName(file, name, Object.keys(SETTINGS));
  if (isEnvironmentOnly(name)) throw secretInFile(file, name);
  if (typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  if (Array.isArray(value)) return value.map(String).join(",");
  throw new KonnError(
    `Cannot use ${name} in ${file}: it is neither text, number, list nor switch`,
    {
      code: "CONFIG_INVALID",
      kind: "usage",
    },
  );
}

/** Also in the tables of other commands. */
function refuseSecrets(file: string, names: readonly string[]): void {
  const name = names.find(isEnvironmentOnly);
  if (name !== undefined) throw secretInFile(file, name);
}

/** Such files are copied, committed and shown; and the mode of this one nobody checks. */
function secretInFile(file: string, name: string): KonnError {
  return new KonnError(`Cannot use ${name} in ${file}: a secret does not belong there`, {
    code: "CONFIG_HOLDS_SECRET",
    kind: "usage",
    hint: `Take it out. Set ${environmentName(name)}, or write it to a file of mode 0600 and name that: ${name}-file = "...".`,
  });
}

function unknownName(file: string, name: string, known: readonly string[]): KonnError {
  const meant = suggest(name.replace(/[[\]]/g, ""), known);
  return new KonnError(`Cannot use ${name} in ${file}: there is no such setting`, {
    code: "CONFIG_INVALID",
    kind: "usage",
    hint: meant ? `Did you mean ${meant}?` : "`konn COMMAND --help` lists the settings.",
  });
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
