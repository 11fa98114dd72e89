/** `orders`, `v2`, `auth0`, `k8s`; not `c04b` and other pieces of random text. */
const VOCABULARY_WORD = /^(?:[^\p{N}]+\p{N}{0,2}|\p{L}\p{N}\p{L})$/u;

/** Whether a word is kept in the vocabulary: numbers and random ones have no typos. */
export function isVocabularyWord(word: string): boolean {
  if (word.length < 2 || word.length > 32) return false;
  let digitsCount = 0;
  for (let at = 0; at < word.length; at += 1) {
    const unit = word.charCodeAt(at);
    if (unit >= 0x30 && unit <= 0x39) digitsCount += 1;
  }
  // Most words are decided on by this, and there are a dozen in each entity.
  if (digitsCount === 0) return true;
  return digitsCount <= 2 && VOCABULARY_WORD.test(word);
}
