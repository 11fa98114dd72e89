import {
  type CatalogColumns,
  ENTITY_END,
  idHeadOf,
  letterCode,
  NAME_END,
  NAME_MAX_LENGTH,
} from "./catalog_delta.ts";
import { bits, bytes, Column, numbers } from "./growable.ts";
import { nearness, sharesPair } from "./letter_distance.ts";
import { hasMoreBits, maskOfLetters } from "./letter_mask.ts";

/** Beginnings of a name that have a mask of their own: the shorter, the fewer letters occur in it. */
const HEAD_LENGTHS = [8, 12, 16, 22] as const;

/** Which entities count. A number that stands for a type or control plane indexes the arrays. */
export interface SlotFilter {
  readonly types: Uint8Array | undefined;
  readonly controlPlanes: Uint8Array | undefined;
}

/** Counts by the numbers of types and control planes. */
export interface Tally {
  readonly types: Uint32Array;
  readonly controlPlanes: Uint32Array;
  readonly count: number;
}

/** Names near to what was typed: as a whole, or with one of their beginnings. */
export interface NearNames {
  /** By edits: the slots of names at that distance. */
  readonly whole: readonly (readonly number[])[];
  readonly beginnings: readonly (readonly number[])[];
}

/** So many names at one distance are enough: those further away are not looked for any more. */
const NEAR_ENOUGH_COUNT = 60;
/** Names that hold what was typed inside a word. */
const INSIDE_MAX_COUNT = 400;

/**
 * The names, types and control planes of all entities, in memory: some 60 bytes an entity. Scanning
 * it from one end to the other takes a few milliseconds for a million, and needs no index for
 * beginnings, typos and joined words. An entity is known by its *slot*, the place where it came.
 */
export class Catalog {
  readonly words: string[] = [];
  readonly typeNames = new Names();
  readonly controlPlaneNames = new Names();
  readonly #ids = new Column(numbers);
  readonly #types = new Column(numbers);
  readonly #controlPlanes = new Column(numbers);
  readonly #idHeads = new Column(numbers);
  readonly #nameLengths = new Column(bytes);
  readonly #isAlive = new Column(bytes);
  readonly #letters = new Column(bytes);
  /** A name begins there; it belongs to the entity in that slot. */
  readonly #starts = new Column(numbers);
  readonly #lengths = new Column(bytes);
  readonly #slots = new Column(numbers);
  readonly #masks = new Column(bits);
  readonly #headMasks = HEAD_LENGTHS.map((length) => ({ length, masks: new Column(bits) }));
  /** The first four letters of each name: most are told apart by them. */
  readonly #firstLetters = new Column(numbers);
  readonly #hashes = new Column(bits);
  #liveCount = 0;

  /** Entities that are not deleted. */
  get liveCount(): number {
    return this.#liveCount;
  }

