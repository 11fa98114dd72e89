/** Reading the logs of other programs for our own messages. */

const LAST_LINES_COUNT = 20;

/** The end of a log: what a person needs to see of it in an error. */
export function lastLines(log: string): string {
  return log.trimEnd().split("\n").slice(-LAST_LINES_COUNT).join("\n");
}
