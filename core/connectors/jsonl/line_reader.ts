import { releaseBeforeGiantText } from "../../base/release_memory.ts";
import { isUtf8 } from "node:buffer";
import { eventKey, rowKey } from "../../cdc/event_key.ts";
import { isJsonObject, type JsonValue } from "../../base/json.ts";
import { parseJson, unwrapSchema } from "../../cdc/json.ts";
import { EventScanner } from "../../cdc/scan_event.ts";
import { type Message, NO_TIMESTAMP, type Rejection } from "../../connector/mod.ts";
import { KeyTypes } from "./key_types.ts";
import { type Line, type LineSplitter, MAX_LINE_BYTES } from "./line_splitter.ts";
import type { LineFormat } from "./position.ts";
import type { SecretLines } from "./secret_lines.ts";
import { looksLikeRecord, parseRecordLine, type RecordContent } from "./record_line.ts";

/** What a line turned out to be. */
export type LineOutcome =
  | {
      readonly kind: "message";
      readonly message: Message;
      /** Its bytes are its own. Otherwise its value lies where the line does. */
      readonly isOwn: boolean;
    }
  | { readonly kind: "rejected"; readonly rejection: Rejection }
  | { readonly kind: "skipped"; readonly reason: "blank_line" | "excluded_type" };

/** A usual event, by places in the block that it lies in. */
export interface ScannedEvent {
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
  /** It is of a type that is left out. */
  readonly isExcluded: boolean;
}

const NO_EVENT: ScannedEvent = {
  keyStart: 0,
  keyEnd: 0,
  valueStart: 0,
  valueEnd: 0,
  isExcluded: false,
};

export interface LineReaderOptions {
  /** What the lines are. Undefined: the first line that is a JSON object tells. */
  readonly format: LineFormat | undefined;
  readonly excludeTypes: readonly string[];
  /** Hears of the lines that are delivered as they are. */
  readonly secretLines?: SecretLines | undefined;
}

const FAULTS = {
  LINE_TOO_LONG: `it is longer than ${MAX_LINE_BYTES / 1024 / 1024} MiB`,
  LINE_NOT_UTF8: "it is not valid UTF-8",
  LINE_NOT_JSON: "it is not JSON",
  LINE_TOO_DEEP: "it is nested deeper than 64 levels",
  LINE_WITHOUT_KEY: "the event in it has no key",
  LINE_OF_OTHER_FORMAT: "it is an event among records, or a record among events",
} as const;

/** A key of Debezium that Kafka Connect's StringConverter has written. */
const STRUCT_KEY = /^Struct\{key=(.*)\}$/s;

const CARRIAGE_RETURN = 0x0d;
/** The byte order mark of UTF-8. */
export const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Turns lines into messages. An event line is looked through only to find its key and to know that
 * it is JSON, and parsed only where it is unusual; its value travels as the bytes that stand in the
 * file.
 */
export class LineReader {
  #format: LineFormat | undefined;
  readonly #excluded: ReadonlySet<string>;
  readonly #secretLines: SecretLines | undefined;
  readonly #scanner = new EventScanner();
  readonly #types = new KeyTypes();

  constructor({ format, excludeTypes, secretLines }: LineReaderOptions) {
    this.#format = format;
    this.#excluded = new Set(excludeTypes);
    this.#secretLines = secretLines;
  }

  /** What was scanned last. */
  event: ScannedEvent = NO_EVENT;

  /** What the lines are, once known. */
  get format(): LineFormat | undefined {
    return this.#format;
  }

