import type { FileHandle } from "node:fs/promises";
import * as v from "valibot";
import { contentHash, PREFIX_BYTES } from "./trailing_bytes.ts";

/** What the checkpoint keeps of an output file: what of it has been settled. */
export interface OutputState {
  /** So many bytes. */
  readonly bytes: number;
  /** Of the last ones of these, so that another file is found out. */
  readonly hash: string;
  /** Device and inode, which tell whose file it is as long as nothing in it has been settled. */
  readonly file: string;
}

const STATE_SCHEMA = v.strictObject({
  bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  hash: v.string(),
  file: v.string(),
});

export function formatOutputState({ bytes, hash, file }: OutputState): string {
  return JSON.stringify({ bytes, hash, file });
}

/** Reads back what {@link formatOutputState} wrote, or undefined. */
export function parseOutputState(text: string): OutputState | undefined {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), STATE_SCHEMA), text);
  return parsed.success ? parsed.output : undefined;
}

/** The last bytes before a length, at most {@link PREFIX_BYTES}. */
export async function bytesBefore(file: FileHandle, length: number): Promise<Buffer> {
  const wanted = Buffer.alloc(Math.min(length, PREFIX_BYTES));
  const { bytesRead } = await file.read(wanted, 0, wanted.length, length - wanted.length);
  return wanted.subarray(0, bytesRead);
}

/** Device and inode. */
export async function fileIdOf(file: FileHandle): Promise<string> {
  const { dev, ino } = await file.stat({ bigint: true });
  return `${dev}:${ino}`;
}

/** Why the file is not the one that was written, or undefined. */
export async function outputDifference(
  file: FileHandle,
  { bytes, hash, file: fileId }: OutputState,
): Promise<string | undefined> {
  const { size } = await file.stat();
  if (size < bytes) return `it has ${size} bytes and had ${bytes}`;
  if (contentHash(await bytesBefore(file, bytes)) !== hash) {
    return `what stands before byte ${bytes} is not what was written`;
  }
  const isForeign = bytes === 0 && size > 0 && (await fileIdOf(file)) !== fileId;
  return isForeign ? "it is another file, and nothing in it was written by this run" : undefined;
}
