import {
  COMMON_SETTINGS,
  environmentName,
  isEnvironmentOnly,
  KAFKA_SECURITY_SETTINGS,
  OPENSEARCH_SECURITY_SETTINGS,
  type Setting,
  type SettingName,
  SETTINGS,
} from "../../core/config/mod.ts";
import type { KonnCommand } from "../../cmd/cli/declare.ts";

const SECURITY_SETTINGS: readonly SettingName[] = [
  ...new Set([...KAFKA_SECURITY_SETTINGS, ...OPENSEARCH_SECURITY_SETTINGS]),
];
const COMMON: readonly SettingName[] = COMMON_SETTINGS;

/** docs/commands.md, made of the declarations that `--help` is made of. */
export function commandsPage(commands: readonly KonnCommand[]): string {
  return `${[
    "<!-- Made by `bun scripts/docs.ts` from the declarations in cmd/. Edit those. -->",
    "# Commands",
    "Every flag is also a variable (`--opensearch-url` is `KONN_OPENSEARCH_URL`) and a line in `konn.toml`: see [Configuration](configuration.md). What `--json` prints is in [What the commands print](output.md).",
    table(
      ["command", "what it does"],
      commands.map(({ name, description }) => [`[\`konn ${name}\`](#konn-${name})`, description]),
    ),
    ...commands.map(commandSection),
    "## Common flags",
    "Every command takes these.",
    flagTable(COMMON.map((name) => [name, undefined])),
    "## TLS and users",
    "What they mean together is in [Security of connections](security.md).",
    flagTable(
      SECURITY_SETTINGS.filter((one) => !isEnvironmentOnly(one)).map((one) => [one, undefined]),
    ),
    "Secrets have no flag. They are variables:",
    table(
      ["variable", "what it is"],
      SECURITY_SETTINGS.filter(isEnvironmentOnly).map((one) => [
        `\`${environmentName(one)}\``,
        SETTINGS[one].description,
      ]),
    ),
  ].join("\n\n")}\n`;
}

function commandSection(command: KonnCommand): string {
  const { name, description, positionals, settings, idleSettings, wording, examples } = command;
  const own = settings.filter(
    (one) =>
      !COMMON.includes(one) && !SECURITY_SETTINGS.includes(one) && !idleSettings.includes(one),
  );
  const places = positionals.map(({ name: place, required, isRepeated }) => {
    const label = `${place.toUpperCase()}${isRepeated === true ? "..." : ""}`;
    return required ? label : `[${label}]`;
  });
  return [
    `## konn ${name}`,
    `${description}.`,
    `\`\`\`text\nkonn ${[name, ...places, "[flags]"].join(" ")}\n\`\`\``,
    ...(positionals.length === 0
      ? []
      : [
          table(
            ["argument", "what it is"],
            positionals.map((one) => [`\`${one.name.toUpperCase()}\``, one.description]),
          ),
        ]),
    ...(own.length === 0 ? [] : [flagTable(own.map((one) => [one, wording[one]]))]),
    alsoTaken(command),
    `\`\`\`sh\n${examples.map((one) => `# ${one.description}\n${one.command}`).join("\n")}\n\`\`\``,
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function alsoTaken({ settings, idleSettings }: KonnCommand): string {
  const has = (names: readonly SettingName[]) =>
    names.some(
      (one) => one !== "insecure" && settings.includes(one) && !idleSettings.includes(one),
    );
  const services = [
    ...(has(KAFKA_SECURITY_SETTINGS) ? ["Kafka"] : []),
    ...(has(OPENSEARCH_SECURITY_SETTINGS) ? ["OpenSearch"] : []),
  ];
  const idle = idleSettings.map((one) => `\`--${one}\``).join(" ");
  return [
    services.length === 0
      ? ""
      : `Also [TLS and users](#tls-and-users) of ${services.join(" and ")}, and the [common flags](#common-flags).`,
    idle === ""
      ? ""
      : `Taken as well, so that one script has flags for all, and without effect: ${idle}.`,
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function flagTable(flags: readonly (readonly [SettingName, string | undefined])[]): string {
  return table(
    ["flag", "what it does", "default"],
    flags.map(([name, wording]) => {
      const setting: Setting<unknown> = SETTINGS[name];
      const value = setting.placeholder === undefined ? "" : ` ${setting.placeholder}`;
      const fallback = setting.default === undefined ? "" : `\`${setting.default}\``;
      return [`\`--${name}${value}\``, wording ?? setting.description, fallback];
    }),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", String.raw`\|`)).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
