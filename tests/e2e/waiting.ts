import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { KonnProcess } from "./konn.ts";

/** Waiting for what a run does, in place of sleeping for as long as it may take. */

/** Far more than anything takes on a busy machine. */
const LIMIT_MS = 45_000;
const POLL_INTERVAL_MS = 20;

/** Asks again and again until it is so. */
export async function eventually(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + LIMIT_MS;
  while (!(await isSo())) {
    if (Date.now() > deadlineMs) throw new Error(`it did not happen within ${LIMIT_MS} ms`);
    await Bun.sleep(POLL_INTERVAL_MS);
  }
}

/**
 * Waits until a process has said something on stderr.
 *
 * @returns everything that it says there until its end
 */
export async function untilSaid(
  child: KonnProcess,
  text: string,
): Promise<{ stderr: Promise<string> }> {
  const decoder = new TextDecoder();
  const heard = Promise.withResolvers<void>();
  let said = "";
  const stderr = (async () => {
    for await (const bytes of child.stderr) {
      said += decoder.decode(bytes, { stream: true });
      if (said.includes(text)) heard.resolve();
    }
    heard.reject(new Error(`it ended without saying ${text}: ${said}`));
    return said;
  })();
  await heard.promise;
  return { stderr };
}

/** Where a process with `--listen` tells how it is. */
export async function healthOf(child: KonnProcess): Promise<{ url: string }> {
  let said = "";
  void (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of child.stderr) said += decoder.decode(bytes, { stream: true });
  })();
  const url = () => /Health and metrics at (http:\/\/[^"\s]+)/.exec(said)?.[1];
  await eventually(() => url() !== undefined);
  return { url: url() ?? "" };
}

/** Where each partition of a topic stands in the checkpoint of an index; empty without one. */
function checkpointOf(
  folder: string,
  { topic, index }: { topic: string; index: string },
): Map<string, bigint> {
  const checkpoints = join(folder, ".konn", "checkpoints");
  const files = existsSync(checkpoints) ? readdirSync(checkpoints) : [];
  const name = files.find((own) => own.startsWith(`${topic}--${index}-`) && own.endsWith(".json"));
  if (name === undefined) return new Map();
  const { lanes } = JSON.parse(readFileSync(join(checkpoints, name), "utf8"));
  return new Map(
    Object.entries<any>(lanes).map(([lane, { position }]) => [lane, BigInt(position)]),
  );
}

/** How many records of a topic without gaps a checkpoint says are done. */
export function doneCount(folder: string, place: { topic: string; index: string }): number {
  return checkpointOf(folder, place)
    .values()
    .reduce((sum, position) => sum + Number(position), 0);
}
