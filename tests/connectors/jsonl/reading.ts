import { writeFileSync } from "node:fs";
import type { Batch, Message, Position, Rejection } from "../../../core/connector/mod.ts";
import { LINES_LANE } from "../../../core/connectors/jsonl/batch_builder.ts";
import {
  createJsonlSource,
  type JsonlSourceOptions,
} from "../../../core/connectors/jsonl/reader.ts";
import { SILENT_OBSERVER } from "../../../core/observe/observer.ts";
import { TemporaryFolder } from "../../fakes/temporary_folder.ts";

export const NEVER = new AbortController().signal;

export interface ReadingOptions extends Partial<JsonlSourceOptions> {
  readonly from?: Position | undefined;
  readonly maxEventsCount?: number;
  readonly maxBatchCount?: number;
}

/** Reads a file to its end with a source of its own. */
export async function readFileLines(path: string, options: ReadingOptions = {}): Promise<Batch[]> {
  const { from, maxEventsCount, maxBatchCount, ...rest } = options;
  await using source = createJsonlSource({
    path,
    follow: false,
    observer: SILENT_OBSERVER,
    ...rest,
  });
  await source.open(NEVER);
  return await Array.fromAsync(
    source.read({
      from: new Map(from === undefined ? [] : [[LINES_LANE, from]]),
      stop: NEVER,
      maxEventsCount,
      maxBatchCount,
    }),
  );
}

/** Reads content as if it were a file's. */
export async function readContent(
  content: string | Uint8Array,
  options: ReadingOptions = {},
): Promise<Batch[]> {
  using folder = new TemporaryFolder();
  const path = folder.file("stream.jsonl");
  writeFileSync(path, content);
  return await readFileLines(path, options);
}

export function messagesOf(batches: readonly Batch[]): Message[] {
  return batches.flatMap(({ messages }) => messages);
}

export function rejectionsOf(batches: readonly Batch[]): Rejection[] {
  return batches.flatMap(({ rejections }) => rejections);
}

/** The values of all messages as text. */
export function valuesOf(batches: readonly Batch[]): string[] {
  return messagesOf(batches).map(({ value }) => textOf(value));
}

export function textOf(bytes: Uint8Array | null): string {
  return bytes === null ? "null" : Buffer.from(bytes).toString();
}

/** An event line of a key. */
export function event(key: string): string {
  return `{"before":null,"after":{"key":"${key}","value":{}},"op":"c","ts_ms":1}`;
}

/** What a promise is rejected with, as its code, or "none". */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    if (error instanceof Error && "code" in error) return String(error.code);
    throw error;
  }
}
