import { formatCounted } from "../../base/format.ts";
import { createHash } from "node:crypto";
import { KonnError } from "../../base/errors.ts";
import type { EventLocation } from "../../connector/event_location.ts";
import type { Batch, Lane, ReadOptions, Source, StreamIdentity } from "../../connector/mod.ts";
import type { Observer } from "../../observe/observer.ts";
import { BatchBuilder, LINES_LANE } from "./batch_builder.ts";
import { changedFile } from "./file_errors.ts";
import { type Input, openFile, streamInput } from "./input.ts";
import { isBlank, LineReader } from "./line_reader.ts";
import { type Line, LineSplitter } from "./line_splitter.ts";
import { type FilePosition, formatPosition, type LineFormat, parsePosition } from "./position.ts";
import { SecretLines } from "./secret_lines.ts";
import { contentHash, PREFIX_BYTES } from "./trailing_bytes.ts";

/** The most messages of a batch, unless the caller wants fewer, and rejections are counted in. */
const MAX_BATCH_COUNT = 4_096;
const LINE_FEED = 0x0a;
const STREAM_ID_LENGTH = 32;

export interface JsonlSourceOptions {
  /** `-` is stdin. Compressed files are known by their first bytes. */
  readonly path: string;
  /** What the lines are. Undefined: told by the look of the first one that is a JSON object. */
  readonly format?: LineFormat | undefined;
  /** Wait at the end of a plain file for what is appended. */
  readonly follow: boolean;
  /** The stream's name. By default it is known by its first line. */
  readonly streamName?: string | undefined;
  /** The 1-based line to begin with, whatever position is asked for. */
  readonly fromLine?: number | undefined;
  /** Entity types whose events are left out. */
  readonly excludeTypes?: readonly string[] | undefined;
  /** Which types to warn of, since they are delivered as they are. Of none where it is not said. */
  readonly canHoldSecrets?: ((type: string) => boolean) | undefined;
  readonly observer: Observer;
  /** In place of the process' own, for tests. */
  readonly stdin?: AsyncIterable<Uint8Array>;
}

/**
 * Reads JSON lines: Debezium events, or records as `kcat -J` writes them.
 *
 * The only lane is the file; a sequence is the byte at which a line begins, as decompressed. A
 * position holds byte, line and a hash of the 64 KiB before it, so that another or an edited file
 * is refused. The stream is known by the SHA-256 of its first line and not by its path: a file that
 * was moved goes on where it was. Without `follow` it ends where the file ends when that is reached.
 *
 * Following is for plain files: as with `tail -F` it goes on as the file grows. When another file has
 * taken its name, it ends; that one is another stream. A file that was cut or rewritten is refused.
 *
 * Errors: `FILE_NOT_FOUND`, `FILE_IS_FOLDER`, `FILE_IS_PIPE`, `FILE_UNREADABLE`, `FILE_CORRUPT`,
 * `FILE_CHANGED`, `FILE_NOT_FOLLOWABLE`.
 * Rejections: `LINE_NOT_JSON`, `LINE_NOT_UTF8`, `LINE_TOO_LONG`, `LINE_TOO_DEEP`,
 * `LINE_WITHOUT_KEY`, `LINE_OF_OTHER_FORMAT`, `RECORD_MALFORMED`.
 */
export function createJsonlSource(options: JsonlSourceOptions): Source {
  return new JsonlSource(options);
}

class JsonlSource implements Source {
  readonly #options: JsonlSourceOptions;
  readonly #disposal = new AbortController();
  #input: Input | undefined;

  constructor(options: JsonlSourceOptions) {
    this.#options = options;
  }

