import { symlinkSync } from "node:fs";
import { dirname } from "node:path";
import { KONN, SAMPLE } from "../e2e/konn.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { codeBlocks } from "./markdown.ts";

/**
 * A `console` block of a page is a transcript: commands behind `$ `, and below each what it printed on
 * both streams. All of a page run in one shell, in an empty folder with the sample as stream.jsonl.
 */
export interface Command {
  readonly line: string;
  readonly output: readonly string[];
  /** Where its output stands in the page: lines, from 0. */
  readonly start: number;
}

/** Names on the page, and what stands for each in the run; several may stand for one. */
export type Names = readonly (readonly [onPage: string, inRun: string])[];

const PROMPT = "$ ";
const MARK = "-- end of a command --";

export function commandsOf(text: string): readonly Command[] {
  return codeBlocks(text)
    .filter(({ language }) => language === "console")
    .flatMap(({ lines, start }) => {
      const at = lines.flatMap((line, index) => (line.startsWith(PROMPT) ? [index] : []));
      return at.map((index, order) => ({
        line: lines[index]?.slice(PROMPT.length) ?? "",
        output: lines.slice(index + 1, at[order + 1] ?? lines.length),
        start: start + index + 1,
      }));
    });
}

/** Runs the commands of a page, and returns what each printed, in the names of the page. */
export async function outputsOf(
  commands: readonly Command[],
  { environment, names }: { environment: Readonly<Record<string, string>>; names: Names },
): Promise<readonly string[][]> {
  using folder = new TemporaryFolder();
  symlinkSync(SAMPLE, folder.file("stream.jsonl"));
  const steps = commands.map(({ line }) => {
    const own = names.reduce((text, [onPage, inRun]) => text.replaceAll(onPage, inRun), line);
    return `(exit $status)\n${own}\nstatus=$?\necho '${MARK}'`;
  });
  const child = Bun.spawn({
    cmd: ["bash", "-c", `exec 2>&1\nstatus=0\n${steps.join("\n")}`],
    cwd: folder.path,
    env: {
      PATH: `${dirname(KONN)}:${process.env["PATH"]}`,
      HOME: folder.path,
      KONN_LOG_FORMAT: "pretty",
      ...environment,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const text = await child.stdout.text();
  const told = names.reduce((all, [onPage, inRun]) => all.replaceAll(inRun, onPage), text);
  return told
    .split(`${MARK}\n`)
    .slice(0, -1)
    .map((output) => output.split("\n").slice(0, -1));
}

/** What a run logs that takes longer than ten seconds, or waits for a service. */
const LOGGED_MEANWHILE = /^ℹ (?:[\d,]+ events? {2}|Waiting: )/;

/** Output without what differs from run to run: times, rates, how batches fell. */
export function withoutChance(output: readonly string[]): readonly string[] {
  const said = output.filter((line) => !LOGGED_MEANWHILE.test(line));
  return said.map((line) =>
    line
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
      .replaceAll(/-\d{17}-[0-9a-f]{4}\b/g, "-STAMP")
      .replaceAll(/\b(?:\d+h )?(?:\d+m )?\d+(?:\.\d+)? ?m?s\b/g, "N s")
      .replaceAll(/[\d,]+\/s/g, "N/s")
      .replaceAll(/"seconds":[\d.]+/g, '"seconds":N')
      .replaceAll(/, \d+ retr(?:y|ies)/g, "")
      .replaceAll(/"retries":\d+/g, '"retries":N')
      .replaceAll(/("[\w-]+\/\d":)\d+/g, "$1N")
      .replace(/^( +[\w-]+\/\d) +\d+ +\d+ +\d+$/, "$1 N N N")
      .replaceAll(/(?:superseded|unchanged|already_applied) [\d,]+(?:, )?/g, "")
      .replaceAll(/"(?:superseded|unchanged|already_applied)":\d+,?/g, "")
      .replaceAll(/ {2,}/g, "  "),
  );
}

/** The page with what was printed in the place of what stands there. */
export function recorded(
  text: string,
  commands: readonly Command[],
  outputs: readonly string[][],
): string {
  const lines = text.split("\n");
  for (const [at, { start, output }] of [...commands.entries()].toReversed()) {
    lines.splice(start, output.length, ...(outputs[at] ?? []));
  }
  return lines.join("\n");
}
