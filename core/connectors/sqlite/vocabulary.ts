import { editDistance, prefixDistance } from "../../search/edit_distance.ts";
import { synonymsOf } from "../../search/synonyms.ts";
import type { QueryWord } from "../../search/words_query.ts";
import { isVocabularyWord } from "./vocabulary_word.ts";
import { hasMoreBits, maskOfWord } from "./letter_mask.ts";

/** Words that one typed word may stand for: more would be of all entities. */
const WORDS_MAX_COUNT = 40;
const PREFIX_TYPO_MIN_LENGTH = 4;

/** What a typed word may stand for, as words of entities. */
export interface Meanings {
  readonly words: readonly string[];
  /** Also whatever begins so: a number or a random word, which the vocabulary does not hold. */
  readonly prefix: string | undefined;
}

/** The words that entities hold, by which a typo and a beginning find what was meant. */
export class Vocabulary {
  readonly #words: string[] = [];
  /** By first letter, the shortest first. */
  readonly #byLetter = new Map<string, string[]>();
  readonly #masks: number[] = [];
  readonly #known = new Set<string>();

  /** Takes up words. Those that it knows change nothing. */
  add(words: Iterable<string>): void {
    const touched = new Set<string[]>();
    for (const word of words) {
      if (this.#known.has(word)) continue;
      this.#words.push(word);
      this.#masks.push(maskOfWord(word));
      this.#known.add(word);
      const letter = word.charAt(0);
      const group = this.#byLetter.get(letter) ?? [];
      if (group.length === 0) this.#byLetter.set(letter, group);
      group.push(word);
      touched.add(group);
    }
    for (const group of touched) group.sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  }

  /** The word itself, its other forms, and words that begin with it. */
  strict(typed: QueryWord): Meanings {
    const words = new Set<string>();
    for (const spelling of spellingsOf(typed)) {
      for (const word of synonymsOf(spelling)) {
        // A word that no entity holds is not worth looking for, unless nobody could know.
        if (this.#known.has(word) || !isVocabularyWord(word)) words.add(word);
      }
      for (const word of this.#byLetter.get(spelling.charAt(0)) ?? []) {
        if (words.size >= WORDS_MAX_COUNT) break;
        if (word.startsWith(spelling)) words.add(word);
      }
    }
    const isKnown = isVocabularyWord(typed.text) && !/\p{N}/u.test(typed.text);
    const isLongEnough = typed.text.length > 1;
    return { words: [...words], prefix: !isKnown && isLongEnough ? typed.text : undefined };
  }

  /** Words that a typo may have been made from, the nearest first, and the strict ones. */
  fuzzy(typed: QueryWord): Meanings {
    const strict = this.strict(typed);
    const { text, editsMax } = typed;
    if (editsMax === 0) return strict;
    const near: string[][] = [[], [], []];
    const mask = maskOfWord(text);
    for (let index = 0; index < this.#words.length; index += 1) {
      const word = this.#words[index] ?? "";
      if (word.length < text.length - editsMax) continue;
      if (hasMoreBits(mask & ~(this.#masks[index] ?? 0), editsMax)) continue;
      const edits = this.#edits(text, word, editsMax);
      if (edits <= editsMax) near[edits]?.push(word);
    }
    const words = new Set(strict.words.slice(0, WORDS_MAX_COUNT));
    for (const word of near.flat()) if (words.size < WORDS_MAX_COUNT * 2) words.add(word);
    return { ...strict, words: [...words] };
  }

  /** Words that hold these letters anywhere. */
  holding(text: string): readonly string[] {
    const found: string[] = [];
    for (let index = 0; index < this.#words.length && found.length < WORDS_MAX_COUNT; index += 1) {
      const word = this.#words[index] ?? "";
      if (word.includes(text)) found.push(word);
    }
    return found;
  }

  #edits(text: string, word: string, max: number): number {
    const whole = editDistance(text, word, max);
    if (whole <= max || text.length < PREFIX_TYPO_MIN_LENGTH) return whole;
    return prefixDistance(text, word, max).edits;
  }
}

function spellingsOf({ text, digraph }: QueryWord): readonly string[] {
  return digraph === undefined ? [text] : [text, digraph];
}
