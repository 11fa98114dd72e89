import { isUtf8 } from "node:buffer";
import { LineBlock } from "./line_block.ts";
import { trailingBytes } from "./trailing_bytes.ts";

/** The longest line that konn takes, without its line feed. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

const LINE_FEED = 0x0a;
const NOTHING = Buffer.alloc(0);
/** Behind the last byte of a block stands a line feed, for whoever looks no further than that. */
const SENTINEL_BYTES = 1;
/** Less is not worth reading: a new block is begun instead. */
const MIN_ROOM_BYTES = 256 * 1024;

/** A line as it stands in the file. */
export interface Line {
  /** Offset of the line's first byte. */
  readonly start: number;
  /** Offset behind the line and its line feed. */
  readonly end: number;
  /** 1-based. */
  readonly number: number;
  /** Without the line feed, or undefined when the line is too long to be held. */
  readonly bytes: Buffer | undefined;
}

/** Where splitting begins, and its limit. */
export interface LineSplitterOptions {
  /** Offset of the first byte that will be fed. */
  readonly startByte?: number;
  /** How many lines lie before it. */
  readonly linesBefore?: number;
  /** The bytes before it, for {@link LineSplitter.settledPrefix}. */
  readonly prefix?: Buffer;
  readonly maxLineBytes?: number;
}

/**
 * Cuts blocks into lines. Each line lies whole in a block of the splitter's own: what a block holds of
 * an unfinished line is taken over into the next one. A line over the limit is never held: its bytes
 * are let go and its end is found all the same.
 */
export class LineSplitter {
  readonly #maxLineBytes: number;
  #block = new LineBlock(0);
  /** Offset of the block's first byte. */
  #blockStart: number;
  /** How many bytes the block holds. */
  #length = 0;
  /** Where in the block the next line, or the rest of one that is too long, begins. */
  #at = 0;
  /** Up to where in the block no line feed stands from there on. */
  #searchedTo = 0;
  /** Where in the block what `isUtf8` is about begins. */
  #fedAt = 0;
  /** Offset of the line that is not finished yet. */
  #unfinishedStart: number;
  #linesFinished: number;
  #beforeBlock: Buffer;
  #beforeUnfinished: Buffer;
  #isUtf8: boolean | undefined;

  /** The line that `advance` has come to: offset of its first byte. */
  start: number;
  /** Its 1-based number. */
  number: number;
  /** Where in {@link block} it begins, and where its line feed stands. */
  from = 0;
  to = 0;
  /** It is too long to be held. */
  isTooLong = false;

  constructor(options: LineSplitterOptions = {}) {
    this.#maxLineBytes = options.maxLineBytes ?? MAX_LINE_BYTES;
    this.#blockStart = options.startByte ?? 0;
    this.#unfinishedStart = this.#blockStart;
    this.#linesFinished = options.linesBefore ?? 0;
    this.#beforeBlock = options.prefix ?? NOTHING;
    this.#beforeUnfinished = this.#beforeBlock;
    this.start = this.#blockStart;
    this.number = this.#linesFinished;
  }

  /** What holds the lines that `advance` comes to until the next block is fed. */
  get block(): LineBlock {
    return this.#block;
  }

  /** Offset of the block's first byte. */
  get blockStart(): number {
    return this.#blockStart;
  }

  /** Offset behind the last line that was handed out. */
  get settledByte(): number {
    return this.#unfinishedStart;
  }

  /** How many lines lie before {@link settledByte}. */
  get settledLines(): number {
    return this.#linesFinished;
  }

  /** Whether all lines since the last `feed` are valid UTF-8, or what is left at the end of the file. */
  get isUtf8(): boolean {
    this.#isUtf8 ??= this.#looksLikeUtf8();
    return this.#isUtf8;
  }

