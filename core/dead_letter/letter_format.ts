import type { Lane, Rejection } from "../connector/mod.ts";

/** A rejection and the lane that it came from. */
export interface DeadLetter extends Rejection {
  readonly lane: Lane;
}

/** A dead letter as it stands in a file. */
export interface StoredLetter extends DeadLetter {
  /** When it was refused. */
  readonly time: Date;
  /**
   * The fingerprint of the stream's identity then: the same place of another stream holds another
   * event. Absent where nobody said so.
   */
  readonly stream?: string | undefined;
}

/** The line of a letter, with its line feed. */
export function formatLetter(letter: StoredLetter): string {
  return `${JSON.stringify({
    time: letter.time.toISOString(),
    lane: letter.lane,
    sequence: String(letter.sequence),
    line: letter.line,
    key: letter.key,
    code: letter.code,
    reason: letter.reason,
    stream: letter.stream,
  })}\n`;
}

/** Undefined for a line that is none: one that a crash has torn, or one of another format. */
export function parseLetter(text: string): StoredLetter | undefined {
  try {
    const { time, lane, sequence, line, key, code, reason, stream } = JSON.parse(text);
    const at = new Date(time);
    if (Number.isNaN(at.getTime()) || typeof lane !== "string") return undefined;
    return { time: at, lane, sequence: BigInt(sequence), line, key, code, reason, stream };
  } catch {
    return undefined;
  }
}
