import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { konn } from "./konn.ts";
import { openShell, type Shell } from "./shell_terminal.ts";

/**
 * Each call leaves its arguments in a file, a line each, behind a number of its own. The file takes its
 * place when it is whole.
 */
const CALLED = `{ echo $RANDOM$RANDOM; printf '%s\\n' "$@"; echo end; } > new; command mv new called`;

const SHELLS: readonly (Shell & { readonly name: string })[] = [
  {
    name: "bash",
    command: ["bash", "--norc", "--noprofile", "-i"],
    setUp: [`konn() { ${CALLED}; }`, "source ./konn.bash"],
  },
  {
    name: "zsh",
    command: ["zsh", "-f", "-i"],
    setUp: [
      "autoload -U compinit && compinit -u -d ./dump",
      `konn() { ${CALLED}; }`,
      "source ./konn.zsh",
    ],
  },
  {
    name: "fish",
    command: ["fish", "--no-config", "--interactive"],
    setUp: [
      `function konn; begin; random; printf '%s\\n' $argv; echo end; end > new; command mv new called; end`,
      "source ./konn.fish",
    ],
  },
];

const LINES: readonly { line: string; args: readonly string[] }[] = [
  {
    line: "konn rep\tfirst-\t--parti\t3",
    args: ["replay", "first-stream.jsonl", "--partitions", "3"],
  },
  { line: "konn dead-l\tret\t3 --ye\t", args: ["dead-letters", "retry", "3", "--yes"] },
  {
    line: "konn sync --log-l\twa\t --on-tr\treb\t",
    args: ["sync", "--log-level", "warn", "--on-truncate", "rebuild"],
  },
  { line: "konn status --state-dir deep-\t", args: ["status", "--state-dir", "deep-folder"] },
  { line: "konn completions fi\t", args: ["completions", "fish"] },
  {
    line: "konn search orders --type route,degr\t",
    args: ["search", "orders", "--type", "route,degraphql_route"],
  },
  { line: "konn sync --log-level=wa\t", args: ["sync", "--log-level", "warn"] },
  // A flag that only another command has.
  { line: "konn replay first-\t--group\t", args: ["replay", "first-stream.jsonl", "--group"] },
];

/** A shell may end a flag with = and a folder with /, which means the same. */
function asKonnReads(args: readonly string[]): readonly string[] {
  return args.flatMap((arg) => {
    const [, flag, value] = /^(--[^=]+)=(.*)$/.exec(arg) ?? [];
    return flag === undefined || value === undefined ? [arg.replace(/\/$/, "")] : [flag, value];
  });
}

describe("konn completions", () => {
  for (const shell of SHELLS) {
    test.if(Bun.which(shell.name) !== null).concurrent(`in ${shell.name}`, async () => {
      using folder = new TemporaryFolder();
      const { stdout } = await konn(["completions", shell.name], { cwd: folder.path });
      writeFileSync(folder.file(`konn.${shell.name}`), stdout);
      writeFileSync(folder.file("first-stream.jsonl"), "");
      mkdirSync(folder.file("deep-folder"));
      await using terminal = await openShell(shell, folder.path);
      for (const { line, args } of LINES) {
        expect(asKonnReads(await terminal.argumentsOf(line)), line).toEqual([...args]);
      }
    });
  }
});
