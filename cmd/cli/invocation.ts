import {
  COMMON_SETTINGS,
  givenSettings,
  readConfigFile,
  resolveSettings,
  type SettingName,
  type Settings,
  unknownVariables,
} from "../../core/config/mod.ts";
import type { CallContext, CommonSettingName } from "./declare.ts";
import { createTerminal, type Terminal } from "./terminal.ts";

export interface InvocationParts<Name extends SettingName> {
  /** The command's name, for its table in the configuration file. */
  readonly name: string;
  readonly settings: readonly Name[];
  readonly context: CallContext;
}

export interface ResolvedInvocation<Name extends SettingName> {
  readonly values: Settings<Name | CommonSettingName>;
  readonly given: ReadonlySet<SettingName>;
  readonly terminal: Terminal;
}

/** Resolves a command's settings from flags, environment and file, and opens its terminal. */
export function resolveInvocation<Name extends SettingName>({
  name,
  settings,
  context: { flags, commandNames },
}: InvocationParts<Name>): ResolvedInvocation<Name> {
  const environment = process.env;
  const { config } = resolveSettings(["config"], { flags, environment });
  const file = readConfigFile(config, { command: name, commands: commandNames });
  const sources = { flags, environment, file };
  const terminal = createTerminal(resolveSettings(COMMON_SETTINGS, sources));
  const values = resolveSettings([...settings, ...COMMON_SETTINGS], sources);
  for (const { name: unknown, meant } of unknownVariables(environment)) {
    terminal.log.warn(`${unknown} is no setting of konn${meant ? `, ${meant} is` : ""}`);
  }
  if (file && config === undefined) terminal.log.info(`Using the settings in ${file.path}`);
  return { values, given: givenSettings(settings, { flags, environment: {} }), terminal };
}
