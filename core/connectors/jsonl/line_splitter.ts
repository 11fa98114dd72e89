import { trailingBytes } from "./trailing_bytes.ts";

/** The longest line that konn takes, without its line feed. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

const LINE_FEED = 0x0a;
const NOTHING = Buffer.alloc(0);

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
 * Cuts blocks into lines. Lines are views of the blocks, so a block must not change after it was
 * fed; only a line that spans blocks is copied. A line over the limit is never held: its bytes
 * are let go and its end is found all the same.
 */
export class LineSplitter {
  readonly #maxLineBytes: number;
  #block: Buffer = NOTHING;
  /** Offset of the block's first byte, and of the byte behind the last block once it is used up. */
  #blockStart: number;
  /** Where in the block the next line, or the rest of the unfinished one, begins. */
  #at = 0;
  #lineStart: number;
  #linesFinished: number;
  /** What earlier blocks held of the unfinished line; empty as well when that is too long. */
  #pieces: Buffer[] = [];
  #piecesBytes = 0;
  #beforeBlock: Buffer;
  #beforeUnfinished: Buffer;

  constructor(options: LineSplitterOptions = {}) {
    this.#maxLineBytes = options.maxLineBytes ?? MAX_LINE_BYTES;
    this.#blockStart = options.startByte ?? 0;
    this.#lineStart = this.#blockStart;
    this.#linesFinished = options.linesBefore ?? 0;
    this.#beforeBlock = options.prefix ?? NOTHING;
    this.#beforeUnfinished = this.#beforeBlock;
  }

  /** Offset behind the last line that was handed out. */
  get settledByte(): number {
    return this.#lineStart;
  }

  /** How many lines lie before {@link settledByte}. */
  get settledLines(): number {
    return this.#linesFinished;
  }

  /** The last bytes before {@link settledByte}, for the hash of a position. */
  settledPrefix(): Buffer {
    if (this.#lineStart < this.#blockStart) return this.#beforeUnfinished;
    const settledInBlock = this.#lineStart - this.#blockStart;
    return trailingBytes(this.#beforeBlock, this.#block.subarray(0, settledInBlock));
  }

  /** Takes the block that follows. Only once `next` has returned undefined. */
  feed(block: Buffer): void {
    if (this.#block.length > 0) throw new Error("the block before has not been used up");
    this.#block = block;
  }

  /** The next whole line, or undefined when that needs another block. */
  next(): Line | undefined {
    const lineFeed = this.#block.indexOf(LINE_FEED, this.#at);
    if (lineFeed < 0) {
      this.#putBlockAside();
      return undefined;
    }
    const piece = this.#block.subarray(this.#at, lineFeed);
    this.#at = lineFeed + 1;
    return this.#finishLine(piece, this.#blockStart + this.#at);
  }

  /** At the end of the file: the last line, where no line feed ends it. */
  finish(): Line | undefined {
    this.#putBlockAside();
    if (this.#piecesBytes === 0) return undefined;
    return this.#finishLine(NOTHING, this.#blockStart);
  }

  #putBlockAside(): void {
    if (this.#block.length === 0) return;
    if (this.#lineStart >= this.#blockStart) this.#beforeUnfinished = this.settledPrefix();
    this.#keepPiece(this.#block.subarray(this.#at));
    this.#beforeBlock = trailingBytes(this.#beforeBlock, this.#block);
    this.#blockStart += this.#block.length;
    this.#block = NOTHING;
    this.#at = 0;
  }

  #keepPiece(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#piecesBytes += piece.length;
    if (this.#piecesBytes > this.#maxLineBytes) this.#pieces = [];
    else this.#pieces.push(piece);
  }

  #finishLine(piece: Buffer, end: number): Line {
    const start = this.#lineStart;
    const tooLong = this.#piecesBytes + piece.length > this.#maxLineBytes;
    const isWhole = this.#pieces.length === 0;
    const bytes = isWhole ? piece : Buffer.concat([...this.#pieces, piece]);
    this.#pieces = [];
    this.#piecesBytes = 0;
    this.#lineStart = end;
    this.#linesFinished += 1;
    return { start, end, number: this.#linesFinished, bytes: tooLong ? undefined : bytes };
  }
}
