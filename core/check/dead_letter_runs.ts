import { KonnError } from "../base/errors.ts";
import { type Checkpoint, listCheckpoints } from "../checkpoint/mod.ts";
import {
  countDeadLetters,
  deadLettersPath,
  runsWithDeadLetters,
} from "../dead_letter/dead_letter_file.ts";

/** A run that has left dead letters. */
export interface DeadLetterRun {
  readonly name: string;
  /** The file that they are in. */
  readonly path: string;
  readonly count: number;
  /** What tells where they came from; the error that reading it gave; undefined without one. */
  readonly checkpoint: Checkpoint | KonnError | undefined;
}

/**
 * The runs of a state folder that have left dead letters.
 *
 * @param prefix the name of one run, or the beginning of it
 * @throws KonnError (usage) when no run has that name, or several do
 */
export function deadLetterRuns(stateDir: string, prefix?: string): readonly DeadLetterRun[] {
  const checkpoints = new Map(listCheckpoints(stateDir).map((listed) => [listed.name, listed]));
  const runs = runsWithDeadLetters(stateDir).map((name) => ({
    name,
    path: deadLettersPath(stateDir, name),
    count: countDeadLetters(deadLettersPath(stateDir, name)),
    checkpoint: checkpoints.get(name)?.checkpoint,
  }));
  if (prefix === undefined) return runs;
  const found = runs.filter(({ name }) => name === prefix);
  const meant = found.length > 0 ? found : runs.filter(({ name }) => name.startsWith(prefix));
  if (meant.length === 1) return meant;
  const state = meant.length === 0 ? "no such run has left any" : "several runs begin so";
  throw new KonnError(`Cannot find the dead letters of ${prefix}: ${state}`, {
    code: "RUN_NOT_FOUND",
    kind: "usage",
    hint: namesHint(meant.length === 0 ? runs : meant),
  });
}

/** The only run, where numbers say nothing without it. */
export function oneRun(runs: readonly DeadLetterRun[]): DeadLetterRun {
  const [run, ...others] = runs;
  if (run && others.length === 0) return run;
  if (!run) {
    throw new KonnError("Cannot find that dead letter: there are none", {
      code: "LETTER_NOT_FOUND",
      kind: "usage",
    });
  }
  throw new KonnError("Cannot tell which dead letter is meant: several runs have left some", {
    code: "RUN_AMBIGUOUS",
    kind: "usage",
    hint: namesHint(runs),
  });
}

function namesHint(runs: readonly DeadLetterRun[]): string {
  if (runs.length === 0) return "There are no dead letters in this state folder (--state-dir).";
  return `Name one with --run: ${runs.map(({ name }) => name).join(", ")}`;
}
