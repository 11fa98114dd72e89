import { isSameType } from "../../search/type_names.ts";
import type { MatchExpression } from "./match_expression.ts";
import { NearNames } from "./near_names.ts";
import { firstNotBelow, Segment, type SlotFilter } from "./segment.ts";
import { lettersOf } from "./segment_builder.ts";
import { decodeSegment, idHeadOf } from "./segment_layout.ts";

export type { SlotFilter };

/** Counts by the numbers of types and control planes. */
export interface Tally {
  readonly types: Uint32Array;
  readonly controlPlanes: Uint32Array;
  readonly count: number;
}

/** Names near to what was typed: as a whole, or with one of their beginnings. */
export interface NearSlots {
  /** By edits: the slots of names at that distance. */
  readonly whole: readonly (readonly number[])[];
  readonly beginnings: readonly (readonly number[])[];
}

/** Names that hold what was typed inside a word. */
const INSIDE_MAX_COUNT = 400;

/**
 * What all entities are found by, in memory: names, words, types, control planes. It consists of
 * segments, which stay as they are stored. An entity is known by its *slot*, its place among all,
 * which is the same until the next refresh.
 */
export class Catalog {
  readonly typeNames = new Names();
  readonly controlPlaneNames = new Names();
  #segments: readonly Segment[] = [];
  /** The segment that was asked for last. */
  #recent: Segment | undefined;

  /**
   * Takes up what has changed: the segments that there are now, by their rows, in rising order. Those
   * that are new are read. Returns whether anything has changed.
   */
  refresh(rowIds: readonly number[], read: (rowId: number) => Uint8Array): boolean {
    const known = new Map(this.#segments.map((segment) => [segment.rowId, segment]));
    const fresh: Segment[] = [];
    const segments = rowIds.map((rowId) => {
      const segment = known.get(rowId) ?? this.#read(rowId, read(rowId));
      if (!known.has(rowId)) fresh.push(segment);
      return segment;
    });
    if (fresh.length === 0 && segments.length === known.size) return false;
    this.#segments = segments;
    this.#recent = undefined;
    let base = 0;
    for (const segment of segments) {
      segment.base = base;
      base += segment.count;
    }
    for (const segment of fresh) this.#removeBy(segment);
    return true;
  }

  idOf(slot: number): number {
    const segment = this.#segmentOf(slot);
    return segment?.ids[slot - segment.base] ?? 0;
  }

  typeOf(slot: number): number {
    const segment = this.#segmentOf(slot);
    return segment?.types[slot - segment.base] ?? 0;
  }

  controlPlaneOf(slot: number): number {
    const segment = this.#segmentOf(slot);
    return segment?.controlPlanes[slot - segment.base] ?? 0;
  }

  /** The length of the first name without its separators. */
  nameLengthOf(slot: number): number {
    const segment = this.#segmentOf(slot);
    return segment?.nameLengths[slot - segment.base] ?? 0;
  }

  /** Whether an entity is there and passes a filter. */
  passes(slot: number, filter: SlotFilter): boolean {
    const segment = this.#segmentOf(slot);
    return segment?.passes(slot - segment.base, filter) === true;
  }

  /** Entities that fulfil an expression and pass, at most so many, those that are there longest. */
  match(expression: MatchExpression, filter: SlotFilter, maxCount: number): number[] {
    const typesOf = this.#typeMarks();
    const found: number[] = [];
    for (const segment of this.#segments) {
      const bits = segment.fulfilling(expression, typesOf);
      for (let at = 0; at < bits.length; at += 1) {
        for (let left = bits[at] ?? 0; left !== 0; left &= left - 1) {
          const slot = at * 32 + 31 - Math.clz32(left & -left);
          if (!segment.passes(slot, filter)) continue;
          if (found.push(segment.base + slot) === maxCount) return found;
        }
      }
    }
    return found;
  }

  /** Entities whose id begins so, by its first four characters: the rest is for the caller. */
  withIdHead(id: string, filter: SlotFilter): number[] {
    const head = idHeadOf(id);
    const found: number[] = [];
    for (const segment of this.#segments) {
      const { idHeads } = segment;
      for (let slot = 0; slot < idHeads.length; slot += 1) {
        if (idHeads[slot] === head && segment.passes(slot, filter)) found.push(segment.base + slot);
      }
    }
    return found;
  }

  /** Names that begin so, without separators; those that go no further are `whole`. */
  beginningWith(
    squeezed: string,
    filter: SlotFilter,
  ): { readonly whole: number[]; readonly beginnings: number[] } {
    const typed = bytesOf(squeezed);
    const [whole, beginnings]: [number[], number[]] = [[], []];
    for (const segment of this.#segments) {
      const { names, nameSlots, base } = segment;
      const first = names.firstFrom(typed);
      const end = names.endOfPrefix(typed, first);
      for (let name = first; name < end; name += 1) {
        const slot = nameSlots[name] ?? 0;
        if (!segment.passes(slot, filter)) continue;
        (names.lengthOf(name) === typed.length ? whole : beginnings).push(base + slot);
      }
    }
    return { whole, beginnings };
  }

  /** Names within some edits of what was typed, and names that begin within them. */
  near(
    squeezed: string,
    { editsMax, filter }: { readonly editsMax: number; readonly filter: SlotFilter },
  ): NearSlots {
    const near = new NearNames(bytesOf(squeezed), editsMax);
    for (const segment of this.#segments) {
      near.scan(segment.names, segment.shared, (name) => {
        const slot = segment.nameSlots[name] ?? 0;
        return segment.passes(slot, filter) ? segment.base + slot : undefined;
      });
    }
    return near;
  }

  /** How many entities pass, by type and by control plane. */
  tally(filter: SlotFilter): Tally {
    const types = new Uint32Array(this.typeNames.names.length);
    const controlPlanes = new Uint32Array(this.controlPlaneNames.names.length);
    let count = 0;
    for (const segment of this.#segments) {
      for (let slot = 0; slot < segment.count; slot += 1) {
        if (!segment.passes(slot, filter)) continue;
        const [type, controlPlane] = [segment.types[slot] ?? 0, segment.controlPlanes[slot] ?? 0];
        types[type] = (types[type] ?? 0) + 1;
        controlPlanes[controlPlane] = (controlPlanes[controlPlane] ?? 0) + 1;
        count += 1;
      }
    }
    return { types, controlPlanes, count };
  }

  /** Some of the entities that pass: those with the shortest names. */
  shortest(filter: SlotFilter, maxCount: number): number[] {
    const byLength: number[][] = [];
    for (const segment of this.#segments) {
      for (let slot = 0; slot < segment.count; slot += 1) {
        if (!segment.passes(slot, filter)) continue;
        const group = (byLength[segment.nameLengths[slot] ?? 0] ??= []);
        if (group.length < maxCount) group.push(segment.base + slot);
      }
    }
    return byLength.flat().slice(0, maxCount);
  }

  /** Names that hold these letters anywhere. */
  holding(squeezed: string, filter: SlotFilter): number[] {
    const typed = Buffer.from(bytesOf(squeezed));
    const found: number[] = [];
    for (const segment of this.#segments) {
      const { bytes } = segment.names;
      const letters = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      let at = letters.indexOf(typed);
      while (at >= 0 && found.length < INSIDE_MAX_COUNT) {
        const slot = segment.nameSlots[segment.names.indexAt(at)] ?? 0;
        if (segment.passes(slot, filter)) found.push(segment.base + slot);
        at = letters.indexOf(typed, at + 1);
      }
    }
    return found;
  }

  /** Names that are, as a whole, one of these. */
  amongst(squeezedNames: readonly string[], filter: SlotFilter): number[] {
    const found: number[] = [];
    const asked = squeezedNames.map(bytesOf);
    for (const segment of this.#segments) {
      for (const typed of asked) {
        for (
          let name = segment.names.firstFrom(typed);
          segment.names.isEqual(name, typed);
          name += 1
        ) {
          const slot = segment.nameSlots[name] ?? 0;
          if (segment.passes(slot, filter)) found.push(segment.base + slot);
        }
      }
    }
    return found;
  }

  #read(rowId: number, blob: Uint8Array): Segment {
    return new Segment(rowId, decodeSegment(blob), {
      typeNumber: (name) => this.typeNames.numberOf(name),
      controlPlaneNumber: (name) => this.controlPlaneNames.numberOf(name),
    });
  }

