import { isUtf8 } from "node:buffer";
import { isJsonObject, type JsonObject, type JsonValue } from "../../cdc/json.ts";
import { type Header, type Message, NO_TIMESTAMP, type Origin } from "../../connector/mod.ts";

/**
 * Record lines: one Kafka record a line, as `kcat -J` writes it, with its key, headers, time and
 * place. Bytes that are not UTF-8 stand as base64 under `key_base64`, `payload_base64` and
 * `headers_base64`, which kcat does not have.
 */

/** What a record line says, its place in the file left out. */
export type RecordContent = Pick<Message, "key" | "value" | "headers" | "timestampMs" | "origin">;

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
  const key = bytesOf(line, "key");
  if (key === undefined) return { fault: "its key is neither text nor null" };
  const value = bytesOf(line, "payload");
  if (value === undefined) return { fault: "its payload is neither text nor null" };
  const headers = headersOf(line);
  if (headers === undefined) return { fault: "its headers are no list of names and values" };
  const ts = line["ts"];
  const timestampMs = Number.isSafeInteger(ts) ? Number(ts) : NO_TIMESTAMP;
  const origin = originOf(line);
  return { key, value, headers, timestampMs, ...(origin && { origin }) };
}

/** The line of a message, without its line feed. */
export function formatRecordLine(message: Message): string {
  const { key, value, headers, timestampMs, origin } = message;
  const offset = origin && String(origin.offset ?? message.sequence);
  const parts = [
    `"topic":${JSON.stringify(origin?.topic ?? null)}`,
    `"partition":${origin?.partition ?? null}`,
    // As digits, since an offset may be larger than a number of JavaScript.
    `"offset":${offset ?? null}`,
    `"tstype":"create"`,
    `"ts":${timestampMs === NO_TIMESTAMP ? null : timestampMs}`,
    formatHeaders(headers),
    formatBytes("key", key),
    formatBytes("payload", value),
  ];
  return `{${parts.join(",")}}`;
}

function formatBytes(name: string, bytes: Uint8Array | null): string {
  if (bytes === null) return `"${name}":null`;
  const buffer = bufferOf(bytes);
  return isUtf8(buffer)
    ? `"${name}":${JSON.stringify(buffer.toString())}`
    : `"${name}_base64":"${buffer.toString("base64")}"`;
}

function formatHeaders(headers: readonly Header[]): string {
  const isText = headers.every(({ value }) => value === null || isUtf8(bufferOf(value)));
  const encoding = isText ? "utf8" : "base64";
  const list = headers.flatMap(({ name, value }) => [
    name,
    value === null ? null : bufferOf(value).toString(encoding),
  ]);
  return `"${isText ? "headers" : "headers_base64"}":${JSON.stringify(list)}`;
}

/** Undefined where the field holds something that cannot be bytes. */
function bytesOf(line: JsonObject, name: string): Buffer | null | undefined {
  const base64 = line[`${name}_base64`];
  if (typeof base64 === "string") return decodeBase64(base64);
  const text = line[name] ?? null;
  if (text === null) return null;
  return typeof text === "string" && text.isWellFormed() ? Buffer.from(text) : undefined;
}

function headersOf(line: JsonObject): Header[] | undefined {
  const isBase64 = line["headers_base64"] !== undefined;
  const list = (isBase64 ? line["headers_base64"] : line["headers"]) ?? [];
  if (!Array.isArray(list) || list.length % 2 !== 0) return undefined;
  const headers: Header[] = [];
  for (let at = 0; at < list.length; at += 2) {
    const name = list[at];
    const text = list[at + 1] ?? null;
    if (typeof name !== "string") return undefined;
    if (text !== null && typeof text !== "string") return undefined;
    const value = text === null ? null : Buffer.from(text, isBase64 ? "base64" : "utf8");
    headers.push({ name, value });
  }
  return headers;
}

function originOf(line: JsonObject): Origin | undefined {
  const { topic, partition, offset } = line;
  if (typeof topic !== "string" || !Number.isSafeInteger(partition)) return undefined;
  const place = { topic, partition: Number(partition) };
  return Number.isSafeInteger(offset) ? { ...place, offset: BigInt(Number(offset)) } : place;
}

function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
