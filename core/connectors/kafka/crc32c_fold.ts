/**
 * Shortens what a CRC-32C is to be taken of, without changing the checksum.
 *
 * 1 + x^2751 + x^4508 + x^5275 is a multiple of the Castagnoli polynomial, and so is
 * 1 + y^2751 + y^4508 + y^5275 for y = x^128, since squaring a sum over GF(2) squares its terms. A
 * block of 128 bits may therefore be taken away when it is added (XOR) to those that lie 767, 2524
 * and 5275 blocks behind it. That is four loads and a store for 16 bytes, where a table of sums needs
 * a load for each byte.
 */

const BLOCK_BYTES = 16;
const NEAR_BYTES = (5_275 - 4_508) * BLOCK_BYTES;
const MIDDLE_BYTES = (5_275 - 2_751) * BLOCK_BYTES;
/** What remains has this size, and less than a block more. */
const FAR_BYTES = 5_275 * BLOCK_BYTES;

/** Of less than this, most would remain. */
export const MIN_FOLD_BYTES = 256 * 1024;
export const MAX_FOLD_BYTES = 1024 * 1024;
/** The zeros before the bytes, and the bytes. */
const PAGES_COUNT = Math.ceil((FAR_BYTES + MAX_FOLD_BYTES) / (64 * 1024));

/** What of the bytes remains: from `start` up to, not including, `end`. */
export interface Folded {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

interface Folder {
  readonly memory: Uint8Array;
  /** Adds to each block up to `end` those that lie before it; `at` is the farthest of the first. */
  foldAll(at: number, end: number): void;
  /** Adds the block at `from` to that at `to`, and so on, up to `end`. */
  add(from: number, to: number, end: number): void;
}

let folder: Folder | null | undefined;

/**
 * Bytes of the same CRC-32C, far fewer; they stay until the next call. Undefined where this machine
 * has no vectors of 128 bits.
 *
 * @param bytes from {@link MIN_FOLD_BYTES} to {@link MAX_FOLD_BYTES}
 */
export function foldForCrc32c(bytes: Uint8Array): Folded | undefined {
  folder ??= makeFolder();
  if (folder === null) return undefined;
  const { memory } = folder;
  // Nothing but zeros stands before, so that the first blocks need no care of their own.
  const start = FAR_BYTES;
  memory.set(bytes, start);
  invertStart(memory, start);
  const foldedBytes = bytes.length - (bytes.length % BLOCK_BYTES) - FAR_BYTES;
  const rest = start + foldedBytes;
  folder.foldAll(0, foldedBytes);
  for (const distance of [NEAR_BYTES, MIDDLE_BYTES, FAR_BYTES]) {
    folder.add(rest - distance, rest, rest + distance);
  }
  invertStart(memory, rest);
  return { bytes: memory, start: rest, end: start + bytes.length };
}

/** A checksum begins with the first four bytes inverted: before folding, and not again behind it. */
function invertStart(memory: Uint8Array, start: number): void {
  for (let at = start; at < start + 4; at++) memory[at] = ~(memory[at] ?? 0);
}

function makeFolder(): Folder | null {
  let exported: WebAssembly.Instance["exports"];
  try {
    exported = new WebAssembly.Instance(new WebAssembly.Module(assemble())).exports;
  } catch {
    return null;
  }
  const { memory, foldAll, add } = exported;
  if (!(memory instanceof WebAssembly.Memory) || !isFunction(foldAll) || !isFunction(add)) {
    return null;
  }
  return {
    memory: new Uint8Array(memory.buffer),
    foldAll: (at, end) => void foldAll(at, end),
    add: (from, to, end) => void add(from, to, end),
  };
}

function isFunction(value: unknown): value is (...numbers: number[]) => unknown {
  return typeof value === "function";
}

// The instructions of WebAssembly that are needed (https://webassembly.github.io/spec/core/binary/).
const NO_LOCALS = 0x00;
const LOOP = [0x03, 0x40];
const END = 0x0b;
const BRANCH_IF = [0x0d, 0x00];
const LESS_UNSIGNED = 0x49;
const DROP = 0x1a;
const XOR = [0xfd, 0x51];
const I32 = 0x7f;
const ALIGNMENT = 4;
const get = (local: number): number[] => [0x20, local];
const load = (offset: number): number[] => [0xfd, 0x00, ALIGNMENT, ...unsigned(offset)];
const store = (offset: number): number[] => [0xfd, 0x0b, ALIGNMENT, ...unsigned(offset)];
/** Adds the size of a block to a local, whose value then lies on the stack. */
const step = (local: number): number[] => [0x20, local, 0x41, BLOCK_BYTES, 0x6a, 0x22, local];

/** A module of two functions and a memory. */
function assemble(): Uint8Array<ArrayBuffer> {
  const [at, end] = [0, 1];
  const foldAll = [
    [NO_LOCALS, ...LOOP, ...get(at)],
    [...get(at), ...load(0)],
    [...get(at), ...load(FAR_BYTES - MIDDLE_BYTES), ...XOR],
    [...get(at), ...load(FAR_BYTES - NEAR_BYTES), ...XOR],
    [...get(at), ...load(FAR_BYTES), ...XOR, ...store(FAR_BYTES)],
    [...step(at), ...get(end), LESS_UNSIGNED, ...BRANCH_IF, END, END],
  ].flat();
  const [from, to, last] = [0, 1, 2];
  const add = [
    [NO_LOCALS, ...LOOP, ...get(to)],
    [...get(from), ...load(0), ...get(to), ...load(0), ...XOR, ...store(0)],
    [...step(from), DROP, ...step(to), ...get(last), LESS_UNSIGNED, ...BRANCH_IF, END, END],
  ].flat();
  const module = [
    [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    section(1, [2, ...signature(2), ...signature(3)]),
    section(3, [2, 0, 1]),
    section(5, [1, 0, PAGES_COUNT]),
    section(7, [3, ...named("memory"), 2, 0, ...named("foldAll"), 0, 0, ...named("add"), 0, 1]),
    section(10, [2, ...sized(foldAll), ...sized(add)]),
  ];
  return Uint8Array.from(module.flat());
}

/** Of a function that takes integers and returns nothing. */
function signature(parametersCount: number): number[] {
  return [0x60, parametersCount, ...Array<number>(parametersCount).fill(I32), 0];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...sized(content)];
}

function sized(content: readonly number[]): number[] {
  return [...unsigned(content.length), ...content];
}

function named(name: string): number[] {
  return sized([...Buffer.from(name)]);
}

/** An integer as LEB128. */
function unsigned(value: number): number[] {
  const low = value & 0x7f;
  return value < 0x80 ? [low] : [low | 0x80, ...unsigned(value >>> 7)];
}