  /**
   * Whether the line that the splitter has come to is a usual event, found without parsing; it is
   * then told by {@link event}. Any other has to be read.
   */
  scan(splitter: LineSplitter): boolean {
    if (this.#format === "record" || splitter.isTooLong || !splitter.isUtf8) return false;
    const { bytes } = splitter.block;
    const { from, to } = splitter;
    if (!this.#scanner.scan(bytes, from, to)) return false;
    this.#format = "event";
    const { keyStart, keyEnd } = this.#scanner;
    const valueEnd = bytes[to - 1] === CARRIAGE_RETURN ? to - 1 : to;
    const isExcluded = this.#needsType && this.#isOfExcludedType(bytes, splitter.number);
    this.event = { keyStart, keyEnd, valueStart: from, valueEnd, isExcluded };
    return true;
  }

  read(line: Line): LineOutcome {
    if (line.bytes === undefined) return rejected(line, "LINE_TOO_LONG");
    const bytes = trimLine(line.bytes, line.start === 0);
    if (isBlank(bytes)) return { kind: "skipped", reason: "blank_line" };
    if (!isUtf8(bytes)) return rejected(line, "LINE_NOT_UTF8");
    releaseBeforeGiantText(bytes.length);
    const parsed = parseJson(bytes.toString());
    if (!parsed.ok) {
      return rejected(line, parsed.problem === "too_deep" ? "LINE_TOO_DEEP" : "LINE_NOT_JSON");
    }
    const look = looksLikeRecord(parsed.value) ? "record" : "event";
    if (isJsonObject(parsed.value)) this.#format ??= look;
    if (look !== (this.#format ?? "event")) return rejected(line, "LINE_OF_OTHER_FORMAT");
    return look === "record"
      ? this.#readRecord(line, parsed.value)
      : this.#readEvent(line, bytes, parsed.value);
  }

  #readEvent(line: Line, value: Buffer, event: JsonValue): LineOutcome {
    const key = eventKey(event);
    if (key === undefined) return rejected(line, "LINE_WITHOUT_KEY");
    if (this.#isExcluded(key, line)) return { kind: "skipped", reason: "excluded_type" };
    const content = { key: Buffer.from(key), value, headers: [], timestampMs: NO_TIMESTAMP };
    return { kind: "message", message: messageOf(line, content), isOwn: false };
  }

  #readRecord(line: Line, value: JsonValue): LineOutcome {
    const record = parseRecordLine(value);
    if ("fault" in record) {
      return rejection(
        line,
        "RECORD_MALFORMED",
        `the record in it cannot be used: ${record.fault}`,
      );
    }
    if (this.#needsType && this.#isExcluded(rowKeyOf(record), line)) {
      return { kind: "skipped", reason: "excluded_type" };
    }
    return { kind: "message", message: messageOf(line, record), isOwn: true };
  }

  get #needsType(): boolean {
    return this.#excluded.size > 0 || this.#secretLines !== undefined;
  }

  /** Whether the event is left out. One that is not may hold a secret, of which is told. */
  #isExcluded(key: string, { number }: Line): boolean {
    if (!this.#needsType) return false;
    const bytes = Buffer.from(key);
    return this.#isTypeExcluded(this.#types.find(bytes, 0, bytes.length), number);
  }

  #isOfExcludedType(bytes: Buffer, number: number): boolean {
    const { keyStart, keyEnd } = this.#scanner;
    return this.#isTypeExcluded(this.#types.find(bytes, keyStart, keyEnd), number);
  }

  #isTypeExcluded(type: string | undefined, number: number): boolean {
    if (type === undefined) return false;
    if (this.#excluded.has(type)) return true;
    this.#secretLines?.see(type, number);
    return false;
  }
}

/** The row's key by the event or, for a tombstone, by whatever kind of key the record has. */
function rowKeyOf({ key, value }: RecordContent): string {
  const byEvent = value && eventKey(jsonOf(value));
  if (typeof byEvent === "string") return byEvent;
  const parsed = key && unwrapSchema(jsonOf(key));
  if (typeof parsed === "string") return parsed;
  const text = key === null ? "" : Buffer.from(key).toString();
  return rowKey(parsed) ?? STRUCT_KEY.exec(text)?.[1] ?? text;
}

function jsonOf(bytes: Uint8Array): JsonValue | undefined {
  const parsed = parseJson(Buffer.from(bytes).toString());
  return parsed.ok ? parsed.value : undefined;
}

/** Without the end of a CRLF, and on the first line of a file without a byte order mark. */
function trimLine(bytes: Buffer, isFirst: boolean): Buffer {
  const end = bytes.at(-1) === CARRIAGE_RETURN ? bytes.length - 1 : bytes.length;
  const start = isFirst && bytes.subarray(0, BOM.length).equals(BOM) ? BOM.length : 0;
  return bytes.subarray(start, end);
}

/** Whether a line holds only white space. */
export function isBlank(bytes: Uint8Array): boolean {
  for (const byte of bytes) {
    if (byte !== 0x20 && byte !== 0x09 && byte !== CARRIAGE_RETURN) return false;
  }
  return true;
}

function messageOf(line: Line, content: Omit<Message, "sequence" | "line">): Message {
  return { sequence: BigInt(line.start), line: line.number, ...content };
}

function rejected(line: Line, code: keyof typeof FAULTS): LineOutcome {
  return rejection(line, code, FAULTS[code]);
}

function rejection(line: Line, code: string, fault: string): LineOutcome {
  const reason = `Cannot read line ${line.number}: ${fault}`;
  return {
    kind: "rejected",
    rejection: { sequence: BigInt(line.start), line: line.number, code, reason },
  };
}
