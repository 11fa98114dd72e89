import {
  nameTexts,
  restTexts,
  squeezedNamesOf,
  WORD_MAX_LENGTH,
  wordsOfText,
} from "../../search/entity_words.ts";
import { foldText, isAscii } from "../../search/fold.ts";
import type { EntityDocument } from "../../search/searcher.ts";
import { asciiWordPlaces } from "../../search/words.ts";
import { PostingsWriter } from "./postings.ts";
import {
  encodeSegment,
  idHeadOf,
  letterCode,
  LISTS_PER_WORD,
  NAME_MAX_LENGTH,
  NO_NAME_LENGTH,
} from "./segment_layout.ts";
import { packTexts, sharedLength, type SortedTexts } from "./sorted_texts.ts";
import { type WordPostings, WordTable } from "./word_table.ts";

/** Texts whose words are remembered: tags, protocols and the like come again and again. */
const TEXTS_MAX_COUNT = 20_000;

/** Collects what entities are found by, for one segment of the catalog. */
export class SegmentBuilder {
  readonly #ids: number[] = [];
  readonly #idHeads: number[] = [];
  readonly #types = new Numbering();
  readonly #controlPlanes = new Numbering();
  readonly #parents: number[] = [];
  readonly #nameLengths: number[] = [];
  readonly #names: string[] = [];
  readonly #nameSlots: number[] = [];
  readonly #words = new WordTable();
  readonly #texts = new Map<string, readonly WordPostings[]>();

  /** Entities. */
  get count(): number {
    return this.#ids.length;
  }

  /** Every word that an entity holds, once. */
  words(): Iterable<string> {
    return this.#words.words;
  }

  /** Adds an entity. Ids rise. */
  add(id: number, document: EntityDocument): void {
    const slot = this.#ids.length;
    this.#ids.push(id);
    this.#idHeads.push(idHeadOf(document.id));
    this.#types.add(document.type);
    this.#controlPlanes.add(document.control_plane ?? "");
    this.#parents.push(document.parent === undefined ? 0 : parentHashOf(document.parent));
    const squeezedNames = squeezedNamesOf(document);
    const [first] = squeezedNames;
    this.#nameLengths.push(first ? Math.min(first.length, NAME_MAX_LENGTH) : NO_NAME_LENGTH);
    for (const name of squeezedNames) {
      this.#names.push(lettersOf(name));
      this.#nameSlots.push(slot);
    }
    for (const text of nameTexts(document)) {
      for (const word of this.#wordsOf(text)) word.addToName(slot);
    }
    for (const text of restTexts(document)) {
      for (const word of this.#wordsOfRepeated(text)) word.addToRest(slot);
    }
  }

  /** The segment, with what the transaction took away from earlier ones. */
  encode(removed: readonly number[]): Uint8Array {
    return encodeSegment({
      removed: Uint32Array.from(removed).toSorted(),
      ids: new Uint32Array(this.#ids),
      idHeads: new Uint32Array(this.#idHeads),
      types: new Uint32Array(this.#types.numbers),
      controlPlanes: new Uint32Array(this.#controlPlanes.numbers),
      parents: new Uint32Array(this.#parents),
      nameLengths: new Uint8Array(this.#nameLengths),
      ...this.#sortedNames(),
      ...this.#sortedWords(),
      typeNames: this.#types.names,
      controlPlaneNames: this.#controlPlanes.names,
    });
  }

  #wordsOfRepeated(text: string): readonly WordPostings[] {
    const known = this.#texts.get(text);
    if (known) return known;
    const found = this.#wordsOf(text);
    if (this.#texts.size < TEXTS_MAX_COUNT) this.#texts.set(text, found);
    return found;
  }

  #wordsOf(text: string): readonly WordPostings[] {
    if (!isAscii(text)) {
      return wordsOfText(text).map((word) => this.#words.find(word, 0, word.length));
    }
    const found: WordPostings[] = [];
    const lower = text.toLowerCase();
    const places = asciiWordPlaces(text);
    for (let at = 0; at < places.length; at += 2) {
      const [start = 0, end = 0] = [places[at], places[at + 1]];
      found.push(this.#words.find(lower, start, Math.min(end, start + WORD_MAX_LENGTH)));
    }
    return found;
  }

  #sortedNames() {
    const names = this.#names;
    const order = Uint32Array.from(names, (_, index) => index).toSorted((a, b) => {
      const [first = "", second = ""] = [names[a], names[b]];
      return first < second ? -1 : first > second ? 1 : a - b;
    });
    const packed = packTexts(Array.from(order, (index) => names[index] ?? ""));
    return {
      names: packed,
      nameSlots: order.map((index) => this.#nameSlots[index] ?? 0),
      shared: sharedLengths(packed),
    };
  }

  #sortedWords() {
    const { words, postings } = this.#words;
    const byBytes = new Map(words.map((word, place) => [bytesOf(word), postings[place]]));
    const sorted = [...byBytes.keys()].toSorted();
    const postingStarts = new Uint32Array(sorted.length * LISTS_PER_WORD + 1);
    const writer = new PostingsWriter(sorted.length * 8);
    for (const [index, word] of sorted.entries()) {
      const { name = [], rest = [] } = byBytes.get(word) ?? {};
      writer.write(name);
      postingStarts[index * LISTS_PER_WORD + 1] = writer.length;
      writer.write(rest);
      postingStarts[index * LISTS_PER_WORD + 2] = writer.length;
    }
    return { words: packTexts(sorted), postingStarts, postings: writer.bytes };
  }
}

/** How many letters each of these shares with the one before it. */
export function sharedLengths({ bytes, starts, count }: SortedTexts): Uint8Array {
  const shared = new Uint8Array(count);
  for (let index = 1; index < count; index += 1) {
    const [first = 0, second = 0, end = 0] = [starts[index - 1], starts[index], starts[index + 1]];
    // The end of a text is no letter of it.
    shared[index] = sharedLength(bytes, { first, second, max: end - second - 1 });
  }
  return shared;
}

/** A name as the catalog keeps it: each character stands for one byte. */
export function lettersOf(squeezed: string): string {
  const text = squeezed.length > NAME_MAX_LENGTH ? squeezed.slice(0, NAME_MAX_LENGTH) : squeezed;
  if (isAscii(text)) return text;
  let letters = "";
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    const code = letterCode(unit);
    if (code !== unit && letters === "") letters = text.slice(0, at);
    if (code !== unit || letters !== "") letters += String.fromCharCode(code);
  }
  return letters === "" ? text : letters;
}

/** A number that stands for the id of what an entity belongs to, never 0. */
export function parentHashOf(parent: string): number {
  return Bun.hash.xxHash32(foldText(parent)) || 1;
}

/** The UTF-8 of a word, each byte as a character: their order is that of the bytes. */
function bytesOf(word: string): string {
  return isAscii(word) ? word : Buffer.from(word).toString("latin1");
}

/** Texts by numbers, in the order in which they come. */
class Numbering {
  readonly numbers: number[] = [];
  readonly #numbers = new Map<string, number>();

  get names(): readonly string[] {
    return [...this.#numbers.keys()];
  }

  add(name: string): void {
    const number = this.#numbers.get(name) ?? this.#numbers.size;
    if (number === this.#numbers.size) this.#numbers.set(name, number);
    this.numbers.push(number);
  }
}