  /** The last bytes before {@link settledByte}, for the hash of a position. May be a view. */
  settledPrefix(): Buffer {
    if (this.#unfinishedStart < this.#blockStart) return this.#beforeUnfinished;
    const settledInBlock = this.#unfinishedStart - this.#blockStart;
    return trailingBytes(this.#beforeBlock, this.#block.bytes.subarray(0, settledInBlock));
  }

  /**
   * Memory for the block that follows, of at most so many bytes: what is read into it need not be
   * copied by `feed`. Only once `advance` has returned false.
   */
  room(maxBytes: number): Buffer {
    this.#makeRoom(Math.min(maxBytes, MIN_ROOM_BYTES));
    const end = Math.min(this.#length + maxBytes, this.#block.bytes.length - SENTINEL_BYTES);
    return this.#block.bytes.subarray(this.#length, end);
  }

  /** Takes the block that follows. Only once `advance` or `next` has told that there is no line. */
  feed(block: Buffer): void {
    const { bytes } = this.#block;
    const isInPlace =
      block.buffer === bytes.buffer && block.byteOffset === bytes.byteOffset + this.#length;
    if (!isInPlace) {
      this.#makeRoom(block.length);
      this.#block.bytes.set(block, this.#length);
    }
    this.#length += block.length;
    this.#block.bytes[this.#length] = LINE_FEED;
    this.#fedAt = this.#at;
    this.#isUtf8 = undefined;
  }

  /** Goes on to the next whole line. False when that needs another block. */
  advance(): boolean {
    const lineFeed = this.#block.bytes.indexOf(LINE_FEED, this.#searchedTo);
    if (lineFeed < 0 || lineFeed >= this.#length) {
      this.#searchedTo = this.#length;
      return false;
    }
    this.#finishLine(lineFeed, lineFeed + 1);
    return true;
  }

  /** At the end of the file: goes on to the last line, where no line feed ends it. */
  advanceToRest(): boolean {
    if (this.#blockStart + this.#length === this.#unfinishedStart) return false;
    this.#fedAt = this.#at;
    this.#isUtf8 = undefined;
    this.#finishLine(this.#length, this.#length);
    return true;
  }

  /** The line that was come to. Its bytes are a view of the block. */
  line(): Line {
    const { start, number, from, to, isTooLong } = this;
    const bytes = isTooLong ? undefined : this.#block.bytes.subarray(from, to);
    return { start, end: this.#unfinishedStart, number, bytes };
  }

  /** As `advance`, with the line, whose bytes stay as they are. */
  next(): Line | undefined {
    return this.advance() ? this.#keptLine() : undefined;
  }

  /** As `advanceToRest`, with the line, whose bytes stay as they are. */
  finish(): Line | undefined {
    return this.advanceToRest() ? this.#keptLine() : undefined;
  }

  #keptLine(): Line {
    this.#block.keep();
    return this.line();
  }

  #looksLikeUtf8(): boolean {
    const fed = this.#block.bytes.subarray(this.#fedAt, this.#length);
    const lastLineFeed = fed.lastIndexOf(LINE_FEED);
    // What an unfinished line has may end inside of a character.
    return isUtf8(lastLineFeed < 0 ? fed : fed.subarray(0, lastLineFeed));
  }

  /** Makes room for so many bytes behind the others: in a new block where there is none. */
  #makeRoom(bytes: number): void {
    const unfinishedBytes = this.#blockStart + this.#length - this.#unfinishedStart;
    const isTooLong = unfinishedBytes > this.#maxLineBytes;
    const freeBytes = this.#block.bytes.length - this.#length - SENTINEL_BYTES;
    if (bytes <= freeBytes && !isTooLong) return;
    const passedBytes = isTooLong ? this.#length : this.#at;
    this.#keepPrefix(passedBytes);
    const keptBytes = this.#length - passedBytes;
    const old = this.#block;
    // A giant line need not be taken over with each piece of it, nor have more than it can take.
    const ampleBytes = Math.min(keptBytes * 2, this.#maxLineBytes + MIN_ROOM_BYTES);
    this.#block = new LineBlock(Math.max(keptBytes + bytes + SENTINEL_BYTES, ampleBytes));
    old.bytes.copy(this.#block.bytes, 0, passedBytes, this.#length);
    old.release();
    this.#blockStart += passedBytes;
    this.#length = keptBytes;
    this.#searchedTo = keptBytes;
    this.#at = 0;
  }

  /** Remembers what is about to be let go of. As copies, since the memory is used again. */
  #keepPrefix(passedBytes: number): void {
    const isHeld = this.#unfinishedStart >= this.#blockStart;
    if (isHeld) this.#beforeUnfinished = Buffer.from(this.settledPrefix());
    const passed = this.#block.bytes.subarray(0, passedBytes);
    this.#beforeBlock = Buffer.from(trailingBytes(this.#beforeBlock, passed));
  }

  #finishLine(to: number, next: number): void {
    const end = this.#blockStart + to;
    this.start = this.#unfinishedStart;
    this.isTooLong = end - this.start > this.#maxLineBytes;
    this.from = this.#at;
    this.to = to;
    this.#at = next;
    this.#searchedTo = next;
    this.#unfinishedStart = this.#blockStart + next;
    this.#linesFinished += 1;
    this.number = this.#linesFinished;
  }
}