  async open(signal: AbortSignal): Promise<StreamIdentity> {
    const { path, stdin, follow } = this.#options;
    if (path === "-") {
      this.#input = streamInput(stdin ?? Bun.stdin.stream());
      return { address: "stdin", identity: {} };
    }
    this.#input = await openFile(path, { follow });
    const { streamName } = this.#options;
    const id = streamName ?? (await firstLineHash(this.#input, { stop: signal, follow }));
    return { address: `file:${id}`, identity: { "stream id": id }, label: path, streamId: id };
  }

  async ends(): Promise<ReadonlyMap<Lane, bigint>> {
    const size = await this.#open().size();
    return new Map(size === undefined ? [] : [[LINES_LANE, BigInt(size)]]);
  }

  async *read(options: ReadOptions): AsyncGenerator<Batch> {
    const { observer, canHoldSecrets, format, excludeTypes = [] } = this.#options;
    const secretLines = canHoldSecrets && new SecretLines(canHoldSecrets, observer.log);
    const stop = AbortSignal.any([options.stop, this.#disposal.signal]);
    const place = await this.#start(options, stop);
    const reader = new LineReader({ format: format ?? place.format, excludeTypes, secretLines });
    try {
      yield* this.#readFrom(place, new BatchAssembly(place.splitter, reader, options), stop);
    } finally {
      secretLines?.sum();
    }
  }

  /** Where reading begins, once it is known that the file before it is what it was. */
  async #start({ from }: ReadOptions, stop: AbortSignal): Promise<StartPlace> {
    const { fromLine } = this.#options;
    const saved = from.get(LINES_LANE);
    if (saved === undefined || fromLine !== undefined) {
      const linesToPass = (fromLine ?? 1) - 1;
      return { splitter: new LineSplitter(), linesToPass, insideLineAt: undefined };
    }
    const start = parsePosition(saved);
    const prefix = await checkPrefix(this.#open(), start, stop);
    const { log } = this.#options.observer;
    if (start.line > 0) log.info(`Going on in ${this.#open().name} behind line ${start.line}`);
    const isInsideLine = !endsLine(prefix);
    const linesBefore = start.line - (isInsideLine ? 1 : 0);
    return {
      splitter: new LineSplitter({ startByte: start.byte, linesBefore, prefix }),
      linesToPass: 0,
      insideLineAt: isInsideLine ? start.byte : undefined,
      format: start.format,
    };
  }

  async *#readFrom(
    { splitter, linesToPass, insideLineAt }: StartPlace,
    assembly: BatchAssembly,
    stop: AbortSignal,
  ): AsyncGenerator<Batch> {
    const input = this.#open();
    const { follow, fromLine } = this.#options;
    let toPass = linesToPass;
    if (assembly.isComplete) return;
    const room = (maxBytes: number): Buffer => splitter.room(maxBytes);
    for await (const block of input.blocks(splitter.settledByte, { stop, follow, room })) {
      splitter.feed(block);
      while (splitter.advance()) {
        if (stop.aborted) return;
        if (toPass > 0) {
          toPass -= 1;
          // Before anything else, so that a crash does not go back to what was delivered before.
          if (toPass === 0) yield assembly.place();
          continue;
        }
        const isKnown =
          splitter.start === insideLineAt && isEndOfKnownLine(splitter.line(), input.name);
        const batch = isKnown ? undefined : assembly.add();
        if (batch) yield batch;
        if (assembly.isComplete) return;
      }
      const rest = assembly.takeRest();
      if (rest) yield rest;
    }
    if (stop.aborted) return;
    if (toPass > 0) throw tooFewLines(input.name, { fromLine, lines: splitter.settledLines });
    if (!splitter.advanceToRest()) return;
    if (splitter.start === insideLineAt && isEndOfKnownLine(splitter.line(), input.name)) return;
    const batch = assembly.add() ?? assembly.takeRest();
    if (batch) yield batch;
  }

  async bytesAt({ sequence }: EventLocation, stop: AbortSignal): Promise<Uint8Array | undefined> {
    const splitter = new LineSplitter();
    const isWanted = (line: Line | undefined) => line && BigInt(line.start) === sequence;
    for await (const block of this.#open().blocks(0, { stop, follow: false })) {
      splitter.feed(block);
      for (let line = splitter.next(); line; line = splitter.next()) {
        if (isWanted(line)) return line.bytes;
      }
    }
    const last = splitter.finish();
    return isWanted(last) ? last?.bytes : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposal.abort();
    const input = this.#input;
    this.#input = undefined;
    await input?.[Symbol.asyncDispose]();
  }

  #open(): Input {
    if (this.#input) return this.#input;
    throw new KonnError(`Cannot read ${this.#options.path}: the source is not open`, {
      code: "SOURCE_NOT_OPEN",
      kind: "failed",
    });
  }
}

interface StartPlace {
  readonly splitter: LineSplitter;
  /** Lines before the first one that is wanted. */
  readonly linesToPass: number;
  /** Where the line goes on that had no end when it was read. */
  readonly insideLineAt: number | undefined;
  readonly format?: LineFormat | undefined;
}

/** Makes batches of lines, within the limits of the caller. */
class BatchAssembly {
  readonly #splitter: LineSplitter;
  readonly #reader: LineReader;
  readonly #builder = new BatchBuilder();
  readonly #maxBatchCount: number;
  readonly #maxEventsCount: number;
  #yieldedCount = 0;

  constructor(splitter: LineSplitter, reader: LineReader, options: ReadOptions) {
    this.#splitter = splitter;
    this.#reader = reader;
    this.#maxBatchCount = Math.min(options.maxBatchCount ?? MAX_BATCH_COUNT, MAX_BATCH_COUNT);
    this.#maxEventsCount = options.maxEventsCount ?? Infinity;
  }

  /** Whether as many events were yielded as the caller wants. */
  get isComplete(): boolean {
    return this.#yieldedCount >= this.#maxEventsCount;
  }

  /** Takes the line that the splitter has just handed out. Returns a batch when one is full. */
  add(): Batch | undefined {
    const [splitter, reader] = [this.#splitter, this.#reader];
    if (reader.scan(splitter)) this.#builder.addEvent(reader.event, splitter);
    else this.#builder.add(reader.read(splitter.line()), splitter);
    const { messagesCount, heldCount } = this.#builder;
    const isFull = messagesCount >= this.#maxBatchCount || heldCount >= MAX_BATCH_COUNT;
    const isLast = this.#yieldedCount + this.#builder.eventsCount >= this.#maxEventsCount;
    return isFull || isLast ? this.#take() : undefined;
  }

  /** What is left over, if anything. */
  takeRest(): Batch | undefined {
    return this.#builder.eventsCount > 0 ? this.#take() : undefined;
  }

  /** A batch of nothing that says where reading begins. */
  place(): Batch {
    return this.#take();
  }

  #take(): Batch {
    this.#yieldedCount += this.#builder.eventsCount;
    const byte = this.#splitter.settledByte;
    const position = formatPosition({
      byte,
      line: this.#splitter.settledLines,
      hash: contentHash(this.#splitter.settledPrefix()),
      format: this.#reader.format,
    });
    return this.#builder.take({ position, nextSequence: BigInt(byte) });
  }
}

function tooFewLines(
  name: string,
  { fromLine, lines }: { fromLine: number | undefined; lines: number },
): KonnError {
  return new KonnError(
    `Cannot begin ${name} at line ${fromLine}: it has ${formatCounted(lines, "line")}`,
    {
      code: "LINE_NOT_FOUND",
      kind: "usage",
      hint: "Lines are counted from 1, blank ones included.",
    },
  );
}

/** Reads the bytes before a position and throws when they are not what they were. */
async function checkPrefix(
  input: Input,
  { byte, line, hash }: FilePosition,
  stop: AbortSignal,
): Promise<Buffer> {
  const length = Math.min(byte, PREFIX_BYTES);
  const prefix = await readBytes(input, { from: byte - length, length, stop });
  if (prefix.length < length && !stop.aborted) {
    throw changedFile(input.name, { byte, line }, "the file is shorter now");
  }
  if (contentHash(prefix) !== hash && !stop.aborted) {
    throw changedFile(input.name, { byte, line }, "what lies before is not what it was");
  }
  return prefix;
}

function endsLine(prefix: Buffer): boolean {
  return prefix.length === 0 || prefix.at(-1) === LINE_FEED;
}

/**
 * Whether these bytes only end the last line, which had no line feed when it was read. A line that
 * has grown since is refused, because it would be delivered in two halves.
 */
function isEndOfKnownLine({ start, number, bytes }: Line, name: string): boolean {
  if (bytes !== undefined && isBlank(bytes)) return true;
  const place = { byte: start, line: number };
  throw changedFile(name, place, "the line that was its last has been continued");
}

async function readBytes(
  input: Input,
  { from, length, stop }: { from: number; length: number; stop: AbortSignal },
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  if (length === 0) return Buffer.alloc(0);
  for await (const block of input.blocks(from, { stop, follow: false })) {
    pieces.push(block.subarray(0, length - bytes));
    bytes += block.length;
    if (bytes >= length) break;
  }
  return Buffer.concat(pieces);
}

/** The stream's name: SHA-256 of what lies before the first line feed. */
async function firstLineHash(
  input: Input,
  options: { stop: AbortSignal; follow: boolean },
): Promise<string> {
  const hash = createHash("sha256");
  for await (const block of input.blocks(0, options)) {
    const end = block.indexOf(LINE_FEED);
    hash.update(end < 0 ? block : block.subarray(0, end));
    if (end >= 0) break;
  }
  return hash.digest("hex").slice(0, STREAM_ID_LENGTH);
}
