import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import {
  COMMON_SETTINGS,
  isEnvironmentOnly,
  type RawValue,
  type Setting,
  type SettingName,
  type Settings,
  SETTINGS,
} from "../../core/config/mod.ts";
import { type ConfigState, resolveInvocation } from "./invocation.ts";
import type { Terminal } from "./terminal.ts";

/** An argument without a flag. */
export interface Positional {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  /** The last one may stand for all arguments that follow, which are joined with spaces. */
  readonly isRepeated?: boolean;
  /** The words that it can be; without them it is a file or free text, by its name. */
  readonly choices?: readonly string[];
}

export interface Example {
  readonly description: string;
  readonly command: string;
}

export type CommonSettingName = (typeof COMMON_SETTINGS)[number];

/** What a command is called with. */
export interface Invocation<Name extends SettingName> {
  readonly settings: Settings<Name | CommonSettingName>;
  /** The settings that were set by a flag. */
  readonly given: ReadonlySet<SettingName>;
  /** Values of the positionals, by name. One that was not given is the empty text. */
  readonly positionals: Readonly<Record<string, string>>;
  /** The configuration file, where there is one, and what is wrong with it. */
  readonly config: ConfigState;
  readonly terminal: Terminal;
  readonly interrupt: Interrupt;
}

/** The first interrupt of a process, as the commands see it. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** The exit code of a bounded run that it cut short: 128 and the number of the signal. */
  exitCode(): number;
}

/** A command as its file declares it. */
export interface Declaration<Name extends SettingName> {
  readonly name: string;
  readonly description: string;
  readonly positionals?: readonly Positional[];
  readonly settings: readonly Name[];
  /** Settings that are read and checked and change nothing: one script has flags for all commands. */
  readonly idleSettings?: readonly SettingName[];
  /** False for a command that goes on without a configuration file that cannot be used. */
  readonly needsConfig?: boolean;
  /** What a setting says in the help of this command, where that is not what it says in others. */
  readonly wording?: Partial<Record<Name, string>>;
  readonly examples: readonly Example[];
  /** Does the work and returns the exit code. */
  run(invocation: Invocation<Name>): Promise<number>;
}

/** A command as `main` sees it: citty's definition, and what the help and the checks need. */
export interface KonnCommand {
  readonly definition: CommandDef;
  readonly name: string;
  readonly description: string;
  readonly positionals: readonly Positional[];
  readonly settings: readonly SettingName[];
  /** Those of the settings that change nothing here. */
  readonly idleSettings: readonly SettingName[];
  /** What these settings say in the help of this command, in place of their own description. */
  readonly wording: Partial<Record<SettingName, string>>;
  readonly examples: readonly Example[];
}

/** What `main` gives to a command through citty. */
export interface CallContext {
  readonly flags: ReadonlyMap<string, RawValue>;
  readonly commandNames: readonly string[];
  readonly interrupt: Interrupt;
}

/** Turns a declaration into a command that citty can run. */
export function declareCommand<const Name extends SettingName>(
  declaration: Declaration<Name>,
): KonnCommand {
  const { name, description, positionals = [], examples, needsConfig = true } = declaration;
  const wording: KonnCommand["wording"] = declaration.wording ?? {};
  const used: readonly SettingName[] = declaration.settings;
  const idleSettings = (declaration.idleSettings ?? []).filter((idle) => !used.includes(idle));
  // A setting may belong to both services.
  const settings = [...new Set([...declaration.settings, ...idleSettings, ...COMMON_SETTINGS])];
  const definition = defineCommand({
    meta: { name, description },
    args: { ...positionalArgs(positionals), ...settingArgs(settings) },
    run: async ({ args, data }) => {
      // citty carries what main gives it untyped.
      const context: CallContext = data;
      const placed = positionals.map((p, index): [string, string] => {
        const values = args._.slice(index, p.isRepeated === true ? undefined : index + 1);
        return [p.name, values.join(" ")];
      });
      const { interrupt } = context;
      const resolved = resolveInvocation({ name, settings, context, needsConfig });
      const { values, given, config, terminal: opened } = resolved;
      using terminal = opened;
      return declaration.run({
        settings: values,
        given,
        positionals: Object.fromEntries(placed),
        config,
        terminal,
        interrupt,
      });
    },
  });
  return { definition, name, description, positionals, settings, idleSettings, wording, examples };
}

function positionalArgs(positionals: readonly Positional[]): ArgsDef {
  return Object.fromEntries(
    positionals.map(({ name, description, required }) => [
      name,
      { type: "positional", description, required },
    ]),
  );
}

function settingArgs(settings: readonly SettingName[]): ArgsDef {
  const flags = settings.filter((name) => !isEnvironmentOnly(name));
  return Object.fromEntries(flags.map((name) => [name, settingArg(SETTINGS[name])]));
}

function settingArg({ placeholder, description }: Setting<unknown>): ArgsDef[string] {
  return placeholder === undefined
    ? { type: "boolean", description }
    : { type: "string", description, valueHint: placeholder };
}
