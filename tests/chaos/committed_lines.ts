import { numberOf, ROWS_COUNT } from "./numbered_file.ts";

/** What a read_committed reader that is not konn finds in a topic. */
export interface CommittedLines {
  readonly linesCount: number;
  /** Faults as a person would tell them; none when every line is there once and in order. */
  readonly faults: readonly string[];
}

const MAX_FAULTS_COUNT = 20;

/** Reads a topic with kcat and compares it with the numbered file that was replayed into it. */
export async function compareWithKcat(
  brokers: string,
  {
    topic,
    partitionsCount,
    linesCount,
  }: { topic: string; partitionsCount: number; linesCount: number },
): Promise<CommittedLines> {
  const seenIn = new Int8Array(linesCount).fill(-1);
  const faults: string[] = [];
  const partitionOfRow = new Map<number, number>();
  let found = 0;
  for (let partition = 0; partition < partitionsCount; partition += 1) {
    let last = -1;
    for await (const line of kcatLines(brokers, topic, partition)) {
      const number = numberOf(line);
      found += 1;
      if (seenIn[number] !== -1) faults.push(`line ${number} is there more than once`);
      const row = number % ROWS_COUNT;
      if ((partitionOfRow.get(row) ?? partition) !== partition) {
        faults.push(`line ${number} is in another partition than its key was before`);
      }
      partitionOfRow.set(row, partition);
      if (number <= last) faults.push(`line ${number} stands behind line ${last}`);
      seenIn[number] = partition;
      last = number;
    }
  }
  for (const [number, partition] of seenIn.entries()) {
    if (partition === -1) faults.push(`line ${number} is missing`);
  }
  return { linesCount: found, faults: faults.slice(0, MAX_FAULTS_COUNT) };
}

async function* kcatLines(brokers: string, topic: string, partition: number) {
  const child = Bun.spawn({
    cmd: [
      "kcat",
      "-b",
      brokers,
      "-C",
      "-t",
      topic,
      "-p",
      `${partition}`,
      "-o",
      "beginning",
      "-e",
      "-q",
      "-X",
      "isolation.level=read_committed",
    ],
    stdio: ["ignore", "pipe", "inherit"],
  });
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if ((await child.exited) !== 0) throw new Error(`kcat could not read ${topic}/${partition}`);
}
