import { shownKey } from "../../base/shown_key.ts";
import { releaseBeforeGiantText } from "../../base/release_memory.ts";
import type { Batch, Message, Rejection, WriteReport } from "../../connector/mod.ts";
import { BOM, isBlank } from "./line_reader.ts";
import type { LineFormat } from "./position.ts";
import { LineBuffer } from "./line_buffer.ts";
import { writeRecordLine } from "./record_line.ts";

const NEWLINE = Buffer.from("\n");
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** What a record line holds beside key and value: names, topic, place, time. */
const LINE_OVERHEAD_BYTES = 200;

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
  const lines = new LineBuffer(expectedBytes(messages));
  for (const message of messages) {
    releaseBeforeGiantText(message.value?.length ?? 0);
    writeRecordLine(lines, message);
    lines.text("\n");
  }
  const report = { written: messages.length, deleted: 0, skipped: {}, rejections: [] };
  return { bytes: lines.take(), report };
}

/** Every eleventh byte or so of an event is a quote, which is escaped. */
function expectedBytes(messages: readonly Message[]): number {
  return messages.reduce((sum, { key, value }) => {
    return sum + LINE_OVERHEAD_BYTES + ((key?.length ?? 0) + (value?.length ?? 0)) * 1.15;
  }, 0);
}

function formatEvents(messages: readonly Message[]): FormattedBatch {
  const pieces: Uint8Array[] = [];
  const rejections: Rejection[] = [];
  let tombstones = 0;
  for (const message of messages) {
    const { value } = message;
    const fault = value && faultOf(value);
    if (value === null) tombstones += 1;
    else if (fault) rejections.push(notOneLine(message, fault));
    else pieces.push(value, NEWLINE);
  }
  const written = pieces.length / 2;
  const skipped = tombstones === 0 ? {} : { tombstone: tombstones };
  return { bytes: Buffer.concat(pieces), report: { written, deleted: 0, skipped, rejections } };
}

/** Why reading the line would not give this value back, where that is so. */
function faultOf(value: Uint8Array): string | undefined {
  if (value.includes(LINE_FEED) || value.includes(CARRIAGE_RETURN)) return "has a line break";
  if (value[0] === BOM[0] && BOM.every((byte, at) => value[at] === byte)) {
    return "begins with a byte order mark";
  }
  return isBlank(value) ? "is blank" : undefined;
}

function notOneLine({ sequence, line, key }: Message, fault: string): Rejection {
  return {
    sequence,
    line,
    key: shownKey(key),
    code: "VALUE_NOT_ONE_LINE",
    reason: `The value ${fault}, which an event line cannot hold; use --format record`,
  };
}