  /** What a new segment has taken away, and what others have taken away of it. */
  #removeBy(fresh: Segment): void {
    for (const id of fresh.removed) {
      for (const segment of this.#segments) {
        if (id >= segment.firstId && id <= segment.lastId) segment.kill(id);
      }
    }
    for (const { removed } of this.#segments) {
      for (let at = firstNotBelow(removed, fresh.firstId); at < removed.length; at += 1) {
        const id = removed[at] ?? 0;
        if (id > fresh.lastId) break;
        fresh.kill(id);
      }
    }
  }

  #segmentOf(slot: number): Segment | undefined {
    const recent = this.#recent;
    // Slots come in the order of their segments, more often than not.
    if (recent && slot >= recent.base && slot < recent.base + recent.count) return recent;
    this.#recent = this.#findSegment(slot);
    return this.#recent;
  }

  #findSegment(slot: number): Segment | undefined {
    const segments = this.#segments;
    let [low, high] = [0, segments.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((segments[middle]?.base ?? 0) <= slot) low = middle;
      else high = middle - 1;
    }
    return segments[low];
  }

  /** 1 for each type that is meant, remembered for as long as one expression is looked at. */
  #typeMarks(): (types: readonly string[]) => Uint8Array {
    const known = new Map<readonly string[], Uint8Array>();
    return (types) => {
      const marks =
        known.get(types) ??
        Uint8Array.from(this.typeNames.names, (name) =>
          types.some((type) => isSameType(name, type)) ? 1 : 0,
        );
      known.set(types, marks);
      return marks;
    };
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
}

function bytesOf(squeezed: string): Uint8Array {
  return Buffer.from(lettersOf(squeezed), "latin1");
}
