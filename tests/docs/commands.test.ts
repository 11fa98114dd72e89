import { describe, expect, test } from "bun:test";
import { readArguments } from "../../cmd/cli/strict_arguments.ts";
import { loadCommands } from "../../cmd/commands.ts";
import { resolveSettings } from "../../core/config/mod.ts";
import { codeBlocks, documentation } from "./markdown.ts";
import { shellWords } from "./shell_words.ts";

const commands = await loadCommands();

/** Lines of shell that call konn, without comments, with what a backslash has broken joined. */
function callsIn(text: string): readonly string[] {
  return codeBlocks(text)
    .filter(({ language }) => language === "sh" || language === "console")
    .flatMap(({ language, lines }) => {
      const shell = language === "sh" ? lines : lines.filter((line) => line.startsWith("$ "));
      return shell
        .join("\n")
        .replaceAll("\\\n", " ")
        .split("\n")
        .flatMap((line) => line.replace(/ #.*$|^#.*$/, "").split(/ && /))
        .filter((line) => /(^|[ (])konn [a-z]/.test(line));
    });
}

describe("every call of konn in the documentation has flags that konn takes", () => {
  const pages = documentation().map(({ path, text }) => ({ path, calls: callsIn(text) }));

  test.each(pages.filter(({ calls }) => calls.length > 0))("$path", ({ calls }) => {
    for (const call of calls) {
      const [, name = "", ...args] = shellWords(call);
      const command = commands.find((one) => one.name === name);
      if (command === undefined) throw new Error(`there is no such command: ${call}`);
      const isRefused = call.includes("--config typo.toml");
      const { flags } = readArguments(command, args);
      if (!isRefused) resolveSettings(command.settings, { flags, environment: {} });
    }
  });

  test("are found: the README has some of most commands", () => {
    const readme = pages.find(({ path }) => path === "README.md")?.calls ?? [];
    expect(readme.length).toBeGreaterThan(10);
  });
});
