import { type ConsolaReporter, createConsola, type LogObject } from "consola/basic";
import { printable } from "../base/printable.ts";
import type { LogFields, Logger } from "./observer.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LoggerOptions {
  readonly format: "pretty" | "json";
  readonly level: LogLevel;
  readonly colors: boolean;
  /** Writes one line without its newline. stdout belongs to results, so this is stderr. */
  readonly write: (line: string) => void;
}

/** Consola's numbers for the levels. */
const LEVEL_NUMBERS: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 3, debug: 4 };

/** Makes the log of a command. */
export function createLogger({ format, level, colors, write }: LoggerOptions): Logger {
  const render = format === "json" ? renderJson : (line: LogLine) => renderPretty(line, colors);
  const reporter: ConsolaReporter = { log: (entry) => write(render(lineOf(entry))) };
  const consola = createConsola({
    level: LEVEL_NUMBERS[level],
    reporters: [reporter],
    // Consola would fold repeated lines, and a log that is read by machines must not lose any.
    throttleMin: Number.MAX_SAFE_INTEGER,
  });
  return {
    debug: (message, fields) => consola.debug(message, fields ?? {}),
    info: (message, fields) => consola.info(message, fields ?? {}),
    warn: (message, fields) => consola.warn(message, fields ?? {}),
    error: (message, fields) => consola.error(message, fields ?? {}),
  };
}

interface LogLine {
  readonly time: Date;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

function lineOf({ date, type, args }: LogObject): LogLine {
  const [message, fields] = args;
  const level = type === "debug" || type === "warn" || type === "error" ? type : "info";
  return { time: date, level, message: String(message), fields: isFields(fields) ? fields : {} };
}

function renderJson({ time, level, message, fields }: LogLine): string {
  return JSON.stringify({ time, level, message, ...fields }, (_name, value: unknown) =>
    typeof value === "bigint" ? String(value) : value,
  );
}

const SIGNS: Readonly<Record<LogLevel, { sign: string; color: number }>> = {
  debug: { sign: "·", color: 90 },
  info: { sign: "ℹ", color: 36 },
  warn: { sign: "⚠", color: 33 },
  error: { sign: "✖", color: 31 },
};

/** A line as a person reads it: the code in brackets and the remedy below, as those of an error. */
function renderPretty({ level, message, fields }: LogLine, colors: boolean): string {
  const { sign, color } = SIGNS[level];
  const { hint, code, ...others } = fields;
  const details = Object.entries(others).map(
    ([name, value]) => `${name}=${printable(String(value))}`,
  );
  if (code !== undefined) details.push(`[${printable(String(code))}]`);
  const paint = (text: string, ansi: number) => (colors ? `\u001B[${ansi}m${text}\u001B[0m` : text);
  const tail = details.length === 0 ? "" : ` ${paint(details.join(" "), 90)}`;
  const remedy = hint === undefined ? "" : `\n  ${paint("→", 36)} ${printable(String(hint))}`;
  return `${paint(sign, color)} ${printable(message)}${tail}${remedy}`;
}

function isFields(value: unknown): value is LogFields {
  return typeof value === "object" && value !== null;
}
