#!/usr/bin/env bun
import { EXIT_CODES, KonnError } from "../core/base/errors.ts";
import { suggest } from "../core/base/suggest.ts";
import type { CallContext, Interrupt, KonnCommand } from "./cli/declare.ts";
import { COMMANDS, loadCommands } from "./commands.ts";

const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

// stdout belongs to results. A library that prints there would break whoever reads them.
// oxlint-disable-next-line no-console
console.log = () => {};

process.exit(await main(process.argv.slice(2)));

/** Runs konn with the arguments behind its name and returns the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  try {
    return await dispatch(argv);
  } catch (error) {
    return await reportError(error, argv);
  }
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const [name, ...rawArgs] = argv;
  if (name === undefined) return await printOverview(2);
  if (name === "--help" || name === "-h" || name === "help") return await printOverview(0);
  if (["--version", "-V", "-v", "version"].includes(name)) return await printVersion(rawArgs);
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!load) throw unknownCommand(name);
  const { command } = await load();
  if (rawArgs.includes("--help") || rawArgs.includes("-h")) return await printHelp(command);
  const { runCommand } = await import("citty");
  const { readArguments } = await import("./cli/strict_arguments.ts");
  const { flags, positionals } = readArguments(command, rawArgs);
  const data: CallContext = {
    flags,
    commandNames: Object.keys(COMMANDS),
    interrupt: listenForInterrupts(),
  };
  const { result } = await runCommand(command.definition, {
    rawArgs: ["--", ...positionals],
    data,
  });
  return typeof result === "number" ? result : 0;
}

/**
 * The first SIGINT or SIGTERM asks the command to finish what it has in hand, the second ends the
 * process at once.
 */
function listenForInterrupts(): Interrupt {
  const controller = new AbortController();
  let received: keyof typeof SIGNAL_NUMBERS | undefined;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (received !== undefined) process.exit(130);
      received = name;
      controller.abort(new Error(name));
    });
  }
  return {
    signal: controller.signal,
    exitCode: () => (received === undefined ? 0 : 128 + SIGNAL_NUMBERS[received]),
  };
}

async function printOverview(exitCode: number): Promise<number> {
  const { overviewUsage } = await import("./cli/usage.ts");
  const { writeFully } = await import("../core/base/write_fully.ts");
  writeFully(exitCode === 0 ? 1 : 2, `${overviewUsage(await loadCommands())}\n`);
  return exitCode;
}

async function printHelp(command: KonnCommand): Promise<number> {
  const { commandUsage } = await import("./cli/usage.ts");
  const { writeFully } = await import("../core/base/write_fully.ts");
  writeFully(1, `${commandUsage(command)}\n`);
  return 0;
}

async function printVersion(rawArgs: readonly string[]): Promise<number> {
  const { buildInfo } = await import("../core/base/version.ts");
  const { writeFully } = await import("../core/base/write_fully.ts");
  const info = buildInfo();
  writeFully(1, `${rawArgs.includes("--json") ? JSON.stringify(info) : info.version}\n`);
  return 0;
}

function unknownCommand(name: string): KonnError {
  const meant = suggest(name, Object.keys(COMMANDS));
  const help = "`konn --help` lists the commands.";
  return new KonnError(`Cannot run ${JSON.stringify(name)}: konn has no such command`, {
    code: "USAGE",
    kind: "usage",
    hint: meant ? `Did you mean konn ${meant}? ${help}` : help,
  });
}

/** Prints an error for a person or as JSON, and returns its exit code. */
async function reportError(error: unknown, argv: readonly string[]): Promise<number> {
  const { printError } = await import("./cli/print_error.ts");
  // A reader that has seen enough (`konn ... | head`) is a normal end.
  if (error instanceof KonnError && error.code === "OUTPUT_CLOSED") return 0;
  printError(error, argv);
  if (error instanceof KonnError) return EXIT_CODES[error.kind];
  return EXIT_CODES.failed;
}
