import { describe, expect, test } from "bun:test";
import { readArguments } from "../../cmd/cli/strict_arguments.ts";
import { commandUsage, overviewUsage } from "../../cmd/cli/usage.ts";
import { COMMANDS, loadCommands } from "../../cmd/commands.ts";
import { resolveSettings } from "../../core/config/mod.ts";
import { shellWords } from "../docs/shell_words.ts";

const commands = await loadCommands();

describe("the help", () => {
  test("each command stands in the table under its own name", () => {
    expect(commands.map(({ name }) => name)).toEqual(Object.keys(COMMANDS));
  });

  test("of konn says what each command does in a line", () => {
    const usage = overviewUsage(commands);
    for (const { name, description } of commands) {
      expect(usage).toContain(`  ${`${name} `.padEnd(24)}${description}\n`);
    }
  });

  test.each(commands.map((command) => [command.name, command] as const))(
    "of %s fits 80 columns and has examples that konn takes",
    (_name, command) => {
      for (const line of commandUsage(command).split("\n")) {
        expect(line.length, line).toBeLessThanOrEqual(80);
      }
      expect(command.examples.length).toBeGreaterThan(0);
      for (const example of command.examples) {
        const [konn, name, ...args] = shellWords(example.command);
        expect([konn, name], example.command).toEqual(["konn", command.name]);
        const { flags } = readArguments(command, args);
        resolveSettings(command.settings, { flags, environment: {} });
      }
    },
  );
});
