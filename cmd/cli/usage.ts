import {
  COMMON_SETTINGS,
  isEnvironmentOnly,
  KAFKA_SECURITY_SETTINGS,
  OPENSEARCH_SECURITY_SETTINGS,
  type Setting,
  type SettingName,
  SETTINGS,
} from "../../core/config/mod.ts";
import type { KonnCommand, Positional } from "./declare.ts";
import { LINE_COLUMNS_COUNT, wrap } from "./wrap.ts";

/** The help of one command, within 80 columns. */
export function commandUsage(command: KonnCommand): string {
  const { name, description, positionals, settings, idleSettings, wording, examples } = command;
  const own = settings.filter(
    (setting) => !isCommon(setting) && !isSecurity(setting) && !idleSettings.includes(setting),
  );
  const order = Object.keys(SETTINGS);
  const security = settings
    .filter((setting) => isSecurity(setting) && !idleSettings.includes(setting))
    .toSorted((a, b) => order.indexOf(a) - order.indexOf(b));
  const places = positionals.map((p) => (p.required ? placeOf(p) : `[${placeOf(p)}]`));
  return sections([
    description,
    `Usage: konn ${[name, ...places, "[flags]"].join(" ")}`,
    titled(
      "Arguments",
      positionals.map((p) => [p.name.toUpperCase(), p.description]),
    ),
    titled(
      "Flags",
      own.map((setting) => settingRow(setting, wording[setting])),
    ),
    titled(
      "Flags for TLS and users (docs/security.md)",
      security.filter((setting) => !isEnvironmentOnly(setting)).map((one) => settingRow(one)),
    ),
    titled(
      "Variables for secrets, which have no flag",
      security.filter(isEnvironmentOnly).map(secretRow),
    ),
    titled("Common flags", [
      ...COMMON_SETTINGS.map((one) => settingRow(one)),
      ["--help", "this text"],
    ]),
    idleText(idleSettings),
    titled("Examples", []) +
      examples.map(({ description: what, command: line }) => `  # ${what}\n  ${line}`).join("\n"),
    `Every flag is also a variable (${own[0] ? variableOf(own[0]) : "KONN_STATE_DIR"}) and a line in konn.toml.`,
  ]);
}

/** The first examples of so many commands stand in the help of konn itself. */
const OVERVIEW_EXAMPLES_COUNT = 3;

/** The help of konn itself. */
export function overviewUsage(commands: readonly KonnCommand[]): string {
  return sections([
    "konn: from a Debezium change stream to a search bar, in one binary.",
    "Usage: konn COMMAND [flags]",
    titled(
      "Commands",
      commands.map(({ name, description }) => [name, description]),
    ),
    titled("Flags", [
      ["--help", "this text, or that of a command: konn COMMAND --help"],
      ["--version", "the version of konn"],
    ]),
    titled("Examples", []) +
      commands
        .flatMap(({ examples }) => examples.slice(0, 1))
        .slice(0, OVERVIEW_EXAMPLES_COUNT)
        .map(({ description, command }) => `  # ${description}\n  ${command}`)
        .join("\n"),
  ]);
}

function idleText(names: readonly SettingName[]): string {
  if (names.length === 0) return "";
  const flags = names.map((name) => `--${name}`).join(" ");
  return wrap(`Taken as well, and without effect here: ${flags}`, LINE_COLUMNS_COUNT).join("\n");
}

function placeOf({ name, isRepeated }: Positional): string {
  return `${name.toUpperCase()}${isRepeated === true ? "..." : ""}`;
}

function settingRow(name: SettingName, wording?: string): [string, string] {
  const setting: Setting<unknown> = SETTINGS[name];
  const label =
    setting.placeholder === undefined ? `--${name}` : `--${name} ${setting.placeholder}`;
  const fallback = setting.default === undefined ? "" : ` (default: ${setting.default})`;
  return [label, `${wording ?? setting.description}${fallback}`];
}

function secretRow(name: SettingName): [string, string] {
  return [variableOf(name), SETTINGS[name].description];
}

const LABEL_COLUMNS_COUNT = 26;

function titled(title: string, rows: readonly (readonly [string, string])[]): string {
  return rows.length === 0 && title !== "Examples"
    ? ""
    : `${title}:\n${rows.map(formatRow).join("\n")}`;
}

function formatRow([label, description]: readonly [string, string]): string {
  const indent = " ".repeat(LABEL_COLUMNS_COUNT);
  const lines = wrap(description, LINE_COLUMNS_COUNT - LABEL_COLUMNS_COUNT);
  const head = `  ${label} `.padEnd(LABEL_COLUMNS_COUNT);
  const fits = head.length === LABEL_COLUMNS_COUNT;
  return [
    ...(fits ? [] : [`  ${label}`]),
    ...lines.map((line, at) => (at === 0 && fits ? head : indent) + line),
  ].join("\n");
}

function sections(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("\n\n");
}

function isCommon(name: SettingName): boolean {
  return COMMON_SETTINGS.some((common) => common === name);
}

function isSecurity(name: SettingName): boolean {
  return [...KAFKA_SECURITY_SETTINGS, ...OPENSEARCH_SECURITY_SETTINGS].some((one) => one === name);
}

function variableOf(name: SettingName): string {
  return `KONN_${name.toUpperCase().replaceAll("-", "_")}`;
}
