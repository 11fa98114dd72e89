/** Generated streams as files, kept from run to run beside the other temporary files. */
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SAMPLE } from "../e2e/konn.ts";
import { sampleStream, type StreamEvent, type StreamOptions } from "./sample_stream.ts";

/** Behind a key in a file of keyed lines. JSON escapes it, so that no line holds another one. */
export const KEY_END = "\t";

const WRITE_BYTES = 4 * 1024 * 1024;

export interface StreamFile extends StreamOptions {
  /** The size of the lines with their newlines. */
  readonly bytes: number;
  /** How many entities are left when every event has taken effect. */
  readonly liveCount: number;
  /** JSON lines. */
  readonly path: string;
}

/** Finds the file of a stream, or writes it. */
export function streamFile(options: StreamOptions): StreamFile {
  const folder = join(tmpdir(), "konn-bench");
  mkdirSync(folder, { recursive: true });
  const name = `${options.kind}-${options.eventsCount}-${fingerprint(options.seed)}`;
  const path = join(folder, `${name}.jsonl`);
  const facts = join(folder, `${name}.json`);
  // They are written last: with them, the file is whole.
  if (!existsSync(facts)) writeFileSync(facts, JSON.stringify(writeLines(options, path)));
  const { bytes, liveCount }: ReturnType<typeof writeLines> = JSON.parse(
    readFileSync(facts, "utf8"),
  );
  return { ...options, bytes, liveCount, path };
}

/** Finds or writes the same lines behind their keys and `KEY_END`, as kcat takes them. */
export function keyedFile({ path, ...options }: StreamFile): string {
  const keyedPath = path.replace(/\.jsonl$/, ".keyed");
  if (existsSync(keyedPath)) return keyedPath;
  {
    using keyed = new BlockFile(`${keyedPath}.part`);
    for (const { key, line } of eventsOf(options)) keyed.append(`${key}${KEY_END}${line}\n`);
  }
  renameSync(`${keyedPath}.part`, keyedPath);
  return keyedPath;
}

function writeLines(options: StreamOptions, path: string): { bytes: number; liveCount: number } {
  using lines = new BlockFile(path);
  const live = new Set<string>();
  for (const { key, line } of eventsOf(options)) {
    lines.append(`${line}\n`);
    if (line.startsWith('{"before": null')) live.add(key);
    else live.delete(key);
  }
  return { bytes: lines.flush(), liveCount: live.size };
}

function eventsOf(options: StreamOptions): Generator<StreamEvent> {
  return sampleStream(readFileSync(SAMPLE, "utf8").split("\n").filter(Boolean), options);
}

/** A file that is written in large blocks. */
class BlockFile implements Disposable {
  readonly #file: number;
  #waiting: string[] = [];
  #waitingLength = 0;
  #bytes = 0;

  constructor(path: string) {
    this.#file = openSync(path, "w");
  }

  append(text: string): void {
    this.#waiting.push(text);
    this.#waitingLength += text.length;
    if (this.#waitingLength >= WRITE_BYTES) this.flush();
  }

  /** Writes what waits, and returns how long the file is. */
  flush(): number {
    this.#bytes += writeSync(this.#file, this.#waiting.join(""));
    this.#waiting = [];
    this.#waitingLength = 0;
    return this.#bytes;
  }

  [Symbol.dispose](): void {
    this.flush();
    closeSync(this.#file);
  }
}

/** Of all that decides what a stream looks like, beside its kind and length. */
function fingerprint(seed: number): string {
  const generator = fileURLToPath(new URL("sample_stream.ts", import.meta.url));
  const hash = createHash("sha256").update(String(seed));
  for (const file of [generator, SAMPLE]) hash.update(readFileSync(file));
  return hash.digest("hex").slice(0, 8);
}
