import { expect, test } from "bun:test";
import { createLogger } from "../../core/observe/logger.ts";

test("createLogger() lets nobody steer the terminal by what is logged", () => {
  const lines: string[] = [];
  const write = (line: string) => lines.push(line);
  const log = createLogger({ format: "pretty", level: "info", colors: false, write });
  log.warn("Refused\nan event", { key: "a\u001B[2Jb\u009Bc\rd" });
  expect(lines).toEqual(["⚠ Refused\\u000aan event key=a\\u001b[2Jb\\u009bc\\u000dd"]);
});

test("createLogger() shows a remedy as errors do: the code in brackets, what to do below", () => {
  const lines: string[] = [];
  const write = (line: string) => lines.push(line);
  const log = createLogger({ format: "pretty", level: "info", colors: false, write });
  log.warn("Refused an event", { code: "KEY_EMPTY", lane: "a/0", hint: "Give it a key." });
  expect(lines).toEqual(["⚠ Refused an event lane=a/0 [KEY_EMPTY]\n  → Give it a key."]);
});
