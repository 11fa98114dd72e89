import { KonnError } from "../../core/base/errors.ts";
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
  /** False to go on without a configuration file that cannot be used. */
  readonly needsConfig: boolean;
}

/** What became of the configuration file. */
export interface ConfigState {
  readonly path: string | undefined;
  /** Why it is not used. */
  readonly error: KonnError | undefined;
}

export interface ResolvedInvocation<Name extends SettingName> {
  readonly values: Settings<Name | CommonSettingName>;
  readonly given: ReadonlySet<SettingName>;
  readonly config: ConfigState;
  readonly terminal: Terminal;
}

/** Resolves a command's settings from flags, environment and file, and opens its terminal. */
export function resolveInvocation<Name extends SettingName>({
  name,
  settings,
  context: { flags, commandNames },
  needsConfig,
}: InvocationParts<Name>): ResolvedInvocation<Name> {
  const environment = process.env;
  const { config: named } = resolveSettings(["config"], { flags, environment });
  const all = [...settings, ...COMMON_SETTINGS];
  const read = (): Pick<ResolvedInvocation<Name>, "values" | "config"> => {
    const file = readConfigFile(named, { command: name, commands: commandNames });
    const values = resolveSettings(all, { flags, environment, file });
    return { values, config: { path: file?.path, error: undefined } };
  };
  const { values, config } = needsConfig
    ? read()
    : orWithout(read, () => ({
        values: resolveSettings(all, { flags, environment }),
        path: named,
      }));
  const terminal = createTerminal(values);
  for (const { name: unknown, meant } of unknownVariables(environment)) {
    terminal.log.warn(`${unknown} is no setting of konn${meant ? `, ${meant} is` : ""}`);
  }
  if (config.path !== undefined && !config.error && named === undefined) {
    terminal.log.info(`Using the settings in ${config.path}`);
  }
  const given = givenSettings(settings, { flags, environment: {} });
  return { values, given, config, terminal };
}

/** What the file says; where it cannot be used, what holds without it. */
function orWithout<Values>(
  read: () => { values: Values; config: ConfigState },
  without: () => { values: Values; path: string | undefined },
): { values: Values; config: ConfigState } {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof KonnError)) throw error;
    // Where the flags or the environment are wrong, this throws again.
    const { values, path } = without();
    return { values, config: { path, error } };
  }
}
