import { isUtf8 } from "node:buffer";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { type Header, type Message, NO_TIMESTAMP, type Origin } from "../../connector/mod.ts";
import type { LineBuffer } from "./line_buffer.ts";

/**
 * Record lines: one Kafka record a line, as `kcat -J` writes it, with its key, headers, time and
 * place. Bytes that are not UTF-8 stand as base64 under `key_base64`, `payload_base64` and
 * `headers_base64`, which kcat does not have.
 */

/** What a record line says, its place in the file left out. */
export type RecordContent = Pick<Message, "key" | "value" | "headers" | "timestampMs" | "origin">;

/** What is wrong with a line that should be a record. */
class RecordFault extends Error {}

const MAX_PARTITION = 2 ** 31 - 1;

/** Whether a parsed line is a record line and not an event. */
export function looksLikeRecord(line: JsonValue): boolean {
  return (
    isJsonObject(line) &&
    "topic" in line &&
    "partition" in line &&
    ("payload" in line || "payload_base64" in line)
  );
}

/** The record of a parsed line, or what is wrong with it. */
export function parseRecordLine(line: JsonValue): RecordContent | { readonly fault: string } {
  if (!isJsonObject(line)) return { fault: "it is no JSON object" };
  try {
    const origin = originOf(line);
    const content = {
      key: bytesOf(line, "key"),
      value: bytesOf(line, "payload"),
      headers: headersOf(line),
      timestampMs: timestampOf(line),
    };
    return origin ? { ...content, origin } : content;
  } catch (error) {
    if (error instanceof RecordFault) return { fault: error.message };
    throw error;
  }
}

/** Writes the line of a message, without its line feed. */
export function writeRecordLine(line: LineBuffer, message: Message): void {
  const { key, value, headers, timestampMs, origin } = message;
  const offset = origin && String(origin.offset ?? message.sequence);
  const isTimed = timestampMs !== NO_TIMESTAMP;
  // An offset is written as digits, since it may be larger than a number of JavaScript.
  line.text(
    `{"topic":${JSON.stringify(origin?.topic ?? null)},"partition":${origin?.partition ?? null},"offset":${offset ?? null},` +
      `"tstype":"${isTimed ? "create" : "unknown"}","ts":${isTimed ? timestampMs : null},${formatHeaders(headers)},`,
  );
  writeBytes(line, "key", key);
  line.text(",");
  writeBytes(line, "payload", value);
  line.text("}");
}

function writeBytes(line: LineBuffer, name: string, bytes: Uint8Array | null): void {
  if (bytes === null) return line.text(`"${name}":null`);
  const buffer = bufferOf(bytes);
  if (isUtf8(buffer)) {
    line.text(`"${name}":`);
    line.jsonString(buffer);
  } else {
    line.text(`"${name}_base64":`);
    line.base64String(buffer);
  }
}

function formatHeaders(headers: readonly Header[]): string {
  if (headers.length === 0) return '"headers":[]';
  const isText = headers.every(({ value }) => value === null || isUtf8(bufferOf(value)));
  const encoding = isText ? "utf8" : "base64";
  const list = headers.flatMap(({ name, value }) => [
    name,
    value === null ? null : bufferOf(value).toString(encoding),
  ]);
  return `"${isText ? "headers" : "headers_base64"}":${JSON.stringify(list)}`;
}

/** The bytes of a field that is there once: as text or, where they are none, as base64. */
function bytesOf(line: JsonObject, name: "key" | "payload"): Buffer | null {
  const text = line[name];
  const base64 = line[`${name}_base64`];
  if (text !== undefined && base64 !== undefined) {
    throw new RecordFault(`it has both ${name} and ${name}_base64`);
  }
  if (base64 !== undefined) return base64Bytes(base64, `${name}_base64`);
  // A tombstone says null: what lacks the payload is not taken for one.
  if (text === undefined && name === "payload") throw new RecordFault("it has no payload");
  return text === undefined || text === null ? null : textBytes(text, name);
}

function headersOf(line: JsonObject): Header[] {
  const texts = line["headers"] ?? null;
  const base64s = line["headers_base64"] ?? null;
  if (base64s === null) return texts === null ? [] : pairUp(texts, "headers", textBytes);
  if (texts !== null) throw new RecordFault("it has both headers and headers_base64");
  return pairUp(base64s, "headers_base64", base64Bytes);
}

function pairUp(
  list: JsonValue,
  field: string,
  toBytes: (value: JsonValue, field: string) => Buffer,
): Header[] {
  if (!Array.isArray(list) || list.length % 2 !== 0) {
    throw new RecordFault(`its ${field} are no list of names and values`);
  }
  const headers: Header[] = [];
  for (let at = 0; at < list.length; at += 2) {
    const name = list[at];
    const value = list[at + 1] ?? null;
    if (typeof name !== "string") throw new RecordFault(`a name in its ${field} is no text`);
    headers.push({ name, value: value === null ? null : toBytes(value, field) });
  }
  return headers;
}

function originOf({
  topic = null,
  partition = null,
  offset = null,
}: JsonObject): Origin | undefined {
  if (offset !== null && !isCount(offset)) throw new RecordFault("its offset is no offset");
  if (topic === null && partition === null) return undefined;
  if (typeof topic !== "string") throw new RecordFault("its topic is no text");
  if (!isCount(partition, MAX_PARTITION)) throw new RecordFault("its partition is no partition");
  return offset === null ? { topic, partition } : { topic, partition, offset: BigInt(offset) };
}

function timestampOf({ ts = null, tstype }: JsonObject): number {
  if (ts === null || ts === NO_TIMESTAMP || tstype === "unknown") return NO_TIMESTAMP;
  if (!isCount(ts)) throw new RecordFault("its ts is no time");
  return ts;
}

function textBytes(text: JsonValue, field: string): Buffer {
  if (typeof text !== "string") throw new RecordFault(`its ${field} is neither text nor null`);
  if (text.isWellFormed()) return Buffer.from(text);
  throw new RecordFault(`its ${field} has half a surrogate pair, which has no bytes`);
}

function base64Bytes(text: JsonValue, field: string): Buffer {
  const bytes = Buffer.from(typeof text === "string" ? text : "", "base64");
  // The decoder skips what is not base64: only the way back shows that there was nothing else.
  if (bytes.toString("base64") === text) return bytes;
  throw new RecordFault(`its ${field} is no base64`);
}

function isCount(value: JsonValue, max: number = Number.MAX_SAFE_INTEGER): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
