/** A bit for each letter that occurs: what one text lacks of another shows without comparing them. */

/** Of the letters from `start` to before `end`, as the catalog keeps them. */
export function maskOfLetters(letters: Uint8Array, start: number, end: number): number {
  let mask = 0;
  for (let at = start; at < end; at += 1) mask |= 1 << bitOf(letters[at] ?? 0);
  return mask;
}

export function maskOfWord(word: string): number {
  let mask = 0;
  for (let at = 0; at < word.length; at += 1) mask |= 1 << bitOf(word.charCodeAt(at));
  return mask;
}

/** Whether more than so many bits are set. */
export function hasMoreBits(mask: number, max: number): boolean {
  let left = mask;
  for (let count = 0; count < max && left !== 0; count += 1) left &= left - 1;
  return left !== 0;
}

/** 26 bits for Latin letters, the others for digits and everything else. */
function bitOf(letter: number): number {
  if (letter >= 0x61 && letter <= 0x7a) return letter - 0x61;
  return letter >= 0x30 && letter <= 0x39 ? 26 + ((letter - 0x30) % 6) : letter & 31;
}
