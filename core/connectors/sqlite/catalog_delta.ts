/**
 * What one transaction does to the catalog, the part of the index that a searcher keeps in memory.
 * It is stored beside the data as one blob, so that a searcher takes up a million entities in the
 * time of reading a file, and a change in the time of a row.
 */
export interface CatalogDelta {
  /** Ids of entities that are gone, or that have got another id. */
  readonly removed: readonly number[];
  /** In rising order of their ids. */
  readonly added: readonly CatalogEntity[];
  /** Words that no entity held before, for typos and beginnings. */
  readonly words: readonly string[];
}

/** An entity as the catalog knows it. */
export interface CatalogEntity {
  readonly id: number;
  readonly type: string;
  /** Empty for none. */
  readonly controlPlane: string;
  /** {@link idHeadOf} its id. */
  readonly idHead: number;
  /** Names without separators, folded, the first name first. */
  readonly names: readonly string[];
}

/** A delta as it is read: columns, for a catalog that copies them as they are. */
export interface CatalogColumns {
  readonly removed: Uint32Array;
  readonly ids: Uint32Array;
  readonly idHeads: Uint32Array;
  readonly types: Uint32Array;
  readonly controlPlanes: Uint32Array;
  /** What the numbers of `types` and `controlPlanes` stand for. */
  readonly typeNames: readonly string[];
  readonly controlPlaneNames: readonly string[];
  readonly words: readonly string[];
  /** Letters of the names, each name ended by {@link NAME_END}, each entity by {@link ENTITY_END}. */
  readonly names: Uint8Array;
}

export const NAME_END = 0;
export const ENTITY_END = 1;
/** Letters of a name that the catalog keeps. */
export const NAME_MAX_LENGTH = 64;

const MAGIC = 0x6b6e6331;
const HEADER_WORDS_COUNT = 5;
const COLUMNS_COUNT = 4;

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

/** Writes a delta. */
export function encodeDelta({ removed, added, words }: CatalogDelta): Uint8Array {
  return encodeColumns({
    removed,
    ids: added.map(({ id }) => id),
    idHeads: added.map(({ idHead }) => idHead),
    types: added.map(({ type }) => type),
    controlPlanes: added.map(({ controlPlane }) => controlPlane),
    words,
    names: namesOf(added),
  });
}

/** A delta by columns, before its types and control planes have numbers. */
export interface PlainColumns {
  readonly removed: readonly number[];
  readonly ids: readonly number[];
  readonly idHeads: readonly number[];
  readonly types: readonly string[];
  readonly controlPlanes: readonly string[];
  readonly words: readonly string[];
  readonly names: Uint8Array;
}

export function encodeColumns(plain: PlainColumns): Uint8Array {
  const { removed, ids, words, names } = plain;
  const types = new Numbering();
  const controlPlanes = new Numbering();
  const columns = new Uint32Array(HEADER_WORDS_COUNT + removed.length + COLUMNS_COUNT * ids.length);
  let at = HEADER_WORDS_COUNT;
  const put = (values: readonly number[]): void => {
    columns.set(values, at);
    at += values.length;
  };
  put(removed);
  put(ids);
  put(plain.idHeads);
  put(plain.types.map((type) => types.of(type)));
  put(plain.controlPlanes.map((controlPlane) => controlPlanes.of(controlPlane)));
  const texts = { types: types.names, controlPlanes: controlPlanes.names, words };
  const json = Buffer.from(JSON.stringify(texts));
  columns.set([MAGIC, removed.length, ids.length, json.length, names.length]);
  return Buffer.concat([Buffer.from(columns.buffer), json, names]);
}

/** Reads what {@link encodeDelta} wrote. Throws a plain error for anything else. */
export function decodeDelta(blob: Uint8Array): CatalogColumns {
  // Numbers can be looked at in place only where they are aligned.
  const bytes = blob.byteOffset % 4 === 0 ? blob : blob.slice();
  const header = new Uint32Array(bytes.buffer, bytes.byteOffset, HEADER_WORDS_COUNT);
  const [magic, removedCount = 0, addedCount = 0, jsonLength = 0, namesLength = 0] = header;
  const wordsCount = HEADER_WORDS_COUNT + removedCount + COLUMNS_COUNT * addedCount;
  if (magic !== MAGIC || bytes.length !== wordsCount * 4 + jsonLength + namesLength) {
    throw new Error("Cannot read a change of the catalog: it is damaged");
  }
  let at = HEADER_WORDS_COUNT;
  const take = (count: number): Uint32Array => {
    const column = new Uint32Array(bytes.buffer, bytes.byteOffset + at * 4, count);
    at += count;
    return column;
  };
  const columns = {
    removed: take(removedCount),
    ids: take(addedCount),
    idHeads: take(addedCount),
    types: take(addedCount),
    controlPlanes: take(addedCount),
  };
  const json = bytes.subarray(wordsCount * 4, wordsCount * 4 + jsonLength);
  const texts: { types: string[]; controlPlanes: string[]; words: string[] } = JSON.parse(
    Buffer.from(json).toString(),
  );
  return {
    ...columns,
    typeNames: texts.types,
    controlPlaneNames: texts.controlPlanes,
    words: texts.words,
    names: bytes.subarray(wordsCount * 4 + jsonLength),
  };
}

function namesOf(entities: readonly CatalogEntity[]): Uint8Array {
  let length = 0;
  for (const { names } of entities) {
    length += 1;
    for (const name of names) length += Math.min(name.length, NAME_MAX_LENGTH) + 1;
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const { names } of entities) {
    for (const name of names) {
      const end = Math.min(name.length, NAME_MAX_LENGTH);
      for (let index = 0; index < end; index += 1) bytes[at++] = letterCode(name.charCodeAt(index));
      bytes[at++] = NAME_END;
    }
    bytes[at++] = ENTITY_END;
  }
  return bytes;
}

/** Numbers texts in the order in which they come. */
class Numbering {
  readonly #numbers = new Map<string, number>();

  get names(): readonly string[] {
    return [...this.#numbers.keys()];
  }

  of(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#numbers.set(name, this.#numbers.size);
    return this.#numbers.size - 1;
  }
}
