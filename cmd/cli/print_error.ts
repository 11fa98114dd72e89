import { writeFully } from "../../core/base/write_fully.ts";
import { KonnError, messageOf } from "../../core/base/errors.ts";
import { useColors } from "./terminal.ts";

/**
 * Prints an error to stderr: what, why and what to do, for a person or as one line of JSON. It may
 * concern the very settings that say which, so these are read from where they would stand.
 */
export function printError(error: unknown, argv: readonly string[]): void {
  const fields = describe(error);
  const text = wantsJson(argv)
    ? JSON.stringify({ time: new Date(), level: "error", ...fields })
    : renderPretty(fields, useColors(argv.includes("--no-color")));
  writeFully(2, `${text}\n`);
}

interface ErrorFields {
  readonly message: string;
  readonly code: string;
  readonly cause?: string;
  readonly hint?: string;
}

function describe(error: unknown): ErrorFields {
  if (!(error instanceof KonnError)) {
    const hint = "This is a defect of konn, please report it.";
    const stack = error instanceof Error ? error.stack : undefined;
    return { message: messageOf(error), code: "INTERNAL", hint, ...(stack && { cause: stack }) };
  }
  const { message, code, hint, cause } = error;
  return {
    message,
    code,
    ...(cause === undefined || message.includes(messageOf(cause))
      ? {}
      : { cause: messageOf(cause) }),
    ...(hint === undefined ? {} : { hint }),
  };
}

function renderPretty({ message, code, cause, hint }: ErrorFields, colors: boolean): string {
  const paint = (text: string, color: number) =>
    colors ? `\u001B[${color}m${text}\u001B[0m` : text;
  const lines = [`${paint("✖", 31)} ${message} ${paint(`[${code}]`, 90)}`];
  if (cause !== undefined) lines.push(`  ${paint(`because: ${cause}`, 90)}`);
  if (hint !== undefined) lines.push(`  ${paint("→", 36)} ${hint}`);
  return lines.join("\n");
}

function wantsJson(argv: readonly string[]): boolean {
  const joined = argv.join("\n");
  const flag = /^--log-format[=\n](.*)$/m.exec(joined)?.[1];
  const chosen = flag ?? process.env["KONN_LOG_FORMAT"];
  return chosen === undefined || chosen === "" ? !process.stderr.isTTY : chosen === "json";
}
