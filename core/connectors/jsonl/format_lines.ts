import type { Batch, Message, Rejection, WriteReport } from "../../connector/mod.ts";
import type { LineFormat } from "./position.ts";
import { formatRecordLine } from "./record_line.ts";

const NEWLINE = Buffer.from("\n");
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** The lines of a batch, and the account of its messages once they are written. */
export interface FormattedBatch {
  readonly bytes: Buffer;
  readonly report: WriteReport;
}

/** Makes the lines of a batch in a format. */
export function formatBatch({ messages }: Batch, format: LineFormat): FormattedBatch {
  return format === "record" ? formatRecords(messages) : formatEvents(messages);
}

function formatRecords(messages: readonly Message[]): FormattedBatch {
  const lines = messages.map((message) => `${formatRecordLine(message)}\n`);
  const report = { written: messages.length, deleted: 0, skipped: {}, rejections: [] };
  return { bytes: Buffer.from(lines.join("")), report };
}

function formatEvents(messages: readonly Message[]): FormattedBatch {
  const pieces: Uint8Array[] = [];
  const rejections: Rejection[] = [];
  let tombstones = 0;
  for (const message of messages) {
    const { value } = message;
    if (value === null) tombstones += 1;
    else if (isOneLine(value)) pieces.push(value, NEWLINE);
    else rejections.push(notOneLine(message));
  }
  const written = pieces.length / 2;
  const skipped = tombstones === 0 ? {} : { tombstone: tombstones };
  return { bytes: Buffer.concat(pieces), report: { written, deleted: 0, skipped, rejections } };
}

function isOneLine(value: Uint8Array): boolean {
  return !value.includes(LINE_FEED) && !value.includes(CARRIAGE_RETURN);
}

function notOneLine({ sequence, line }: Message): Rejection {
  return {
    sequence,
    line,
    code: "VALUE_NOT_ONE_LINE",
    reason: "The value has a line break, which an event line cannot hold; use --format record",
  };
}
