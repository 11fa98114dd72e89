import { gunzipSync } from "bun";
import type { Header, Message } from "../../core/connector/mod.ts";

/** A record of a capture, as Kafka would hand it over. */
export interface CapturedRecord extends Pick<Message, "key" | "value" | "headers"> {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** What `<name>.index` says of a record: the case that it was made for, and what it is. */
export interface IndexedCase {
  readonly case: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly op: string | null;
  readonly key: string | null;
}

interface KcatRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly headers?: readonly string[];
  readonly key: string | null;
  readonly payload: string | null;
}

const folder = new URL("../fixtures/debezium/", import.meta.url);

/** The records of a capture, in the order of the file. */
export async function readCapture(name: string): Promise<CapturedRecord[]> {
  const records: KcatRecord[] = await readLines(`${name}.jsonl.gz`);
  return records.map((record) => ({
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    key: bytesOf(record.key),
    value: bytesOf(record.payload),
    headers: headersOf(record.headers ?? []),
  }));
}

export function readIndex(name: string): Promise<IndexedCase[]> {
  return readLines(`${name}.index.jsonl.gz`);
}

/** The table at the end as PostgreSQL had it: key -> value. */
export async function readFinal(name: string): Promise<Map<string, unknown>> {
  const rows: { key: string; value: unknown }[] = await readLines(`a.final.${name}.jsonl.gz`);
  return new Map(rows.map((row) => [row.key, row.value]));
}

export function bytesOf(text: string | null): Uint8Array | null {
  return text === null ? null : new TextEncoder().encode(text);
}

async function readLines<Line>(name: string): Promise<Line[]> {
  const packed = await Bun.file(new URL(name, folder)).bytes();
  const lines = new TextDecoder().decode(gunzipSync(packed)).split("\n");
  // The fixtures are ours, and each caller names the type of the lines of its own file.
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Line);
}

function headersOf(flat: readonly string[]): Header[] {
  const headers: Header[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    headers.push({ name: flat[at] ?? "", value: bytesOf(flat[at + 1] ?? null) });
  }
  return headers;
}
