import { SortedTexts } from "./sorted_texts.ts";

/**
 * A part of the catalog as it is stored: what some entities are found by, as columns. It is read
 * without being taken apart: a searcher keeps the bytes as they are in the file, and looks at them.
 * Entities are known by their *slot*, their place among the entities of the segment.
 */
export interface SegmentColumns {
  /** Ids of entities of earlier segments that are gone, or that have got another id. Rising. */
  readonly removed: Uint32Array;
  /** Ids of the entities, rising. */
  readonly ids: Uint32Array;
  /** {@link idHeadOf} the id that a person sees. */
  readonly idHeads: Uint32Array;
  /** Indexes of `typeNames` and `controlPlaneNames`. */
  readonly types: Uint32Array;
  readonly controlPlanes: Uint32Array;
  /** {@link parentHashOf} what they belong to; 0 for nothing. */
  readonly parents: Uint32Array;
  /** The length of the first name without its separators, {@link NO_NAME_LENGTH} without any. */
  readonly nameLengths: Uint8Array;
  /** Names without separators, one byte a letter, and the slot that each belongs to. */
  readonly names: SortedTexts;
  readonly nameSlots: Uint32Array;
  /** How many letters each name shares with the one before it. */
  readonly shared: Uint8Array;
  /** Words in UTF-8. */
  readonly words: SortedTexts;
  /** Where the lists of each word begin: of names, then of everything else; and the last one's end. */
  readonly postingStarts: Uint32Array;
  readonly postings: Uint8Array;
  readonly typeNames: readonly string[];
  readonly controlPlaneNames: readonly string[];
}

/** Letters of a name that the catalog keeps. */
export const NAME_MAX_LENGTH = 64;
/** Behind all names. */
export const NO_NAME_LENGTH = 255;
/** A word has a list for names and one for everything else. */
export const LISTS_PER_WORD = 2;

const MAGIC = 0x6b6e6332;

/** The first four characters of an id, which is compared by its beginning. */
export function idHeadOf(id: string): number {
  let head = 0;
  for (let at = 0; at < 4; at += 1) head = (head << 8) | letterCode(id.charCodeAt(at) || 0);
  return head >>> 0;
}

/** One byte for a letter. Beyond ASCII several share one, which costs a comparison, not a match. */
export function letterCode(unit: number): number {
  if (unit < 0x80) return unit >= 0x41 && unit <= 0x5a ? unit | 0x20 : unit;
  return 0x80 | ((unit ^ (unit >> 7)) & 0x7f);
}

/** Writes a segment. */
export function encodeSegment(columns: SegmentColumns): Uint8Array {
  const { typeNames, controlPlaneNames } = columns;
  const names = Buffer.from(JSON.stringify({ typeNames, controlPlaneNames }));
  const numbers = numberColumns(columns);
  const bytes = [...byteColumns(columns), names];
  const header = Uint32Array.of(MAGIC, ...numbers.map(lengthOf), ...bytes.map(lengthOf));
  const parts = [header, ...numbers, ...bytes];
  const blob = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    blob.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at);
    at += part.byteLength;
  }
  return blob;
}

function numberColumns(columns: SegmentColumns): readonly Uint32Array[] {
  const { removed, ids, idHeads, types, controlPlanes, parents } = columns;
  const { nameSlots, names, words, postingStarts } = columns;
  const ofEntities = [removed, ids, idHeads, types, controlPlanes, parents];
  return [...ofEntities, nameSlots, names.starts, words.starts, postingStarts];
}

function byteColumns(columns: SegmentColumns): readonly Uint8Array[] {
  const { nameLengths, shared, names, words, postings } = columns;
  return [nameLengths, shared, names.bytes, words.bytes, postings];
}

function lengthOf(column: Uint32Array | Uint8Array): number {
  return column.length;
}

const NUMBER_COLUMNS_COUNT = 10;
const BYTE_COLUMNS_COUNT = 6;
const HEADER_LENGTH = 1 + NUMBER_COLUMNS_COUNT + BYTE_COLUMNS_COUNT;

/**
 * Reads what {@link encodeSegment} wrote. The columns are views of the blob. Throws a plain error
 * for anything else.
 */
export function decodeSegment(blob: Uint8Array): SegmentColumns {
  // Numbers can be looked at in place only where they are aligned.
  const bytes = blob.byteOffset % 4 === 0 ? blob : blob.slice();
  if (bytes.length < HEADER_LENGTH * 4) throw damaged();
  const header = new Uint32Array(bytes.buffer, bytes.byteOffset, HEADER_LENGTH);
  let at = HEADER_LENGTH * 4;
  let column = 0;
  const nextLength = (size: number): number => {
    column += 1;
    const length = header[column] ?? 0;
    if (at + length * size > bytes.length) throw damaged();
    return length;
  };
  const numbers = (): Uint32Array => {
    const length = nextLength(4);
    const taken = new Uint32Array(bytes.buffer, bytes.byteOffset + at, length);
    at += length * 4;
    return taken;
  };
  const letters = (): Uint8Array => {
    const length = nextLength(1);
    at += length;
    return bytes.subarray(at - length, at);
  };
  if (header[0] !== MAGIC) throw damaged();
  const ofEntities = {
    removed: numbers(),
    ids: numbers(),
    idHeads: numbers(),
    types: numbers(),
    controlPlanes: numbers(),
    parents: numbers(),
    nameSlots: numbers(),
  };
  const [nameStarts, wordStarts, postingStarts] = [numbers(), numbers(), numbers()];
  const [nameLengths, shared, nameLetters] = [letters(), letters(), letters()];
  const [wordLetters, postings, texts] = [letters(), letters(), letters()];
  if (at !== bytes.length) throw damaged();
  const { typeNames, controlPlaneNames }: Pick<SegmentColumns, "typeNames" | "controlPlaneNames"> =
    JSON.parse(Buffer.from(texts).toString());
  return {
    ...ofEntities,
    nameLengths,
    shared,
    names: new SortedTexts(nameLetters, nameStarts),
    words: new SortedTexts(wordLetters, wordStarts),
    postingStarts,
    postings,
    typeNames,
    controlPlaneNames,
  };
}

function damaged(): Error {
  return new Error("Cannot read a part of the catalog: it is damaged");
}
