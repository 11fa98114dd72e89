/** The slots of entities that hold a word, rising. */
export class WordPostings {
  readonly name: number[] = [];
  readonly rest: number[] = [];

  addToName(slot: number): void {
    if (this.name[this.name.length - 1] !== slot) this.name.push(slot);
  }

  addToRest(slot: number): void {
    if (this.rest[this.rest.length - 1] !== slot) this.rest.push(slot);
  }
}

/**
 * Postings by words. A word is looked up as a part of a text, so that no string is made of the
 * dozen words of each entity, nearly all of which are known.
 */
export class WordTable {
  readonly words: string[] = [];
  readonly postings: WordPostings[] = [];
  readonly #hashes: number[] = [];
  /** By hash: the place of a word plus 1, at this index or behind it. 0 is free. */
  #places = new Int32Array(4_096);

  /** The postings of the word between these places; new ones for a new word. */
  find(text: string, start: number, end: number): WordPostings {
    let hash = 0x811c9dc5;
    for (let at = start; at < end; at += 1) {
      hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    }
    // What follows looks at the low bits, which the last letter alone would decide on.
    hash ^= hash >>> 15;
    const mask = this.#places.length - 1;
    let index = hash & mask;
    for (let place = this.#places[index] ?? 0; place !== 0; place = this.#places[index] ?? 0) {
      const found = this.postings[place - 1];
      const isLike = found && this.#hashes[place - 1] === hash;
      if (isLike && isPartAt(this.words[place - 1] ?? "", text, start, end)) return found;
      index = (index + 1) & mask;
    }
    const postings = new WordPostings();
    this.words.push(text.slice(start, end));
    this.#hashes.push(hash);
    this.#places[index] = this.postings.push(postings);
    if (this.postings.length * 2 > this.#places.length) this.#grow();
    return postings;
  }

  #grow(): void {
    const places = new Int32Array(this.#places.length * 2);
    const mask = places.length - 1;
    for (const [place, hash] of this.#hashes.entries()) {
      let index = hash & mask;
      while (places[index] !== 0) index = (index + 1) & mask;
      places[index] = place + 1;
    }
    this.#places = places;
  }
}

/** Whether a word is what stands between two places of a text. */
function isPartAt(word: string, text: string, start: number, end: number): boolean {
  if (word.length !== end - start) return false;
  for (let at = 0; at < word.length; at += 1) {
    if (word.charCodeAt(at) !== text.charCodeAt(start + at)) return false;
  }
  return true;
}