  /** Takes up a change. One that it has seen already, whole or in part, changes nothing. */
  apply(delta: CatalogColumns): void {
    const last = this.#ids.length === 0 ? 0 : (this.#ids.values[this.#ids.length - 1] ?? 0);
    const types = delta.typeNames.map((name) => this.typeNames.numberOf(name));
    const controlPlanes = delta.controlPlaneNames.map((name) =>
      this.controlPlaneNames.numberOf(name),
    );
    let at = 0;
    for (let index = 0; index < delta.ids.length; index += 1) {
      const id = delta.ids[index] ?? 0;
      const isNew = id > last;
      if (isNew) {
        this.#ids.push(id);
        this.#types.push(types[delta.types[index] ?? 0] ?? 0);
        this.#controlPlanes.push(controlPlanes[delta.controlPlanes[index] ?? 0] ?? 0);
        this.#idHeads.push(delta.idHeads[index] ?? 0);
        this.#isAlive.push(1);
        this.#liveCount += 1;
      }
      at = this.#takeNames(delta.names, at, isNew);
    }
    for (const id of delta.removed) {
      const slot = this.slotOf(id);
      if (slot === undefined || this.#isAlive.values[slot] === 0) continue;
      this.#isAlive.values[slot] = 0;
      this.#liveCount -= 1;
    }
    for (const word of delta.words) this.words.push(word);
  }

  idOf(slot: number): number {
    return this.#ids.values[slot] ?? 0;
  }

  typeOf(slot: number): number {
    return this.#types.values[slot] ?? 0;
  }

  controlPlaneOf(slot: number): number {
    return this.#controlPlanes.values[slot] ?? 0;
  }

  /** The length of the first name without its separators. */
  nameLengthOf(slot: number): number {
    return this.#nameLengths.values[slot] ?? 0;
  }

  /** Ids rise with the slots. */
  slotOf(id: number): number | undefined {
    let low = 0;
    let high = this.#ids.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.#ids.values[middle] ?? 0;
      if (found === id) return middle;
      if (found < id) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  /** Whether an entity is there and passes a filter. */
  passes(slot: number, { types, controlPlanes }: SlotFilter): boolean {
    if (this.#isAlive.values[slot] !== 1) return false;
    if (types && types[this.#types.values[slot] ?? 0] !== 1) return false;
    return !controlPlanes || controlPlanes[this.#controlPlanes.values[slot] ?? 0] === 1;
  }

  /** Entities whose id begins so, by its first four characters: the rest is for the caller. */
  withIdHead(id: string, filter: SlotFilter): number[] {
    const head = idHeadOf(id);
    const found: number[] = [];
    const heads = this.#idHeads.values;
    for (let slot = 0; slot < this.#idHeads.length; slot += 1) {
      if (heads[slot] === head && this.passes(slot, filter)) found.push(slot);
    }
    return found;
  }

  /** Names that begin so, without separators; those that go no further are `whole`. */
  beginningWith(
    squeezed: string,
    filter: SlotFilter,
  ): { readonly whole: number[]; readonly beginnings: number[] } {
    const typed = lettersOf(squeezed);
    const [whole, beginnings]: [number[], number[]] = [[], []];
    const firstLetters = this.#firstLetters.values;
    const first = firstLettersOf(typed, 0, typed.length);
    const firstMask = typed.length >= 4 ? -1 : ~(-1 >>> (8 * typed.length));
    const [starts, lengths, letters] = [
      this.#starts.values,
      this.#lengths.values,
      this.#letters.values,
    ];
    for (let entry = 0; entry < this.#starts.length; entry += 1) {
      if ((((firstLetters[entry] ?? 0) ^ first) & firstMask) !== 0) continue;
      if ((lengths[entry] ?? 0) < typed.length) continue;
      const start = starts[entry] ?? 0;
      let at = Math.min(4, typed.length);
      while (at < typed.length && letters[start + at] === typed[at]) at += 1;
      if (at < typed.length) continue;
      const slot = this.#slots.values[entry] ?? 0;
      if (!this.passes(slot, filter)) continue;
      (lengths[entry] === typed.length ? whole : beginnings).push(slot);
    }
    return { whole, beginnings };
  }

  /** Names within some edits of what was typed, and names that begin within them. */
  near(
    squeezed: string,
    { editsMax, filter }: { readonly editsMax: number; readonly filter: SlotFilter },
  ): NearNames {
    const typed = lettersOf(squeezed);
    const mask = maskOfLetters(typed, 0, typed.length);
    const whole: number[][] = [[], [], [], []];
    const beginnings: number[][] = [[], [], [], []];
    const [starts, lengths, letters] = [
      this.#starts.values,
      this.#lengths.values,
      this.#letters.values,
    ];
    const masks = this.#masks.values;
    const beginningMasks = this.#masksOfBeginnings(typed.length + Math.min(editsMax, 2));
    let wholeMax = editsMax;
    let beginningMax = Math.min(editsMax, 2);
    for (let entry = 0; entry < this.#starts.length; entry += 1) {
      const length = lengths[entry] ?? 0;
      const difference = length - typed.length;
      if (difference < -wholeMax) continue;
      const isWhole =
        difference <= wholeMax && !hasMoreBits(mask ^ (masks[entry] ?? 0), wholeMax * 2);
      const isBeginning = !hasMoreBits(mask & ~(beginningMasks[entry] ?? 0), beginningMax);
      if (!isWhole && !isBeginning) continue;
      const start = starts[entry] ?? 0;
      const max = isWhole ? wholeMax : beginningMax;
      if (!sharesPair(typed, { letters, start, length }, max)) continue;
      const near = nearness(typed, { letters, start, length }, max);
      if (near === undefined) continue;
      const slot = this.#slots.values[entry] ?? 0;
      const { whole: wholeEdits, beginning: beginningEdits } = near;
      if (wholeEdits <= wholeMax && this.passes(slot, filter)) {
        whole[wholeEdits]?.push(slot);
        if ((whole[wholeEdits]?.length ?? 0) >= NEAR_ENOUGH_COUNT)
          wholeMax = Math.min(wholeMax, wholeEdits);
      } else if (beginningEdits <= beginningMax && this.passes(slot, filter)) {
        beginnings[beginningEdits]?.push(slot);
        if ((beginnings[beginningEdits]?.length ?? 0) >= NEAR_ENOUGH_COUNT)
          beginningMax = Math.min(beginningMax, beginningEdits);
      }
    }
    return { whole, beginnings };
  }

  /** The masks of the shortest beginnings that are at least so long. */
  #masksOfBeginnings(length: number): Int32Array {
    const head = this.#headMasks.find((other) => other.length >= length);
    return (head?.masks ?? this.#masks).values;
  }

  /** How many entities pass, by type and by control plane. */
  tally(filter: SlotFilter): Tally {
    const types = new Uint32Array(this.typeNames.names.length);
    const controlPlanes = new Uint32Array(this.controlPlaneNames.names.length);
    let count = 0;
    for (let slot = 0; slot < this.#ids.length; slot += 1) {
      if (!this.passes(slot, filter)) continue;
      const [type, controlPlane] = [this.typeOf(slot), this.controlPlaneOf(slot)];
      types[type] = (types[type] ?? 0) + 1;
      controlPlanes[controlPlane] = (controlPlanes[controlPlane] ?? 0) + 1;
      count += 1;
    }
    return { types, controlPlanes, count };
  }

  /** Some of the entities that pass: those with the shortest names. */
  shortest(filter: SlotFilter, maxCount: number): number[] {
    const byLength: number[][] = [];
    for (let slot = 0; slot < this.#ids.length; slot += 1) {
      if (!this.passes(slot, filter)) continue;
      const group = (byLength[this.nameLengthOf(slot)] ??= []);
      if (group.length < maxCount) group.push(slot);
    }
    return byLength.flat().slice(0, maxCount);
  }

  /** Names that hold these letters anywhere. */
  holding(squeezed: string, filter: SlotFilter): number[] {
    const heap = Buffer.from(this.#letters.values.buffer, 0, this.#letters.length);
    const typed = Buffer.from(lettersOf(squeezed));
    const found: number[] = [];
    let at = heap.indexOf(typed);
    while (at >= 0 && found.length < INSIDE_MAX_COUNT) {
      const slot = this.#slots.values[this.#entryAt(at)] ?? 0;
      if (this.passes(slot, filter)) found.push(slot);
      at = heap.indexOf(typed, at + 1);
    }
    return found;
  }

  /** Names that are, as a whole, one of these. */
  amongst(squeezedNames: readonly string[], filter: SlotFilter): number[] {
    const hashes = new Set(
      squeezedNames.map((name) => {
        const letters = lettersOf(name);
        return hashOf(letters, 0, letters.length);
      }),
    );
    // Most hashes are none of them, and two bytes of each tell so.
    const firstLook = new Uint8Array(65_536);
    for (const hash of hashes) firstLook[hash & 0xffff] = 1;
    const found: number[] = [];
    for (let entry = 0; entry < this.#hashes.length; entry += 1) {
      const hash = this.#hashes.values[entry] ?? 0;
      if (firstLook[hash & 0xffff] !== 1 || !hashes.has(hash)) continue;
      const slot = this.#slots.values[entry] ?? 0;
      if (this.passes(slot, filter)) found.push(slot);
    }
    return found;
  }

  /** Reads the names of one entity and returns where the next one's begin. */
  #takeNames(names: Uint8Array, from: number, isNew: boolean): number {
    let start = from;
    let at = from;
    let isFirst = true;
    for (; names[at] !== ENTITY_END; at += 1) {
      if (names[at] !== NAME_END) continue;
      if (isNew) {
        this.#takeName(names, start, at);
        if (isFirst) this.#nameLengths.push(at - start);
        isFirst = false;
      }
      start = at + 1;
    }
    if (isNew && isFirst) this.#nameLengths.push(255);
    return at + 1;
  }

  #takeName(names: Uint8Array, start: number, end: number): void {
    this.#starts.push(this.#letters.length);
    this.#lengths.push(end - start);
    this.#slots.push(this.#ids.length - 1);
    this.#masks.push(maskOfLetters(names, start, end));
    for (const { length, masks } of this.#headMasks) {
      masks.push(maskOfLetters(names, start, Math.min(end, start + length)));
    }
    this.#firstLetters.push(firstLettersOf(names, start, end));
    this.#hashes.push(hashOf(names, start, end));
    this.#letters.append(names.subarray(start, end + 1));
  }

  /** The name that covers a place among the letters. */
  #entryAt(place: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#starts.values[middle] ?? 0) <= place) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Names by the numbers that stand for them. */
class Names {
  readonly names: string[] = [];
  readonly #numbers = new Map<string, number>();

  numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#numbers.set(name, this.names.length);
    return this.names.push(name) - 1;
  }

  find(name: string): number | undefined {
    return this.#numbers.get(name);
  }
}

function lettersOf(squeezed: string): Uint8Array {
  const length = Math.min(squeezed.length, NAME_MAX_LENGTH);
  return Uint8Array.from({ length }, (_, at) => letterCode(squeezed.charCodeAt(at)));
}

/** The first four letters as one number. */
function firstLettersOf(letters: Uint8Array, start: number, end: number): number {
  let first = 0;
  for (let at = start; at < start + 4; at += 1) {
    first = (first << 8) | (at < end ? (letters[at] ?? 0) : 0);
  }
  return first >>> 0;
}

/** FNV-1a. */
function hashOf(letters: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ (letters[at] ?? 0), 0x01000193);
  return hash | 0;
}
