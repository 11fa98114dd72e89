import {
  choicesOf,
  isEnvironmentOnly,
  type Setting,
  type SettingName,
  SETTINGS,
} from "../../../core/config/mod.ts";
import type { KonnCommand, Positional } from "../declare.ts";

/** What a shell may offer where a value is typed. Nothing of it: free text. */
export interface CompletedValue {
  /** As the help writes it: DUR. */
  readonly label: string;
  readonly words: readonly string[];
  /** Entity types, of which several may stand with commas between. */
  readonly isTypes: boolean;
  readonly files: "all" | "folders" | "none";
}

export interface CompletedFlag {
  readonly name: string;
  readonly description: string;
  /** Undefined for a switch. */
  readonly value: CompletedValue | undefined;
}

/** What a shell completes of konn. */
export interface CompletionModel {
  readonly commands: readonly CompletedCommand[];
  /** The entity types. */
  readonly types: readonly string[];
}

/** A command as a shell completes it. */
export interface CompletedCommand {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly CompletedFlag[];
  readonly positionals: readonly CompletedValue[];
}

/** What can be completed of a command, from the declaration that its help is made of. */
export function completedCommand({
  name,
  description,
  settings,
  idleSettings,
  wording,
  positionals,
}: KonnCommand): CompletedCommand {
  const offered = settings.filter((one) => !isEnvironmentOnly(one) && !idleSettings.includes(one));
  const flags = offered.map((one) => completedFlag(one, wording[one]));
  const help = { name: "help", description: "how the command is used", value: undefined };
  return {
    name,
    description,
    flags: [...flags, help],
    positionals: positionals.map(completedPositional),
  };
}

function completedFlag(name: SettingName, wording: string | undefined): CompletedFlag {
  const { placeholder: label, description }: Setting<unknown> = SETTINGS[name];
  const value = label === undefined ? undefined : valueOf(label, choicesOf(name));
  return { name, description: wording ?? description, value };
}

function completedPositional({ name, choices = [] }: Positional): CompletedValue {
  return valueOf(name.toUpperCase(), choices);
}

/** What a value is, by what the help writes for it: FILE, FILE|URL, DIR, TYPES. */
function valueOf(label: string, words: readonly string[]): CompletedValue {
  const files = label === "DIR" ? "folders" : label.startsWith("FILE") ? "all" : "none";
  return { label, words, isTypes: label === "TYPES", files };
}
