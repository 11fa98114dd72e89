import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { KONN, konn, SAMPLE } from "../e2e/konn.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { codesOfPage, isAsTold } from "./error_codes.ts";
import { NOT_PROVOKED, PROVOCATIONS, REFUSED_LINES } from "./provocations.ts";

const TESTS = join(import.meta.dir, "..");
const PAGE = join(import.meta.dir, "..", "..", "docs", "troubleshooting.md");
const ENTRIES = codesOfPage(readFileSync(PAGE, "utf8"));

/** Runs at a time: each is short, and mostly waits. */
const TOGETHER_COUNT = 4;

interface Outcome {
  readonly exitCode: number;
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly stderr: string;
}

/** Runs lines of shell with the binary alone, and returns the error of the last one. */
async function provoke(script: string): Promise<Outcome> {
  using folder = new TemporaryFolder();
  symlinkSync(SAMPLE, folder.file("stream.jsonl"));
  const child = Bun.spawn({
    cmd: ["bash", "-c", script],
    cwd: folder.path,
    env: { PATH: `${dirname(KONN)}:${process.env["PATH"]}`, HOME: folder.path },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const stderr = await child.stderr.text();
  const exitCode = await child.exited;
  const errors = stderr.split("\n").filter((line) => line.includes('"level":"error"'));
  const { code = "", message = "", hint } = JSON.parse(errors.at(-1) ?? "{}");
  return { exitCode, code, message, hint, stderr };
}

describe("with the binary alone, an error is what docs/troubleshooting.md says", () => {
  const outcomes = new Map<string, Outcome>();
  beforeAll(async () => {
    const left = Object.entries(PROVOCATIONS);
    const work = async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        outcomes.set(next[0], await provoke(next[1]));
      }
    };
    await Promise.all(Array.from({ length: TOGETHER_COUNT }, work));
  });

  test.each(Object.keys(PROVOCATIONS))("%s", (code) => {
    const outcome = outcomes.get(code);
    const entry = ENTRIES.find((one) => one.code === code);
    expect(outcome?.code, outcome?.stderr).toBe(code);
    expect(outcome?.exitCode).toBe(entry?.exitCode ?? -1);
    expect(isAsTold(outcome?.message ?? "", entry?.says ?? ""), outcome?.message).toBe(true);
    // Only where the message itself says all there is to do, there is no hint.
    if (code !== "FILE_UNREADABLE") expect(outcome?.hint, outcome?.message).toBeString();
  });
});

describe("with the binary alone, a dead letter has the reason that docs/troubleshooting.md says", () => {
  const reasons = new Map<string, string>();
  beforeAll(async () => {
    using folder = new TemporaryFolder();
    const first = JSON.stringify({ topic: "a", partition: 0, offset: 0, key: "k", payload: null });
    const lines = [first, ...REFUSED_LINES.map(([, line]) => line)];
    writeFileSync(
      folder.file("a.jsonl"),
      Buffer.concat(lines.map((line) => Buffer.concat([Buffer.from(line), Buffer.from("\n")]))),
    );
    await konn(["pipe", "--from", "a.jsonl", "--to", "sqlite:i"], { cwd: folder.path });
    const { stdout } = await konn(["dead-letters", "list", "--json"], { cwd: folder.path });
    const { dead_letters: letters } = JSON.parse(stdout);
    for (const { line, code, reason } of letters) reasons.set(`${line} ${code}`, reason);
  });

  test.each(REFUSED_LINES.map(([code], at) => [code, at + 2] as const))("%s", (code, line) => {
    const reason = reasons.get(`${line} ${code}`);
    expect(
      reason,
      [...reasons.keys()].filter((key) => key.startsWith(`${line} `)).join(),
    ).toBeString();
    const says = ENTRIES.find((one) => one.code === code)?.says ?? "";
    expect(isAsTold(reason ?? "", says), reason).toBe(true);
  });
});

describe("every code of docs/troubleshooting.md", () => {
  test("is provoked here, or by the tests of its room", () => {
    const here = new Set([...Object.keys(PROVOCATIONS), ...REFUSED_LINES.map(([code]) => code)]);
    const others = [...new Bun.Glob("**/*.ts").scanSync({ cwd: TESTS })]
      .filter((path) => !path.startsWith("docs/"))
      .map((path) => readFileSync(join(TESTS, path), "utf8"))
      .join("\n");
    const left = ENTRIES.map(({ code }) => code).filter(
      (code) => !here.has(code) && !new RegExp(`\\b${code}\\b`).test(others),
    );
    // One that is provoked by now leaves the list.
    expect(left.toSorted()).toEqual([...NOT_PROVOKED]);
  });
});
