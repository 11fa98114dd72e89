import { formatCounted } from "../core/base/format.ts";
import type { NumberedLetter } from "../core/dead_letter/letter_list.ts";
import type { DeadLetterRun } from "../core/check/dead_letter_runs.ts";
import { KonnError } from "../core/base/errors.ts";
import { declareCommand } from "./cli/declare.ts";
import { DEAD_LETTER_SETTINGS, type DeadLettersInvocation } from "./cli/letter_connectors.ts";
import { parseNumbers } from "./cli/letter_numbers.ts";

const ACTIONS: Readonly<Record<string, Action>> = {
  list,
  show,
  retry: async (...call) => await (await import("./cli/retry_letters.ts")).retry(...call),
  drop,
};

type Action = (
  runs: readonly DeadLetterRun[],
  numbers: ReadonlySet<number> | undefined,
  invocation: DeadLettersInvocation,
) => Promise<number>;

/** Letters of a run that are listed where --limit does not say how many. */
const LISTED_COUNT = 100;

export const command = declareCommand({
  name: "dead-letters",
  description: "Show refused events, deliver them, or forget them",
  positionals: [
    {
      name: "action",
      description: "list, show, retry or drop",
      required: true,
      choices: Object.keys(ACTIONS),
    },
    { name: "numbers", description: "which: 3, or 3,5-9 (default: all)", required: false },
  ],
  settings: DEAD_LETTER_SETTINGS,
  wording: { limit: `list: show so many letters of each run (default: ${LISTED_COUNT})` },
  examples: [
    { description: "What was refused, and why", command: "konn dead-letters list" },
    { description: "One of them, with the event", command: "konn dead-letters show 3 --content" },
    {
      description: "Deliver those that can be delivered by now",
      command: "konn dead-letters retry",
    },
    { description: "Forget some of them", command: "konn dead-letters drop 3,5-9 --yes" },
  ],
  async run(invocation) {
    const { positionals, settings } = invocation;
    const action = ACTIONS[positionals["action"] ?? ""] ?? list;
    const numbers = parseNumbers(positionals["numbers"] ?? "");
    const { deadLetterRuns, oneRun } = await import("../core/check/dead_letter_runs.ts");
    const { refuseMissingNumbers } = await import("../core/dead_letter/drop_letters.ts");
    const all = deadLetterRuns(settings["state-dir"], settings.run);
    const runs = numbers === undefined ? all : [oneRun(all)];
    for (const { path } of runs) refuseMissingNumbers(path, numbers);
    return await action(runs, numbers, invocation);
  },
});

async function list(
  runs: readonly DeadLetterRun[],
  numbers: ReadonlySet<number> | undefined,
  { settings, terminal }: DeadLettersInvocation,
): Promise<number> {
  const { letterJson, letterTable, runJson } = await import("./cli/letter_views.ts");
  const limit = settings.limit ?? LISTED_COUNT;
  const listed: { run: DeadLetterRun; letters: NumberedLetter[] }[] = [];
  for (const run of runs) listed.push({ run, letters: await firstLetters(run, numbers, limit) });
  if (terminal.json) {
    const letters = listed.flatMap(({ run, letters: own }) =>
      own.map((numbered) => letterJson(run.name, numbered)),
    );
    terminal.result(JSON.stringify({ runs: runs.map(runJson), dead_letters: letters }));
  } else if (runs.length === 0) {
    terminal.result(`There are no dead letters in ${settings["state-dir"]}.`);
  } else {
    terminal.result(listed.map(({ run, letters }) => letterTable(run, letters)).join("\n\n"));
  }
  return 0;
}

async function firstLetters(
  { path }: DeadLetterRun,
  numbers: ReadonlySet<number> | undefined,
  limit: number,
): Promise<NumberedLetter[]> {
  const { numberedLetters } = await import("../core/dead_letter/letter_list.ts");
  const letters: NumberedLetter[] = [];
  for (const numbered of numberedLetters(path)) {
    if (letters.length === limit) break;
    if (numbers?.has(numbered.number) ?? true) letters.push(numbered);
  }
  return letters;
}

async function show(
  runs: readonly DeadLetterRun[],
  numbers: ReadonlySet<number> | undefined,
  invocation: DeadLettersInvocation,
): Promise<number> {
  const [run] = runs;
  if (run === undefined || numbers?.size !== 1) {
    throw new KonnError("Cannot show a dead letter without its number", {
      code: "USAGE",
      kind: "usage",
      hint: "Write konn dead-letters show N. `konn dead-letters list` shows the numbers.",
    });
  }
  const [numbered] = await firstLetters(run, numbers, 1);
  const { showLetter } = await import("./cli/show_letter.ts");
  return numbered ? await showLetter(run, numbered, invocation) : 0;
}

async function drop(
  runs: readonly DeadLetterRun[],
  numbers: ReadonlySet<number> | undefined,
  { settings, terminal, interrupt }: DeadLettersInvocation,
): Promise<number> {
  const { lockRun } = await import("../core/checkpoint/mod.ts");
  const { dropLetters } = await import("../core/dead_letter/drop_letters.ts");
  const { countDeadLetters } = await import("../core/dead_letter/dead_letter_file.ts");
  const { confirm } = await import("./cli/confirm.ts");
  const { runTitle } = await import("./cli/letter_views.ts");
  let dropped = 0;
  for (const run of runs) {
    // Also while the question stands: the letters that it is about must not become others.
    using _lock = lockRun(settings["state-dir"], run.name, {
      what: "drop dead letters",
      hint: "Stop it first: it writes to the same file.",
    });
    const count = numbers?.size ?? countDeadLetters(run.path);
    const question = `Forget ${formatCounted(count, "dead letter")} of ${runTitle(run)}?`;
    if (!settings.yes && !(await confirm(question, interrupt.signal))) {
      terminal.note("Nothing was dropped.");
      return 1;
    }
    dropLetters(run.path, numbers);
    dropped += count;
  }
  if (terminal.json) terminal.result(JSON.stringify({ dropped }));
  else terminal.note(`Dropped ${formatCounted(dropped, "dead letter")}.`);
  return 0;
}
